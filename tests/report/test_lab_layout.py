"""Tables in JupyterLab: nothing overlaps or is cut, and all text is readable in its themes, whatever the system's."""

import nbformat
import pytest

from tests.fixtures.lab import errors_on, open_and_run, serve_lab, set_theme
from tests.fixtures.layout import faint_text, misplaced_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPPOSITE = {"light": "dark", "dark": "light"}
WIDTHS = (900, 1280, 1600)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, tiny_study):
    """A JupyterLab with notebooks that name a filled store."""
    folder = tmp_path_factory.mktemp("lab")
    for stem in ("03_layer_adaptation", "08_claims", "90_explore"):
        notebook = nbformat.read(tiny_study / "report" / "notebooks" / f"{stem}.ipynb", as_version=4)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / f"{stem}.ipynb")
    with serve_lab(folder) as address:
        yield address


@pytest.mark.parametrize("stem", ["03_layer_adaptation", "08_claims", "90_explore"])
def test_tables_are_laid_out_and_readable_in_either_theme(browser, lab, stem):
    page = open_and_run(browser, lab, stem)
    assert errors_on(page) == []
    assert page.locator("figure.table").count() > 1
    for theme, system in OPPOSITE.items():
        page.emulate_media(color_scheme=system)
        set_theme(page, theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 20000})
            page.wait_for_timeout(500)  # JupyterLab lays out again
            assert misplaced_text(page) == [], (theme, width)
            assert faint_text(page) == [], (theme, width)
    page.close()


PAGE = """<style>
  body {{ margin: 0; font: 16px/1.4 sans-serif; background: {background}; color: #222; }}
  table {{ border-collapse: collapse; }} {rules}
</style>
<figure class="table" id="a"><figcaption>A</figcaption>
  <div class="wide"><table><tr><td>PubMedQA and more</td><td><dl><dt>examples</dt> <dd>[39.77, 50]</dd></dl></td></tr>
  </table></div>
</figure>"""


def open_with(browser, rules="", background="#fff"):
    page = browser.new_page(viewport={"width": 700, "height": 400})
    page.set_content(PAGE.format(rules=rules, background=background))
    return page


def test_a_table_without_a_fault_passes(browser):
    page = open_with(browser)
    assert misplaced_text(page) == faint_text(page) == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("td { max-width: 40px; white-space: nowrap; }", "'PubMedQA and more' leaves its cell"),
        ("dt { float: left; width: 20px; } dd { margin: 0; }", "'examples' overlaps '[39.77, 50]'"),
        ("dd { width: 30px; overflow: hidden; white-space: nowrap; }", "'[39.77, 50]' is cut"),
        ("table { width: 900px; } .wide { overflow: hidden; }", "wider than its frame"),
        ("figure { width: 900px; }", "wider than what it is in"),
    ],
)
def test_text_that_is_misplaced_is_found(browser, rules, said):
    assert any(said in line for line in misplaced_text(open_with(browser, rules)))


@pytest.mark.parametrize(
    ("rules", "background", "ratio"),
    [
        ("figcaption { color: #949494; }", "#fff", "3.03"),  # by the formula of WCAG 2
        ("figcaption { color: #e3e7ee; }", "#fff", "1.24"),
        ("figcaption { color: #000; opacity: .4; }", "#fff", "2.85"),
        ("figcaption { background: #0009; color: #000; }", "#fff", "3.66"),
    ],
)
def test_faint_text_is_found(browser, rules, background, ratio):
    (line,) = faint_text(open_with(browser, rules, background))
    assert line.startswith(f"{ratio}:1 of 'A'")
