"""The report: every page whole in itself, failures shown, text from data escaped, missing notebooks named."""

import base64
import hashlib
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from blurbstudy.report.execute import FAILURE, PROVENANCE, provenance
from blurbstudy.report.html import SCRIPT_FILE, build_first_page, build_report
from blurbstudy.sections import NOTEBOOKS
from blurbstudy.tables.header import Header
from blurbstudy.tables.paper import NOTEBOOK_OF
from blurbstudy.tables.table import KeyFinding, Table, page_link

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def report(tmp_path):
    """A report of one executed notebook, which failed after an answer; the others were not executed."""
    answer = KeyFinding(question=f"Why? {EVIL}", sentences=[f"Because. {EVIL}"])
    outputs = [
        new_output("display_data", data={"text/html": "<style>p{}</style>", Header.MIME: {"html": "<p>shown</p>"}}),
        new_output("display_data", data=answer._repr_mimebundle_()),
        new_output("stream", name="stderr", text=f"a message {EVIL}"),
        new_output("error", ename="ParameterError", evalue=f"wrong {EVIL}", traceback=[f"line {EVIL}"]),
    ]
    marker = new_markdown_cell("papermill's own", metadata={"tags": ["papermill-error-cell-tag"]})
    cells = [marker, new_markdown_cell("# A heading"), new_code_cell(f"x = '{EVIL}'", outputs=outputs)]
    (tmp_path / "notebooks").mkdir()
    made = {PROVENANCE: provenance("mini", None) | {"no_finding": True}}
    notebook = new_notebook(cells=cells, metadata={"title": "Overview", FAILURE: f"wrong {EVIL}"} | made)
    nbformat.write(notebook, tmp_path / "notebooks" / f"{NOTEBOOKS[0]}.ipynb")
    build_report(tmp_path, scale="mini")
    return {path.stem: path.read_text() for path in tmp_path.glob("*.html")}


def test_there_is_a_page_for_what_was_executed_and_a_first_page(report):
    assert set(report) == {"index", NOTEBOOKS[0]}


def test_no_page_holds_a_script_but_the_reports_own_or_asks_for_another_file(report):
    script = SCRIPT_FILE.read_text(encoding="utf-8")
    assert not re.search(r"fetch|XMLHttpRequest|import|https?:|eval|innerHTML", script)
    for html in report.values():
        assert re.findall(r"<script[^>]*>(.*?)</script>", html, flags=re.S) == [script]
        assert html.count("<script") == 1
        assert not re.search(r"@import|url\((?!data:)", html)
        for target in re.findall(r"(?:src|href)=\"([^\"]*)\"", html):
            assert target.startswith(("#", "data:")) or re.fullmatch(r"[\w]+\.html(#[\w-]+)?", target), target


def test_the_policy_of_every_page_lets_the_reports_own_script_run_and_nothing_be_fetched(report):
    digest = base64.b64encode(hashlib.sha256(SCRIPT_FILE.read_bytes()).digest()).decode()
    for html in report.values():
        (policy,) = re.findall(r'content="(default-src[^"]*)"', html)
        assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_the_first_page_links_every_table_of_the_paper_or_says_that_it_is_not_there(tmp_path):
    stem = NOTEBOOK_OF["Table 3"]
    table = Table(title="Table 3. Optimization", columns=("a",), rows=[("x",)], front_page_question="Asked?")
    other = Table(title="Something else", columns=("a",), rows=[("y",)])
    outputs = [new_output("display_data", data=one._repr_mimebundle_()) for one in (table, other)]
    executed(tmp_path, stem, scale="mini", store="s", cells=[new_code_cell("x", outputs=outputs)])
    html = build_report(tmp_path, scale="mini", store="s").read_text()
    assert f'href="{stem}.html#table-3-optimization"' in html and f'href="{stem}.html#something-else"' in html
    page = (tmp_path / f"{stem}.html").read_text()
    assert 'id="table-3-optimization"' in page and 'id="something-else"' in page
    for name, notebook in NOTEBOOK_OF.items():
        assert name == "Table 3" or f"{name} ({notebook})" in html
    assert html.count('<figure class="table" id="table-3-optimization"') == 1  # shown here too
    assert 'id="something-else"' not in html


