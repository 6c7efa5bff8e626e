"""Notebooks in JupyterLab, in a real browser: all cells run, controls act, a run is started and stopped."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import papermill
import pytest

from blurbstudy import paths
from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_split

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOKEN = "0123456789abcdef" * 3
PATIENCE = 120_000  # milliseconds: the machine may be busy with other tests


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
    """The address of a JupyterLab of its own, which ends with the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        name: str(folder / "home" / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1"]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    command += ["--ServerApp.allow_root=True", f"--LabApp.workspaces_dir={folder / 'home' / 'workspaces'}"]
    log = (folder / "lab.log").open("wb")
    environment = os.environ | own
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=5).close()
                break
            assert server.poll() is None, (folder / "lab.log").read_text()
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)  # which ends its kernels
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=20)
        server.kill()
        log.close()


@pytest.fixture
def open_and_run(browser, lab):
    """Opens a notebook and runs all its cells through the menu, as a person does; gives the page when all are done."""
    pages = []

    def opened(stem):
        page = browser.new_page(viewport={"width": 1300, "height": 11000})  # tall: cells out of sight are not drawn
        page.set_default_timeout(PATIENCE)
        pages.append(page)
        page.goto(f"{lab}/lab/tree/{stem}.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_selector("#jp-bottom-panel >> text=/Python 3.* Idle/")  # else a dialog asks which kernel
        page.locator(".lm-MenuBar-item", has_text="Run").click()
        page.locator(".lm-Menu-item[data-command='runmenu:run-all']").click()
        # The last code cell has a number; a star is one that waits.
        page.wait_for_function(
            "() => { const all = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];"
            " return all.length > 5 && all.every(prompt => /\\[\\d+\\]/.test(prompt.textContent)); }"
        )
        return page

    yield opened
    for page in pages:
        page.close()


def files_of(store):
    return {str(path.relative_to(store)): path.stat().st_size for path in store.rglob("*") if path.is_file()}


def errors_on(page):
    return page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()


def test_the_overview_opens_and_runs(open_and_run):
    page = open_and_run("00_overview")
    assert errors_on(page) == []
    assert page.locator("figure.table").count() > 5 and page.locator("figure.drawing").count() > 1


def test_explore_is_usable_by_hand(open_and_run, folder, mini_data):
    """All cells run, a control changes the figure, wrong predictions are marked, a run starts, moves and is stopped,
    which leaves the store as it was; and saving the notebook keeps no text of the data.
    """
    store = folder / "store"
    page = open_and_run("90_explore")
    assert errors_on(page) == []
    before = files_of(store)

    first = page.locator(".widget-html .panels").first.inner_html()
    page.locator(".widget-dropdown", has_text="Task").first.locator("select").select_option("BC5-chem")
    page.wait_for_function("drawn => document.querySelector('.widget-html .panels').innerHTML !== drawn", arg=first)
    assert "BC5-chem" in page.locator(".widget-html figcaption").first.inner_text()

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
