"""blurbstudy score: the numbers for people or as JSON, and what is asked wrongly in one line."""

from __future__ import annotations

import json

import pytest
import typer

from blurbstudy import paths
from blurbstudy.cli_score import score
from blurbstudy.errors import DataError, ParameterError

LINES = {"train": "1\tIs it?\tIt is.\tyes\n2\tIs it?\tNo.\tno\n3\tWho?\tIt is.\tyes\n", "dev": "4\tq\tc\tno\n",
         "test": "".join(f"{i}\tIs it?\tIt is.\t{'no' if i % 2 else 'yes'}\n" for i in range(5, 15))}  # fmt: skip

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(score)


@app.callback()
def group():
    """So that score keeps its name."""


@pytest.fixture
def asked(tmp_path, capsys, monkeypatch):
    """Runs the command beside a BioASQ folder; stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(paths.DATA_SETTING, raising=False)
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


def test_the_numbers_for_people(asked):
    out, err = asked(*OPTIONS)
    assert out.startswith("BioASQ test: accuracy (times 100) of preds.tsv\nscore 50.00, 95% interval [") and not err
    assert "(bootstrap over questions), n = 10\ntrivial score 50.00 (the majority label of train)" in out


def test_json_is_one_object_and_nothing_else(asked):
    out, _ = asked(*OPTIONS, "--json")
    values = json.loads(out)
    assert (values["task"], values["split"], values["metric"]) == ("BioASQ", "test", "accuracy")
    assert (values["score"], values["n"], values["trivial"]) == (0.5, 10, 0.5)
    assert values["interval"][0] < 0.5 < values["interval"][1]


def test_the_data_folder_may_stand_in_the_environment(asked, tmp_path, monkeypatch):
    monkeypatch.setenv(paths.DATA_SETTING, str(tmp_path / "data"))
    assert "score 50.00" in asked("--task", "BioASQ", "--predictions", "preds.tsv").out


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (OPTIONS[:4], ParameterError, "name the predictions once: --predictions FILE, or --run ID with --store DIR"),
        ((*OPTIONS, "--run", "x"), ParameterError, "name the predictions once"),
        (OPTIONS[2:], ParameterError, "no task: name the one that the predictions are for"),
        (OPTIONS[:2] + OPTIONS[4:], ParameterError, "no data: name the folder of the datasets"),
        (("--run", "x"), ParameterError, "no store: name the folder of the run store"),
        ((*OPTIONS, "--split", "all"), ParameterError, "split='all' is unknown"),
        ((*OPTIONS, "--split", "dev"), DataError, "preds.tsv, line 2: 10 of 10 ids are unknown, the first is '5'"),
        (("--task", "HoC", *OPTIONS[2:]), DataError, "has no folder 'HoC'"),
        ((*OPTIONS[:4], "--predictions", "none.tsv"), DataError, "none.tsv: found a file that cannot be read"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(asked, words, error, message):
    with pytest.raises(error) as caught:
        asked(*words)
    assert message in str(caught.value) and "\n" not in str(caught.value)
