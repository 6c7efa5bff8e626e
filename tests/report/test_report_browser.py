"""The report in a real browser: no error on the console, no request leaves the page, nothing wider than a phone."""

import shutil
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe

from blurbstudy.sections import NOTEBOOKS
from tests.fixtures.layout import faint_text, misplaced_text

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ["index", *NOTEBOOKS]


@pytest.fixture
def open_page(browser, tiny_study):
    """Opens a page of the report; what it asked for and what it complained of are noted on it."""
    opened = []

    def open_one(stem, *, width=1200, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto((tiny_study / "report" / f"{stem}.html").as_uri(), wait_until="load")
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        page.close()


@pytest.mark.parametrize("stem", PAGES)
def test_no_console_error_and_no_request_leaves_the_page(open_page, stem):
    page = open_page(stem)
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith("data:")] == [page.url]


@pytest.mark.parametrize("stem", PAGES)
def test_on_a_phone_the_page_does_not_scroll_sideways(open_page, stem):
    page = open_page(stem, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("stem", PAGES)
def test_every_figure_is_drawn_with_letters_that_can_be_read_and_has_a_text_in_its_place(open_page, stem):
    """At least 9 px on a phone."""
    drawn = """[...document.querySelectorAll('figure.drawing .panels')].map(panels => [
        panels.ariaLabel.length, ...[...panels.querySelectorAll('svg')].map(
            svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)])"""
    found = open_page(stem, width=390).evaluate(drawn)
    assert found or stem in ("index", "08_claims")
    for label, *sizes in found:
        assert label > 20 and sizes and min(sizes) >= 9


def test_dark_and_light_follow_the_readers_setting(open_page):
    shade = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_page("index", scheme=scheme).evaluate(shade) for scheme in ("light", "dark"))
    assert light != dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("stem", PAGES)
def test_axe_finds_no_fault_of_accessibility(browser, tiny_study, stem, scheme):
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # axe is a script of its own
    page = context.new_page()
    page.goto((tiny_study / "report" / f"{stem}.html").as_uri(), wait_until="load")
    found = Axe().run(page).response["violations"]
    context.close()
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_the_answer_is_on_the_first_screen(open_page, stem):
    page = open_page(stem, width=1280)
    answer = page.locator("ul.answer li").first.bounding_box()
    assert answer is not None and answer["y"] + answer["height"] <= 800


def test_all_numbers_of_a_score_open_on_hover_focus_and_tap_and_escape_closes_them(open_page):
    page = open_page("03_layer_adaptation", width=1280)
    score = page.locator("td .score:has(.details)").first
    details = score.locator(".details")
    assert not details.is_visible()
    score.hover()
    assert details.is_visible() and "seeds" in details.inner_text()
    page.mouse.move(0, 0)
    assert not details.is_visible()
    score.focus()
    assert details.is_visible()
    page.keyboard.press("Escape")
    assert not details.is_visible()
    described = score.get_attribute("aria-describedby")
    assert page.locator(f"#{described}").count() == 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("stem", PAGES)
