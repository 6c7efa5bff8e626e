"""make lab: copies that JupyterLab may write to; edits are never overwritten."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from blurbstudy import paths

SCRIPT = paths.NOTEBOOKS / "copy_for_lab.py"


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the script and one notebook."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / SCRIPT.name).write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    write(folder / "03.ipynb", "seeds = 5")
    return tmp_path


def write(file: Path, source: str, *, outputs=()):
    cell = new_code_cell(source, id="one", outputs=list(outputs), execution_count=len(outputs) or None)
    nbformat.write(new_notebook(cells=[cell]), file)


def source(file: Path) -> str:
    return nbformat.read(file, as_version=4).cells[0].source


def copy(checkout: Path) -> str:
    command = [sys.executable, "notebooks/copy_for_lab.py", "lab"]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout


def test_an_executed_copy_without_edits_keeps_its_outputs_until_the_original_changes(checkout):
    assert copy(checkout) == ""
    write(checkout / "lab" / "03.ipynb", "seeds = 5", outputs=[new_output("stream", text="done")])
    executed = (checkout / "lab" / "03.ipynb").read_text()
    assert copy(checkout) == "" and (checkout / "lab" / "03.ipynb").read_text() == executed
    write(checkout / "notebooks" / "03.ipynb", "seeds = 6")
    assert copy(checkout) == "" and source(checkout / "lab" / "03.ipynb") == "seeds = 6"


def test_an_edited_copy_is_kept_and_told_of_a_changed_original(checkout):
    copy(checkout)
    write(checkout / "lab" / "03.ipynb", "seeds = 3")
    assert copy(checkout) == ""
    write(checkout / "notebooks" / "03.ipynb", "seeds = 6")
    for _ in range(2):
        assert copy(checkout) == (
            "lab/03.ipynb: keeps your edits, while 03.ipynb has changed; delete it to get the new one\n"
        )
        assert source(checkout / "lab" / "03.ipynb") == "seeds = 3"
    (checkout / "lab" / "03.ipynb").unlink()
    assert copy(checkout) == "" and source(checkout / "lab" / "03.ipynb") == "seeds = 6"


def test_a_notebook_of_ones_own_and_a_broken_copy_are_kept(checkout):
    copy(checkout)
    write(checkout / "lab" / "mine.ipynb", "1 + 1")
    (checkout / "lab" / "03.ipynb").write_text("{")
    write(checkout / "notebooks" / "03.ipynb", "seeds = 6")
    assert "keeps your edits" in copy(checkout) and (checkout / "lab" / "03.ipynb").read_text() == "{"
    assert source(checkout / "lab" / "mine.ipynb") == "1 + 1"


def test_every_notebook_is_copied_to_a_folder_that_git_ignores(tmp_path):
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "lab")], check=True)
    copies = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "lab").glob("*.ipynb")}
    originals = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths.NOTEBOOKS.glob("*.ipynb")}
    assert copies == originals
    ignored = (paths.PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    makefile = (paths.PROJECT / "Makefile").read_text(encoding="utf-8")
    assert "/lab/" in ignored and "copy_for_lab.py lab\n" in makefile and "jupyter lab $(ARGS) lab\n" in makefile
