"""A notebook's session: which names count as parameters, how an interruption and an error are told."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from blurbstudy import paths
from blurbstudy.errors import Interrupted, ParameterError, StudyError
from blurbstudy.sections import layer_adaptation
from blurbstudy.study import notebook_session as module
from blurbstudy.study.notebook_session import (
    interruptible,
    names_set_by_parameters,
    namespace_parameters,
    notebook_parameters,
)
from blurbstudy.study.parameters import scale_parameters

KNOWN = ("scale", "seeds", "freeze")
PARAMETERS = 'scale = "mini"  # a scale\nseeds = 5\nfreeze = 1'
INJECTED = "# Parameters\nseeds = 2\nscale = 'mini'\nfreeze = 3\n"  # as papermill writes it
STUDY = "study = Study(section, globals())"


@pytest.fixture
def shell(monkeypatch):
    """The session of a kernel that has executed no cell yet."""
    made = SimpleNamespace(user_ns={"In": [""]}, user_ns_hidden={"_ih": [], "exit": None})
    monkeypatch.setattr(module, "_shell", lambda: made)
    return made


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([], None),
        (["1 + 1", STUDY], None),
        (["", PARAMETERS, STUDY], {*KNOWN}),
        ([PARAMETERS + "\nsedes = 3", STUDY], {*KNOWN, "sedes"}),
        ([PARAMETERS, "# Parameters\nsedes = 3\n", STUDY], {*KNOWN, "sedes"}),
        ([PARAMETERS + "\nsedes = 3", INJECTED, STUDY], {*KNOWN, "sedes"}),
        ([PARAMETERS, "sedes = 3", STUDY, "title = 'x'"], {*KNOWN, "sedes"}),
        ([PARAMETERS + "\nsedes = 3", STUDY, PARAMETERS, STUDY], {*KNOWN}),  # corrected, and run again
        ([PARAMETERS + "\nsedes = 3", PARAMETERS, STUDY], {*KNOWN}),
        ([PARAMETERS, STUDY, "title = 'x'", "a = b = 2\nprint(a)", STUDY], {*KNOWN}),  # the notebook's own variables
        ([PARAMETERS, "%matplotlib inline", "title = 'x'", STUDY], {*KNOWN}),
    ],
)
def test_names_of_the_last_parameters_cell_and_of_assignments_right_after_it_are_parameters(cells, expected):
    assert names_set_by_parameters(cells, KNOWN) == expected


def test_in_a_kernel_own_variables_are_no_parameters_and_a_typo_is(shell):
    shell.user_ns["In"] += [PARAMETERS, STUDY]
    names = {"scale": "mini", "seeds": 5, "freeze": 1, "title": "x", "_1": 3}
    assert namespace_parameters(names, KNOWN) == {"scale": "mini", "seeds": 5, "freeze": 1}
    shell.user_ns["In"] += [PARAMETERS + "\nsedes = 3", STUDY]
    assert namespace_parameters(names | {"sedes": 3}, KNOWN)["sedes"] == 3


def test_without_a_record_of_cells_literals_count_but_objects_and_names_with_an_underscore_do_not(shell):
    names = {"_": 1, "_1": 1, "_i1": "x", "__name__": "__main__", "__doc__": None, "exit": object(), "Path": type}
    names |= {"In": [], "seeds": 3, "nonsense": None}
    assert namespace_parameters(names, {"seeds"}) == {"seeds": 3, "nonsense": None}


def test_an_interruption_is_one_sentence_in_a_kernel_alone(shell, monkeypatch):
    sentence = r"^Interrupted\. Finished runs are in the store: run this cell again to resume\.$"
    with pytest.raises(Interrupted, match=sentence), interruptible():
        raise KeyboardInterrupt
    monkeypatch.setattr(module, "_shell", lambda: None)
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [StudyError, ParameterError, Interrupted])
def test_ipython_shows_an_error_of_the_study_as_its_sentence(kind, capsys):
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        shell.user_ns["kind"] = kind
        shell.run_cell("raise kind('freeze=14 exceeds 2 layers; use 0 to 2')")
    finally:
        InteractiveShell.clear_instance()
    assert capsys.readouterr().out == "freeze=14 exceeds 2 layers; use 0 to 2\n"


@pytest.mark.parametrize(
    ("trains", "store_is_here", "expected"),
    [(True, True, "project"), (True, False, "project"), (False, False, "project"), (False, True, "elsewhere")],
)
def test_paths_are_the_projects_but_a_report_reads_the_store_that_it_was_called_with(
    shell, tmp_path, monkeypatch, trains, store_is_here, expected
):
    for name in ("project/notebooks", "elsewhere", *(["elsewhere/runs/x"] if store_is_here else [])):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(paths, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "project" / "notebooks")
    monkeypatch.chdir(tmp_path / "elsewhere")
    values = scale_parameters("mini", layer_adaptation.NOTEBOOK) | {"store": "runs/x", "train_missing": trains}
    assert notebook_parameters(layer_adaptation, values).store == "runs/x"
    assert Path.cwd() == tmp_path / expected


def test_outside_a_notebook_the_working_directory_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_shell", lambda: None)
    monkeypatch.chdir(tmp_path)
    notebook_parameters(layer_adaptation, scale_parameters("mini", layer_adaptation.NOTEBOOK))
    assert Path.cwd() == tmp_path