def test_answers_to_the_questions_of_the_study_stand_first_and_once(tmp_path):
    first, second = NOTEBOOKS[:2]
    for stem, front in ((first, False), (second, True)):
        answer = KeyFinding(question=f"Of {stem}?", sentences=["Yes."], on_front_page=front)
        outputs = [new_output("display_data", data=answer._repr_mimebundle_())]
        executed(tmp_path, stem, scale="mini", store="s", cells=[new_code_cell("x", outputs=outputs)])
    html = build_report(tmp_path, scale="mini", store="s").read_text()
    assert html.index(f"Of {second}?") < html.index("Every table") < html.index(f"Of {first}?")
    assert html.count(f">Of {second}?</a></h2>") == 1
    assert f'id="of-{second.replace("_", "-")}"' in html and f'<a href="#of-{second.replace("_", "-")}">' in html


def test_a_table_of_the_first_page_stands_below_the_answers_and_names_pages_by_links(tmp_path):
    first, second, third = NOTEBOOKS[:3]
    rows = [("x", page_link(first)), ("y", page_link(third))]
    table = Table(title="Shown", columns=("a", "b"), rows=rows, front_page_question="Safe & sound?")
    for stem, said in ((first, "Safe & sound?"), (second, "And then?")):
        answer = KeyFinding(question=said, sentences=["Yes."], on_front_page=True)
        outputs = [new_output("display_data", data=answer._repr_mimebundle_())]
        outputs += [new_output("display_data", data=table._repr_mimebundle_())] * (stem == first)
        executed(tmp_path, stem, scale="mini", store="s", cells=[new_code_cell("x", outputs=outputs)])
    html = build_report(tmp_path, scale="mini", store="s").read_text()
    assert html.index(">Safe &amp; sound?<") < html.index(">And then?<") < html.index('id="shown"')
    assert f'<td><a href="{first}.html">{first}</a></td>' in html  # its title is its name here
    assert f"<td>{third}</td>" in html  # not executed, so no page


def test_text_from_data_is_escaped_and_still_readable(report):
    assert report["index"].count("&lt;script&gt;") >= 3
    assert report[NOTEBOOKS[0]].count("&lt;script&gt;") >= 5


def test_the_first_page_shows_answers_failures_and_what_was_not_executed(report):
    html = report["index"]
    assert "Because." in html and "Overview failed." in html
    assert NOTEBOOKS[1] in not_executed(html) and NOTEBOOKS[0] not in not_executed(html)


def test_a_first_page_without_answers_says_what_would_answer(report):
    assert "blurbstudy run --scale mini --only 08_claims" in report["index"].partition("Every table")[0]


def test_every_page_of_the_mini_scale_says_that_it_is_no_finding(report):
    assert all("do not cite" in html for html in report.values())


def test_a_failed_page_shows_the_failure_above_and_folds_the_traceback(report):
    html = report[NOTEBOOKS[0]]
    assert html.index('role="alert"') < html.index("A heading")
    assert "papermill's own" not in html
    assert re.search(r"<details[^>]*><summary>Traceback</summary>", html)


def test_code_is_folded_away_and_the_notebooks_own_stylesheet_is_not_repeated(report):
    html = report[NOTEBOOKS[0]]
    assert re.search(r"<details[^>]*><summary>The code of this page, with the default parameters</summary>", html)
    assert html.count("<style>") == 1 and "<p>shown</p>" in html


def test_a_page_whose_notebook_is_gone_is_removed(tmp_path):
    stale = tmp_path / f"{NOTEBOOKS[0]}.html"
    stale.write_text("old")
    build_report(tmp_path, scale="paper")
    assert not stale.exists()
    assert "do not cite" not in (tmp_path / "index.html").read_text()


def not_executed(html):
    """The notebooks that the first page of a scale names as not executed."""
    (names,) = re.findall(r"Not executed in this store yet: ([^.<]*)\.\nExecute", html)
    return names.split(", ")


def executed(folder, stem, *, scale, store, no_finding=False, cells=()):
    """An executed copy as `blurbstudy run` leaves it."""
    (folder / "notebooks").mkdir(exist_ok=True)
    metadata = {"title": stem, PROVENANCE: provenance(scale, store) | {"no_finding": no_finding}}
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), folder / "notebooks" / f"{stem}.ipynb")


