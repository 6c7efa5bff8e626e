"""Notebooks in JupyterLab, in a real browser: all cells run, controls act, a run is started and stopped."""

import json
import re
import time

import papermill
import pytest

from blurbstudy import paths
from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_split
from tests.fixtures.lab import errors_on, open_and_run, serve_lab

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_encoder):
    """Two notebooks as a person has them, their first cell naming a small store and a tiny encoder."""
    made = tmp_path_factory.mktemp("lab")
    told = {"store": str(made / "store"), "encoders": {"BERT": str(tiny_encoder)}, "tasks": ["BC5-chem", "BIOSSES"]}
    fill(RunStore(told["store"]), encoders=told["encoders"])
    own = {
        "00_overview": {"general_vocabulary": None, "scoring_epochs": 0.1, "scoring_max_length": 48},
        "90_explore": {"live_epochs": 1000, "live_max_length": 48},
    }
    for stem, values in own.items():
        notebook = paths.NOTEBOOKS / f"{stem}.ipynb"
        papermill.execute_notebook(notebook, made / f"{stem}.ipynb", parameters=told | values, prepare_only=True)
    return made


def fill(store, *, encoders):
    """Two settings of two seeds."""
    sources = resolve_sources(store, tasks=["BIOSSES"], encoders=encoders, data="mini")
    recipes = [Recipe(epochs=1, max_length=48, n_evaluations=2, learning_rate=rate) for rate in (1e-4, 1e-3)]
    runs = [sources.run_config("BIOSSES", "BERT", recipe=recipe, seed=seed) for recipe in recipes for seed in (1, 2)]
    run_missing(runs, store, sources=sources, engine=LocalEngine(device="cpu", workers=1), progress="silent")


@pytest.fixture(scope="module")
def lab(folder):
    with serve_lab(folder) as address:
        yield address


def files_of(store):
    return {str(path.relative_to(store)): path.stat().st_size for path in store.rglob("*") if path.is_file()}


def test_the_overview_opens_and_runs(browser, lab):
    page = open_and_run(browser, lab, "00_overview")
    assert errors_on(page) == []
    assert page.locator("figure.table").count() > 5 and page.locator("figure.drawing").count() > 0


def test_explore_is_usable_by_hand(browser, lab, folder, mini_data):
    """All cells run, a control changes the figure, wrong predictions are marked, a run starts, moves and is stopped,
    which leaves the store as it was; and saving the notebook keeps no text of the data.
    """
    store = folder / "store"
    page = open_and_run(browser, lab, "90_explore")
    assert errors_on(page) == []
    before = files_of(store)

    assert len(set(texts := page.locator("figcaption").all_inner_texts())) == len(texts)  # nothing stands there twice
    control = page.locator(".widget-dropdown").first.bounding_box()
    injected = page.locator(".jp-CodeCell", has_text="# Parameters").bounding_box()  # by this test alone
    assert control["y"] + control["height"] - injected["height"] < 900  # on the first screen

    page.locator(".widget-dropdown", has_text="Task").first.locator("select").select_option("BC5-chem")
    page.wait_for_function("() => document.querySelector('.widget-html figcaption').textContent.includes('BC5-chem')")

    for part in (".widget-html", ".jp-RenderedHTMLCommon"):
        with page.expect_download() as caught:
            page.locator(f"{part} figure.table a[download]").first.click()
        assert caught.value.suggested_filename.endswith(".csv")

    texts = page.locator(".predictions .texts li.wrong p.text")
    texts.first.wait_for()
    spoken = {text for example in read_split(get_task("BIOSSES"), mini_data, split="test") for text in example.texts}
    assert set(texts.all_inner_texts()) <= spoken

    page.locator(".widget-button:text-is('Start')").click()
    page.wait_for_function("() => /step \\d+ of/.test(document.body.textContent)")
    one = step_shown(page)
    page.wait_for_function(
        "n => +(/step ([\\d,]+) of/.exec(document.body.textContent)[1].replace(',', '')) > n", arg=one
    )
    page.locator("figure.drawing", has_text="seed 1").last.wait_for()
    page.locator(".widget-button:text-is('Stop')").click()
    page.wait_for_selector("text=It left no record in the store")
    assert files_of(store) == before
    assert all(RunStore(store).get(run_id) is not None for run_id in RunStore(store))
    page.wait_for_selector(".widget-button:text-is('Start'):enabled")

    page.keyboard.press("Control+s")
    saved = folder / "90_explore.ipynb"
    for _ in range(100):
        kept = json.loads(saved.read_text(encoding="utf-8"))
        if any(cell.get("outputs") for cell in kept["cells"]):
            break
        time.sleep(0.2)
    assert any(cell.get("outputs") for cell in kept["cells"])
    assert not any(text in saved.read_text(encoding="utf-8") for text in spoken)


def step_shown(page):
    return int(re.search(r"step ([\d,]+) of", page.text_content("body"))[1].replace(",", ""))
