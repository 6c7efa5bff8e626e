"""What is wrong with a command is said in one line, before torch and other slow libraries are imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SLOW = ("torch", "transformers", "datasets", "pandas", "scipy", "papermill", "optuna", "matplotlib")
PROGRAM = """
import contextlib, io, json, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {slow!r}:
            raise AssertionError(f"{{name}} was imported")

sys.meta_path.insert(0, Block())
from blurbstudy.cli.app import main

ends = []
for words in json.load(sys.stdin):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            main(words)
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:
            code = repr(error)
    ends.append([code, out.getvalue(), errors.getvalue()])
print(json.dumps(ends))
"""
ENCODERS = "{BERT: ./no-encoder}"
WRONG = {  # command -> what is said
    ("run", "-p", "sedes", "3"): "unknown parameter 'sedes' (-p); did you mean 'seeds'?",
    ("run", "-p", "nonsense", "3"): "unknown parameter 'nonsense' (-p); parameters/mini/*.yaml list the parameters",
    ("run", "-p", "seeds", "many"): "seeds='many': expected a number such as 5",
    ("run", "-p", "freeze", "two"): "freeze='two': must be a valid integer or 'embeddings'; freeze is: lowest layers",
    ("run", "-p", "freeze", "-1"): "freeze=-1: must be greater than or equal to 0 or 'embeddings'",
    ("run", "--only", "03_layer_adaption"): "did you mean '03_layer_adaptation'?",
    ("run", "-p", "tasks", "[BIOSES]"): "task='BIOSES' is unknown; did you mean 'BIOSSES'?",
    ("run", "-p", "pruned", "GPT"): "pruned='GPT' is not an encoder; use BERT",
    ("run", "-p", "encoders", ENCODERS): "encoder 'BERT': ./no-encoder is not a folder",
    ("run", "--scale", "paper"): "no data: name the folder of the BLURB datasets (--data DIR)",
    ("run", "--scale", "paper", "--data", "none"): "none: no such folder",
    ("run", "--scale", "paper", "--data", "partial"): "partial: files of BC5-chem, BC5-disease",
    ("run", "--plan-only", "plan.json", "--scale", "small"): "no data: name the folder of the BLURB datasets",
    ("plan", "--scale", "paper"): "no data: name the folder of the BLURB datasets (--data DIR)",
    ("plan", "--scale", "small", "--data", "partial", "-p", "tasks", "[BIOSSES]"): "partial/BIOSSES/train.tsv: no such",
    ("plan", "--store", "file"): "file: is a file; name the folder of a run store",
    ("report", "--store", "none"): "none: no notebook was executed with this run store",
    ("report", "--scale", "huge"): "scale='huge' is unknown",
    ("finetune", "--task", "BIOSES", "--encoder", "x"): "task='BIOSES' is unknown; did you mean 'BIOSSES'?",
    ("finetune", "--task", "BIOSSES", "--encoder", "x"): "no data: name the folder of the datasets (--data DIR)",
    ("finetune", "--task", "BIOSSES", "--data", "none", "--encoder", "x"): "none: no such folder",
    ("finetune", "--task", "BIOSSES", "--data", "mini", "--encoder", "./no"): "encoder './no': ./no is not a folder",
    ("finetune", "--task", "BIOSSES", "--data", "mini", "--encoder", "file"): "encoder 'file': file is not a folder",
    ("finetune", "--task", "BIOSSES", "--data", "mini", "--encoder", "x", "--recipe", "no.yaml"): "no.yaml",
    ("finetune", "--task", "ner", "--train", "no.tsv", "--encoder", "x"): "no.tsv",
    ("recommend", "--task", "BIOSSES", "--data", "none", "--encoder", "x"): "none: no such folder",
    ("export", "abc", "--to", "x"): "runs/finetune: contains no runs",
    ("export", "zzz", "--to", "x", "--store", "store"): "store: no run id starts with 'zzz'",
    ("repeat", "zzz", "--data", "mini", "--store", "store"): "store: no run id starts with 'zzz'",
    ("repeat", "a0", "--data", "none", "--store", "store"): "none: no such folder",
    ("repeat", "a", "--store", "store"): "store: 7 run ids start with 'a': a0000000000000000000, a1",
    ("score", "--run", "zzz", "--store", "store"): "store: no run id starts with 'zzz'",
    ("score", "--run", "a0"): "no store; name the run store that contains the run",
    ("score", "--task", "BIOSES", "--predictions", "x"): "did you mean 'BIOSSES'?",
    ("predict", "text.txt", "--model", "none"): "none: no such directory",
    ("predict", "text.txt", "--model", "store"): "store: is a run store; export a model first",
    ("pretrain", "--objective", "bert", "--corpus", "x", "--out", "y", "--seed", "-1"): "--seed -1 is out of bounds",
    ("data", "check", "--data", "none"): "none: no such folder",
    ("data", "list", "--task", "BIOSES"): "did you mean 'BIOSSES'?",
    ("store", "publish", "--scale", "huge"): "scale='huge' is unknown",
}
COMMANDS = ("run", "report", "finetune", "export", "plan", "predict", "pretrain", "recommend", "repeat", "score")
HELP = [["--help"], ["--version"], *([name, "--help"] for name in (*COMMANDS, "data", "store"))]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Command -> exit code, stdout and stderr, all from one process in which slow imports fail."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "file").touch()
    (folder / "partial" / "BIOSSES").mkdir(parents=True)
    for digit in "0123456":
        record = folder / "store" / "runs" / f"a{digit}" / f"a{digit}{18 * '0'}.json"
        record.parent.mkdir(parents=True)
        record.touch()
    commands = [*map(list, WRONG), *HELP]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    environment.pop("BLURBSTUDY_DATA", None)
    program = PROGRAM.format(slow=set(SLOW))
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(commands),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    made = sorted(path.name for path in folder.iterdir())
    assert made == ["file", "partial", "store"]  # nothing was begun
    return dict(zip(map(tuple, commands), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_an_error_is_one_line_and_needs_no_slow_import(ends, words):
    code, out, errors = ends[words]
    assert (code, out) == (2, "") and WRONG[words] in errors and len(errors.splitlines()) == 1, errors


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_needs_no_slow_import(ends, words):
    code, out, errors = ends[tuple(words)]
    assert (code, errors) == (0, "") and out


def test_an_ambiguous_prefix_lists_five_candidates(ends):
    _, _, errors = ends["repeat", "a", "--store", "store"]
    listed = ", ".join(f"a{digit}{18 * '0'}" for digit in "01234")
    assert errors == f"blurbstudy: store: 7 run ids start with 'a': {listed} and 2 more\n"


def test_an_import_of_torch_would_be_seen():
    program = PROGRAM.format(slow=set(SLOW)).replace(
        "from blurbstudy.cli.app", "import blurbstudy.engine.engine\nfrom x"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True
    )
    assert done.returncode != 0 and "torch was imported" in done.stderr
