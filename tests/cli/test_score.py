"""blurbstudy score: text and JSON output, and wrong arguments in one line."""

from __future__ import annotations

import json

import pytest
import typer

from blurbstudy import paths
from blurbstudy.cli.score import score
from blurbstudy.config import Recipe, RunConfig
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.store.run_store import RunStore
from blurbstudy.training.run_record import RunRecord

LINES = {
    "train": "1\tIs it?\tIt is.\tyes\n2\tIs it?\tNo.\tno\n3\tWho?\tIt is.\tyes\n",
    "dev": "4\tq\tc\tno\n",
    "test": "".join(f"{i}\tIs it?\tIt is.\t{'no' if i % 2 else 'yes'}\n" for i in range(5, 15)),
}

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(score)


@app.callback()
def group():
    """A second command, so that the first keeps its name."""


@pytest.fixture
def run_score(tmp_path, capsys, monkeypatch):
    """Run the command next to a BioASQ folder; returns stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(paths.DATA_ENV, raising=False)
    (tmp_path / "data" / "BioASQ").mkdir(parents=True)
    for split, text in LINES.items():
        (tmp_path / "data" / "BioASQ" / f"{split}.tsv").write_text(text)
    (tmp_path / "preds.tsv").write_text("id\tprediction\n" + "".join(f"{i}\tyes\n" for i in range(5, 15)))

    def run(*words):
        capsys.readouterr()
        app(["score", *words], standalone_mode=False)
        return capsys.readouterr()

    return run


OPTIONS = ("--task", "bioasq", "--data", "data", "--predictions", "preds.tsv")


def test_the_numbers_for_people(run_score):
    out, err = run_score(*OPTIONS)
    assert out.startswith("BioASQ test: accuracy (times 100) of preds.tsv\nscore 50.00, 95% CI [") and not err
    assert "(bootstrap over questions), n = 10\ncaveat: 10 of 10 examples of test are also in train" in out
    assert "\ntrivial baseline 50.00 (the majority label of train)\n" in out


def test_json_is_one_object_and_nothing_else(run_score):
    out, _ = run_score(*OPTIONS, "--json")
    values = json.loads(out)
    assert (values["task"], values["split"], values["metric"]) == ("BioASQ", "test", "accuracy")
    assert (values["score"], values["n"], values["trivial"]) == (0.5, 10, 0.5)
    assert values["interval"][0] < 0.5 < values["interval"][1]


def test_the_data_folder_may_stand_in_the_environment(run_score, tmp_path, monkeypatch):
    monkeypatch.setenv(paths.DATA_ENV, str(tmp_path / "data"))
    assert "score 50.00" in run_score("--task", "BioASQ", "--predictions", "preds.tsv").out


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (OPTIONS[:4], ParameterError, "name the predictions once: --predictions FILE, or --run ID"),
        ((*OPTIONS, "--run", "x"), ParameterError, "name the predictions once"),
        (OPTIONS[2:], ParameterError, "no task; name the task of the predictions"),
        (OPTIONS[:2] + OPTIONS[4:], ParameterError, "no data: name the folder of the datasets"),
        (("--run", "x"), ParameterError, "runs/: has no run store; name the one that contains the run (--store DIR)"),
        ((*OPTIONS, "--export", "x.tsv"), ParameterError, "--export writes the predictions of a run; add --run"),
        ((*OPTIONS, "--split", "all"), ParameterError, "split='all' is unknown"),
        ((*OPTIONS, "--split", "dev"), DataError, "preds.tsv, line 2: found unknown id '5'"),
        (("--task", "HoC", *OPTIONS[2:]), DataError, "has no folder 'HoC'"),
        ((*OPTIONS[:4], "--predictions", "none.tsv"), DataError, "none.tsv: found a file that cannot be read"),
    ],
)
def test_wrong_arguments_are_one_line(run_score, words, error, message):
    with pytest.raises(error) as caught:
        run_score(*words)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def run(run_score, tmp_path):
    """A store with one run on the data; the options that name it."""
    store = RunStore(tmp_path / "store")
    sources = resolve_sources(store, tasks=["BioASQ"], encoders={}, data="data")
    data = sources.fingerprints["BioASQ"]
    predicted = {"dev": ["no"], "test": ["no"] * 4 + ["yes"] * 6}
    record = RunRecord(
        config=RunConfig(task="BioASQ", data_fingerprint=data, encoder_fingerprint="e" * 20, recipe=Recipe(), seed=1),
        status="finished",
        stopped_at_step=1,
        selected_step=1,
        scores={"dev": 1.0, "test": 0.5},
        curve={},
        predictions=predicted,
        seconds=1.0,
        peak_bytes=1,
        environment={},
    )
    store.put(record)
    return "--run", record.id, "--store", "store"


def test_a_run_s_predictions_are_exported_and_read_again(run_score, run, tmp_path):
    out, _ = run_score(*run, "--data", "data", "--export", "mine.tsv")
    assert out.endswith("predictions written to mine.tsv\n")
    again = json.loads(run_score(*OPTIONS[:4], "--predictions", "mine.tsv", "--json").out)
    kept = json.loads(run_score(*run, "--data", "data", "--export", "other.tsv", "--json").out)
    assert kept["caveats"] is None and [caveat["kind"] for caveat in again["caveats"]] == ["leakage", "few"]
    assert again | {"predictions": "", "caveats": None} == kept | {"predictions": ""}
    assert (tmp_path / "other.tsv").read_bytes() == (tmp_path / "mine.tsv").read_bytes()


def test_without_a_store_the_run_is_found_in_the_folder_of_stores(run_score, run, tmp_path):
    _, run_id, _, store = run
    (tmp_path / "runs" / "mini" / "runs").mkdir(parents=True)
    (tmp_path / store).rename(tmp_path / "runs" / "small")
    assert run_score("--run", run_id[:6]).out == run_score("--run", run_id, "--store", "runs/small").out
    with pytest.raises(
        ParameterError, match="runs/mini, runs/small: no run id starts with 'zzz'; name another run store"
    ):
        run_score("--run", "zzz")
    copy = tmp_path / "runs" / "mini" / "runs" / "aa" / f"{run_id[:4]}{'0' * 16}.json"
    copy.parent.mkdir()
    copy.touch()
    with pytest.raises(ParameterError, match="runs/mini, runs/small: several runs have ids that start with"):
        run_score("--run", run_id[:4])


def test_an_export_overwrites_nothing_and_needs_the_data(run_score, run, tmp_path):
    with pytest.raises(ParameterError, match="preds.tsv: exists; name another file or remove it"):
        run_score(*run, "--data", "data", "--export", "preds.tsv")
    with pytest.raises(ParameterError, match="no data: name the folder of the datasets"):
        run_score(*run, "--export", "mine.tsv")
    (tmp_path / "data" / "BioASQ" / "dev.tsv").write_text("4\tq\tc\tyes\n")
    with pytest.raises(StudyError, match="used BioASQ with fingerprint"):
        run_score(*run, "--data", "data", "--export", "mine.tsv")
    assert not (tmp_path / "mine.tsv").exists()
