"""Playing changes nothing: after executions by hand with other parameters, the same report is built of the store."""

import shutil
import subprocess
import sys

import nbformat
import papermill
import pytest

from blurbstudy import paths
from blurbstudy.store.run_store import RunStore

PLAYED = "03_layer_adaptation"
PAGES = (PLAYED, "08_claims", "90_explore")  # the notebook itself, and those that show runs of all


def build(store, folder):
    command = [sys.executable, "-m", "blurbstudy", "report", "--store", str(store), "--report", str(folder)]
    subprocess.run([*command, "--only", *PAGES], cwd=paths.PROJECT, check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def execute(store, out, **changes):
    """Execute the notebook as papermill's own user does."""
    given = RunStore(store).metadata("notebook", PLAYED) | {"store": str(store)} | changes
    papermill.execute_notebook(
        paths.NOTEBOOKS / f"{PLAYED}.ipynb", out, parameters=given, progress_bar=False, cwd=out.parent
    )
    return nbformat.read(out, as_version=4)


@pytest.mark.slow
def test_after_an_execution_by_hand_with_other_parameters_every_file_of_the_report_is_the_same(tiny_study, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_study / "store", store)
    before, n_runs = build(store, tmp_path / "report"), len(RunStore(store))
    executed = execute(store, tmp_path / "out.ipynb", seeds=[3], tasks=["BIOSSES"], freeze=0)
    n_new = len(RunStore(store)) - n_runs
    printed = [output.text for cell in executed.cells for output in cell.get("outputs", ()) if "text" in output]
    assert n_new > 0 and any(text.startswith(f"{n_new} runs: {n_new} trained, ") for text in printed)
    assert printed[0].startswith(f"{PLAYED}: 0 of {n_new} runs found, run store {store}, generated data")
    shown = "".join(
        "".join(o.data.get("text/html", "")) for c in executed.cells for o in c.get("outputs", ()) if "data" in o
    )
    assert "changed: " in shown and "seeds 3" in shown
    assert build(store, tmp_path / "report") == before
    assert set(PAGES) <= {name.removesuffix(".html") for name in before}
