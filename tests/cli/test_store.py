"""`blurbstudy store`: one line says what was packed, what was merged, and why something was refused."""

import dataclasses
import functools

import pytest

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.store.run_store import RunStore
from blurbstudy.training.run_record import RunRecord


@pytest.fixture
def command(command):
    """Runs `blurbstudy store ...`."""
    return functools.partial(command, "store")


def record(seed, **changes):
    made = RunRecord(
        config=RunConfig(
            task="BioASQ", data_fingerprint="d" * 20, encoder_fingerprint="e" * 20, recipe=Recipe(), seed=seed
        ),
        status="finished",
        stopped_at_step=10,
        selected_step=10,
        scores={"dev": None, "test": 1.0},
        curve={"step": [10], "train_loss": [0.25], "dev_score": [0.5]},
        predictions={"test": ["yes", "no"]},
        seconds=1.5,
        peak_bytes=1000,
    )
    return dataclasses.replace(made, **changes)


def a_store(folder, *records):
    store = RunStore(folder)
    for one in records:
        store.put(one)
    store.put_gold("BioASQ", "d" * 20, "test", ids=["1", "2"], units=["1", "2"], gold=["yes", "no"])
    store.put_metadata("notebook", "00_overview", {"scale": "mini"})
    return store


def test_a_store_goes_into_one_file_and_from_there_into_another_store(command, tmp_path):
    a_store("runs/small", record(1), record(2))
    code, out, errors = command("export", "a.zip", "--scale", "small")
    assert (code, errors) == (0, "")
    assert out == "a.zip: 2 runs, 1 sets of gold labels, 1 metadata files of runs/small, 0.0 MB\n"
    a_store("mine", record(2, seconds=7.0), record(3))
    code, out, errors = command("import", "a.zip", "--store", "mine")
    assert (code, errors) == (0, "")
    assert out == (
        "mine: new: 1 runs, 0 sets of gold labels, 0 metadata files; "
        "already present: 1 runs, 1 sets of gold labels, 1 metadata files\n"
    )
    assert sorted(r.config.seed for r in RunStore("mine").records()) == [1, 2, 3]
    assert RunStore("mine").get(record(2).id).seconds == 7.0


def test_the_store_of_the_mini_scale_is_meant_where_none_is_named(command):
    a_store("runs/mini", record(1))
    assert command("export", "a.zip")[0] == 0
    code, out, _ = command("import", "a.zip", "--scale", "paper")
    assert code == 0 and out.startswith("runs/paper: new: 1 runs") and len(RunStore("runs/paper")) == 1


def test_other_content_under_one_id_is_one_line_and_exit_code_2(command):
    a_store("runs/mini", record(1), record(2))
    a_store("mine", record(2, predictions={"test": ["no", "no"]}))
    command("export", "a.zip")
    code, out, errors = command("import", "a.zip", "--store", "mine")
    assert (code, out) == (2, "") and len(errors.splitlines()) == 1
    assert record(2).id in errors and "predictions 'no' here" in errors and "Nothing was imported" in errors
    assert RunStore("mine").ids() == [record(2).id]


def test_a_score_that_is_not_the_predictions_is_one_line_and_exit_code_2(command):
    a_store("runs/mini", record(1), record(2, scores={"dev": None, "test": 0.75}))
    command("export", "a.zip")
    code, out, errors = command("import", "a.zip", "--store", "mine")
    assert (code, out) == (2, "") and len(errors.splitlines()) == 1
    assert f"run {record(2).id} (BioASQ): its stored test score is 0.75, its predictions score 1.0" in errors
    assert len(RunStore("mine")) == 0


def test_runs_that_cannot_be_scored_anew_are_told(command):
    RunStore("runs/mini").put(record(1))
    command("export", "a.zip")
    _, out, _ = command("import", "a.zip", "--store", "mine")
    told = "1 of the new runs could not be rescored: their gold labels are in neither store"
    assert out.splitlines()[1:] == [told] and len(RunStore("mine")) == 1


def test_facts_that_differ_are_told_with_the_option_that_takes_them(command):
    a_store("runs/mini", record(1))
    command("export", "a.zip")
    RunStore("mine").put_metadata("notebook", "00_overview", {"scale": "small"})
    _, out, _ = command("import", "a.zip", "--store", "mine")
    assert out.splitlines()[1:] == ["1 metadata files differ and were kept (--replace-metadata replaces them)"]
    assert RunStore("mine").metadata("notebook", "00_overview") == {"scale": "small"}
    _, out, _ = command("import", "a.zip", "--store", "mine", "--replace-metadata")
    assert out.splitlines()[1:] == ["1 metadata files differed and were replaced"]
    assert RunStore("mine").metadata("notebook", "00_overview") == {"scale": "mini"}


def test_runs_of_another_version_are_told(command, monkeypatch):
    a_store("runs/mini", record(1))
    for module in ("blurbstudy.config", "blurbstudy.store.run_store"):
        monkeypatch.setattr(f"{module}.TRAINER_REVISION", 999)
    _, out, _ = command("export", "a.zip")
    assert "1 of the runs are of another version of blurbstudy; they are included" in out
    _, out, _ = command("import", "a.zip", "--store", "mine")
    assert "1 of the new runs are of another version of blurbstudy; no table has them" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "a.zip", "--scale", "mini", "--store", "x"], "--scale and --store are mutually exclusive"),
        (["export", "a.zip", "--scale", "../x"], "scale='../x' is unknown; use mini, small or paper"),
        (["export", "a.zip", "--store", "x"], "x: expected a run store with runs"),
        (["import", "a.zip"], "a.zip: import rejected: no such file; name one that blurbstudy store export wrote"),
    ],
)
def test_a_wrong_name_is_one_line_and_nothing_is_made(command, tmp_path, words, message):
    code, out, errors = command(*words)
    assert (code, out) == (2, "") and message in errors and len(errors.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