@pytest.mark.parametrize(("scale", "store"), [("small", "one"), ("mini", "other")])
def test_a_page_of_another_scale_or_store_is_not_shown_as_this_ones(tmp_path, scale, store):
    first, second, third = NOTEBOOKS[:3]
    executed(tmp_path, first, scale="mini", store=tmp_path / "one")
    executed(tmp_path, second, scale=scale, store=tmp_path / store)
    (tmp_path / "notebooks" / f"{third}.ipynb").write_text(nbformat.writes(new_notebook()))  # says nothing of itself
    (tmp_path / f"{second}.html").write_text("of an earlier report")
    html = build_report(tmp_path, scale="mini", store=tmp_path / "one").read_text()
    assert {path.stem for path in tmp_path.glob("*.html")} == {"index", first}
    assert {second, third} <= set(not_executed(html)) and first not in not_executed(html)


def test_the_stamp_knows_a_folder_by_any_of_its_names_and_does_not_hold_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        provenance("mini", "runs/mini")
        == provenance("mini", None)
        == provenance("mini", tmp_path / "x" / ".." / "runs" / "mini")
    )
    assert "runs" not in provenance("mini", None)["store"]


def test_generated_data_are_no_finding_at_any_scale(tmp_path):
    first, second = NOTEBOOKS[:2]
    executed(tmp_path, first, scale="small", store="s", no_finding=True)
    executed(tmp_path, second, scale="small", store="s")
    said = ["do not cite" in build_report(tmp_path, scale="small", store="s").read_text()]
    said += ["do not cite" in (tmp_path / f"{stem}.html").read_text() for stem in (first, second)]
    assert said == [True, True, False]


def test_injected_parameters_are_left_out_of_the_page_and_kept_in_the_notebook(tmp_path):
    stem = NOTEBOOKS[0]
    cells = [new_code_cell("store = '/home/someone/store'", metadata={"tags": ["injected-parameters"]})]
    executed(tmp_path, stem, scale="mini", store="s", cells=cells)
    build_report(tmp_path, scale="mini", store="s")
    assert "someone" not in (tmp_path / f"{stem}.html").read_text()
    assert "someone" in (tmp_path / "notebooks" / f"{stem}.ipynb").read_text()


@pytest.fixture
def two_scales(tmp_path):
    """Reports of the demonstration and of a real study, each with an answer of 08_claims, and a folder of neither."""
    for scale in ("mini", "small"):
        folder = tmp_path / scale
        answer = KeyFinding(question="Which settings are safe?", sentences=[f"{scale}: {EVIL}"], on_front_page=True)
        cell = new_code_cell("x", outputs=[new_output("display_data", data=answer._repr_mimebundle_())])
        made = {PROVENANCE: provenance(scale, None) | {"no_finding": scale == "mini"}}
        (folder / "notebooks").mkdir(parents=True)
        notebook = new_notebook(cells=[cell], metadata={"title": "Claims"} | made)
        nbformat.write(notebook, folder / "notebooks" / "08_claims.ipynb")
        build_report(folder, scale=scale, has_first_page=True)
    (tmp_path / "mine").mkdir()
    return tmp_path


def test_the_first_page_leads_with_findings_and_warns_of_the_demonstration_alone(two_scales):
    html = build_first_page(two_scales).read_text(encoding="utf-8")
    real, demonstration = html.split('<section id="mini">')
    assert "small: &lt;script" in real and "do not cite" not in real
    assert "mini: &lt;script" in demonstration and demonstration.count("do not cite") == 1
    links = set(re.findall(r'href="([^"#][^"]*\.html)"', html)) - {"index.html"}
    assert links == {f"{scale}/{page}.html" for scale in ("mini", "small") for page in ("index", "08_claims")}
    assert all((two_scales / link).is_file() for link in links)


def test_pages_lead_back_to_the_first_page_where_there_is_one(two_scales):
    link = '<a href="../index.html">All scales</a>'
    build_first_page(two_scales)
    for page in ("index", "08_claims"):
        assert link in (two_scales / "small" / f"{page}.html").read_text(encoding="utf-8")
    build_report(two_scales / "small", scale="small")
    assert link not in (two_scales / "small" / "index.html").read_text(encoding="utf-8")


def test_the_first_page_has_no_part_for_a_scale_without_a_report(two_scales):
    (two_scales / "small" / "index.html").unlink()
    html = build_first_page(two_scales).read_text(encoding="utf-8")
    assert 'id="small"' not in html and 'id="mini"' in html
