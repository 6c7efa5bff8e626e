"""Execution of notebooks: one that fails is noted, and the others run all the same."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from blurbstudy import paths
from blurbstudy.report.execute import FAILURE, PROVENANCE, execute_notebooks, provenance


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Three notebooks: one raises a StudyError, one another error, one goes through."""
    folder = tmp_path_factory.mktemp("notebooks")
    sources = {
        "00_wrong": "from blurbstudy.errors import ParameterError\nraise ParameterError('freeze=14 is too\\nmuch')",
        "01_broken": "1 / 0",
        "02_fine": "print(scale)",
    }
    for stem, source in sources.items():
        cells = [new_code_cell("scale = 'x'  # the scale", metadata={"tags": ["parameters"]}), new_code_cell(source)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / f"{stem}.ipynb")
    ended = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "NOTEBOOKS", folder)
        done = execute_notebooks(
            {stem: {"scale": "mini"} for stem in sources},
            out=folder / "out",
            on_end=lambda execution: ended.append(execution.notebook),
        )
    assert sorted(ended) == list(sources)
    return {execution.notebook: execution for execution in done}


def test_a_study_error_is_its_message_in_one_line(executed):
    assert executed["00_wrong"].failure == "freeze=14 is too much"


def test_another_error_is_named_by_its_kind(executed):
    assert executed["01_broken"].failure == "ZeroDivisionError: division by zero"


def test_after_a_failure_the_others_run_with_their_parameters(executed):
    assert executed["02_fine"].failure is None
    cells = nbformat.read(executed["02_fine"].path, as_version=4).cells
    assert cells[-1].outputs[0].text == "mini\n"


def test_the_executed_copy_says_what_failed(executed):
    assert nbformat.read(executed["00_wrong"].path, as_version=4).metadata[FAILURE] == "freeze=14 is too much"


@pytest.mark.parametrize("stem", ["00_wrong", "02_fine"])
def test_the_executed_copy_says_of_which_scale_and_store_it_is(executed, stem):
    made = nbformat.read(executed[stem].path, as_version=4).metadata[PROVENANCE]
    assert made == provenance("mini", None) | {"no_finding": True}


def test_notebooks_execute_side_by_side(tmp_path):
    """Each of two waits for what the other leaves: one after the other, the first would wait in vain."""
    wait = "import pathlib, time\npathlib.Path({own!r}).touch()\nuntil = time.time() + 120\n"
    wait += "while not pathlib.Path({other!r}).exists():\n    assert time.time() < until\n    time.sleep(.05)"
    names = {"00_one": "one", "01_two": "two"}
    for stem, name in names.items():
        other = next(n for n in names.values() if n != name)
        source = wait.format(own=str(tmp_path / name), other=str(tmp_path / other))
        cells = [new_code_cell("scale = 'x'  # the scale", metadata={"tags": ["parameters"]}), new_code_cell(source)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / f"{stem}.ipynb")
    ended = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "NOTEBOOKS", tmp_path)
        done = execute_notebooks(
            {stem: {"scale": "mini"} for stem in names},
            out=tmp_path / "out",
            on_end=lambda execution: ended.append(execution.notebook),
        )
    assert [execution.notebook for execution in done] == list(names)
    assert [execution.failure for execution in done] == [None, None]
    assert sorted(ended) == list(names)