def test_all_text_is_readable(open_page, stem, width):
    page = open_page(stem, width=width)
    assert misplaced_text(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert faint_text(page, within="body") == []


def test_links_between_pages_work_without_a_server(open_page):
    page = open_page("index")
    for stem in NOTEBOOKS:
        page.click(f"nav a[href='{stem}.html']")
        assert page.url.endswith(f"{stem}.html") and page.locator("h1").count() == 1
        page.click("nav a.name")


def test_a_heading_sorts_its_table_by_keyboard_up_down_and_back(open_page):
    page = open_page("03_layer_adaptation")
    table = page.locator("figure.table", has_text="Table 4.").first
    column, means = 2, "rows => rows.map(row => row.cells[row.cells.length - 2].textContent)"
    before = table.locator("tbody tr").evaluate_all(means)
    head = table.locator("thead th").nth(column)
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").focus()
    numbers = "rows => rows.map(row => row.cells[2].dataset.value).filter(v => v !== undefined).map(Number)"
    for state in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == state
        found = table.locator("tbody tr").evaluate_all(numbers)
        assert len(found) == 7 and found == sorted(found, reverse=state == "descending")
        assert table.locator("tbody th[rowspan]").count() == 0  # each row has headings of its own
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    assert table.locator("tbody tr").evaluate_all(means) == before
    assert page.complaints == []


def test_rows_without_a_score_come_last_either_way(open_page):
    page = open_page("03_layer_adaptation")
    table = page.locator("figure.table", has_text="Table 4.").first
    button = table.locator("thead th button").nth(2)
    for _ in range(2):
        button.click()
        assert "no path given" in table.locator("tbody tr").last.inner_text()


def test_a_table_is_downloaded_as_csv_without_a_request(open_page):
    page = open_page("03_layer_adaptation")
    with page.expect_download() as caught:
        page.locator("figure.table", has_text="Table 4.").first.locator("a[download]").click()
    assert caught.value.suggested_filename.startswith("table-4-") and caught.value.suggested_filename.endswith(".csv")
    with open(caught.value.path(), encoding="utf-8") as file:
        assert file.readline().startswith("Encoder,Technique,SS: mean,SS: sd")
    assert [url for url in page.asked if not url.startswith("data:")] == [page.url]


@pytest.mark.parametrize("stem", PAGES)
def test_in_print_nothing_is_cut_off_by_a_scrolling_frame(open_page, stem):
    page = open_page(stem, width=1030)  # A4 across, between its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1030
    assert page.locator("details.code").evaluate_all("all => all.every(one => !one.checkVisibility())")
    frames = "[...document.querySelectorAll('figure .wide')].map(e => getComputedStyle(e).overflowX)"
    assert set(page.evaluate(frames)) <= {"visible"}
    assert page.locator("header.top").count() == 0 or not page.locator("header.top").is_visible()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not installed")
def test_in_print_the_head_of_a_long_table_stands_on_every_page(open_page, tmp_path):
    page = open_page("03_layer_adaptation")
    body = page.locator("figure.table", has_text="Recipes behind the columns").locator("tbody")
    body.evaluate("body => { for (let i = 0; i < 120; i++) body.append(body.rows[0].cloneNode(true)) }")
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
    )
    setting = body.locator("tr").first.locator("th").first.inner_text()
    pages = [one for one in text.stdout.split("\f") if one.count(setting) > 10]
    assert len(pages) > 2 and all("Techniques" in one for one in pages)


def test_the_first_page_leads_to_every_table_of_the_paper_that_is_there(open_page):
    page = open_page("index")
    links = page.locator("section.contents ul.tables").first.locator("a")
    assert links.count() >= 4
    for index in range(links.count()):
        title = links.nth(index).inner_text()
        links.nth(index).click()
        name = page.url.rpartition("#")[2]
        assert page.locator(f"figure#{name} figcaption").inner_text() == title
        page.go_back()


@pytest.mark.parametrize(("width", "most"), [(1280, 8_000), (390, 12_000)])
def test_the_page_of_claims_is_short_and_its_answer_is_on_the_first_screen(open_page, width, most):
    page = open_page("08_claims", width=width)
    assert page.evaluate("document.documentElement.scrollHeight") < most
    answer = page.locator("p.in-short")
    assert "Of 52 claims, our runs confirm" in answer.inner_text()
    box = answer.bounding_box()
    assert box["y"] + box["height"] <= 800


def test_a_claim_opens_by_keyboard_on_its_criterion_and_its_comparisons(open_page):
    page = open_page("08_claims")
    row = page.locator("figure.verdicts details.row").first
    assert row.get_attribute("open") is None and not row.locator(".details").is_visible()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    details = row.locator(".details")
    assert details.is_visible() and "Confirmed if" in details.inner_text() and details.locator("tbody tr").count() > 0


@pytest.mark.parametrize("width", [1280, 390])
def test_the_map_of_collapse_needs_no_scrolling_sideways(open_page, width):
    frame = open_page("08_claims", width=width).locator("figure#where-fine-tuning-collapses .wide")
    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")
