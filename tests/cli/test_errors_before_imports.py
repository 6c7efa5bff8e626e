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
NER = ("--task", "ner", "--train", "train.conll")
BIOSSES = ("--task", "BIOSSES", "--data", "mini")
PRETRAIN = ("pretrain", "--objective", "bert", "--corpus", "train.conll", "--out")
WRONG = {  # command -> what is said
    ("run", "-p", "sedes", "3"): "unknown parameter 'sedes' (-p); did you mean 'seeds'?",
    ("run", "-p", "nonsense", "3"): "unknown parameter 'nonsense' (-p); parameters/mini/*.yaml list the parameters",
    ("run", "-p", "seeds", "many"): "seeds='many': expected a number such as 5",
    ("run", "-p", "freeze", "two"): "freeze='two': must be a valid integer or 'embeddings'; freeze is: lowest layers",
    ("run", "-p", "freeze", "-1"): "freeze=-1: must be greater than or equal to 0 or 'embeddings'",
    ("run", "--only", "03_layer_adaption"): "did you mean '03_layer_adaptation'?",
    ("run", "-p", "tasks", "[BIOSES]"): "task='BIOSES' is unknown; did you mean 'BIOSSES'?",
    ("run", "-p", "tasks", "BIOSES"): "tasks='BIOSES': must be a list; write -p tasks '[BIOSSES]'; tasks is: BLURB",
    ("run", "-p", "encoders", "x"): "encoders='x': must be a mapping; write -p encoders '{NAME: x}'",
    ("run", "-p", "device", "gpu"): "device='gpu': must be 'auto', 'cpu' or 'cuda' (did you mean 'cuda'?)",
    ("run", "--address", "auto"): "--address auto is of a Ray cluster; add --engine ray",
    ("run", "--engine", "slurm"): "engine='slurm': must be 'local', 'ray' or 'worker'",
    ("work", "--store", "none"): "none: has no plan of the wanted runs; write one: blurbstudy run --plan-only",
    ("work", "--device", "gpu"): "did you mean 'cuda'?",
    ("run", "-p", "encoders", "{BERT: nonexist}"): "nonexist: neither a local directory nor downloadable from the Hub",
    ("run", "-p", "encoders", "{BERT: 'pretrain:brt'}"): "objective='brt' is unknown; did you mean 'bert'?",
    ("run", "-p", "pruned", "GPT"): "pruned='GPT' is not an encoder; use BERT",
    ("run", "-p", "encoders", ENCODERS): "encoder 'BERT': ./no-encoder is not a folder",
    ("run", "--scale", "paper"): "no data: name the folder of the BLURB datasets (--data DIR)",
    ("run", "--scale", "paper", "--data", "none"): "none: no such folder",
    ("run", "--scale", "paper", "--data", "partial"): "partial: files of BC5-chem, BC5-disease",
    ("run", "--plan-only", "--scale", "small"): "no data: name the folder of the BLURB datasets",
    ("plan", "--scale", "paper"): "no data: name the folder of the BLURB datasets (--data DIR)",
    ("plan", "--scale", "small", "--data", "partial", "-p", "tasks", "[BIOSSES]"): "partial/BIOSSES/train.tsv: no such",
    ("plan", "--scale", "smal"): "scale='smal' is unknown; did you mean 'small'?",
    ("plan", "--device", "gpu"): "(did you mean 'cuda'?)",
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
    (
        "finetune",
        "--task",
        "nre",
        "--train",
        "train.conll",
        "--encoder",
        "x",
    ): "task='nre' is unknown; did you mean 'ner'",
    ("finetune", "--task", "nre", "--encoder", "x"): "task='nre' is unknown; did you mean 'ner'?",
    ("finetune", *NER, "--encoder", "x", "--metric", "entity_f"): "did you mean 'entity_f1'?",
    ("finetune", *NER, "--encoder", "x", "--format", "conl"): "format='conl' is unknown; did you mean 'conll'?",
    ("finetune", *NER, "--encoder", "x", "--scheme", "iob"): "scheme='iob' is unknown; did you mean 'iob",
    (
        "finetune",
        *NER,
        "--encoder",
        "x",
        "--discontinuous",
        "skp",
    ): "discontinuous='skp' is unknown; did you mean 'skip'?",
    ("finetune", *NER, "--encoder", "x", "--columns", "txt=1"): "columns: 'txt' is not a role; did you mean 'text'?",
    ("finetune", *NER, "--encoder", "x"): "train.conll: found 1 example, of which 0",
    ("finetune", *BIOSSES, "--encoder", "x", "--recipe", "recomended"): "did you mean 'recommended'?",
    (
        "finetune",
        *BIOSSES,
        "--encoder",
        "x",
        "--recipe",
        "mixout.yaml",
    ): "unknown stabilizer 'mixout'; use remove_layers",
    ("finetune", *BIOSSES, "--encoder", "x", "--recipe", "focal.yaml"): "focal_gamma is of tasks with labels, but BIOS",
    ("finetune", *BIOSSES, "--encoder", "x", "--device", "gpu"): "device='gpu' is unknown; did you mean 'cuda'?",
    ("finetune", *BIOSSES, "--encoder", "x", "--model-dir", "partial"): "partial: is not empty; name another directory",
    (
        "finetune",
        *BIOSSES,
        "--encoder",
        "x",
        "--splits",
        "5x4",
        "--model-dir",
        "y",
    ): "with --splits no model is exported",
    (
        "finetune",
        *BIOSSES,
        "--encoder",
        "x",
        "--learning-curve",
        "--seeds",
        "3",
    ): "a learning curve needs 5 seeds or more",
    ("finetune", "--task", "HoC", "--data", "mini", "--encoder", "x", "--splits", "5x4"): "HoC has no resampled splits",
    ("finetune", *BIOSSES, "--encoder", "hub:PubMedBERT-BSE"): "did you mean 'PubMedBERT-BASE'?",
    (
        "finetune",
        *BIOSSES,
        "--encoder",
        "nonexist",
    ): "nonexist: neither a local directory nor downloadable from the Hub",
    ("finetune", *BIOSSES, "--encoder", "partial"): "partial: no config.json; name a Hugging Face checkpoint directory",
    ("finetune", *BIOSSES, "--encoder", "pretrain:bert?config=mni"): "did you mean 'mini'?",
    (
        "recommend",
        *BIOSSES,
        "--encoder",
        "nonexist",
    ): "nonexist: neither a local directory nor downloadable from the Hub",
    ("recommend", *BIOSSES, "--encoder", "x", "--device", "gpu"): "device='gpu' is unknown; did you mean 'cuda'?",
    ("recommend", "--task", "BIOSSES", "--data", "none", "--encoder", "x"): "none: no such folder",
    ("export", "abc", "--to", "x"): "runs/finetune: contains no runs",
    ("export", "zzz", "--to", "x", "--store", "store"): "store: no run id starts with 'zzz'",
    ("export", "abc", "--to", "x", "--int8"): "--int8 works with --onnx; pass both or neither",
    ("export", "model", "--to", "partial", "--onnx"): "partial: is not empty; name another directory",
    ("export", "abc", "--to", "x", "--device", "gpu"): "device='gpu' is unknown; did you mean 'cuda'?",
    ("compare", "a.json"): "name two files or more, of different names, the baseline first",
    ("compare", "a.json", "b.json"): "a.json: no such file; write one by blurbstudy finetune ... --json > a.json",
    (
        "repeat",
        "--notebook",
        "03_layer",
        "--cell",
        "x",
    ): "notebook='03_layer' is unknown; did you mean '03_layer_adaptation'?",
    ("repeat", "a0", "--scale", "smal"): "scale='smal' is unknown; did you mean 'small'?",
    ("repeat", "a0", "--device", "gpu"): "device='gpu' is unknown; did you mean 'cuda'?",
    ("repeat", "a0", "--data", "mini", "--store", "store", "--encoder", "partial"): "partial: no config.json",
    ("repeat", "zzz", "--data", "mini", "--store", "store"): "store: no run id starts with 'zzz'",
    ("repeat", "a0", "--data", "none", "--store", "store"): "none: no such folder",
    ("repeat", "a", "--store", "store"): "store: 7 run ids start with 'a': a0000000000000000000, a1",
    ("score", "--run", "zzz", "--store", "store"): "store: no run id starts with 'zzz'",
    ("score", "--run", "a0"): "runs/: has no run store; name the one that contains the run (--store DIR)",
    ("score", "--run", "a0", "--split", "tset"): "split='tset' is unknown; did you mean 'test'?",
    ("score", "--task", "BIOSES", "--predictions", "x"): "did you mean 'BIOSSES'?",
    ("predict", "text.txt", "--model", "none"): "none: no such directory",
    ("predict", "text.txt", "--model", "store"): "store: is a run store; export a model first",
    ("predict", "train.conll", "--model", "model", "--format", "jsonlines"): "did you mean 'jsonl'?",
    ("predict", "train.conll", "--model", "model", "--input-format", "conl"): "did you mean 'conll'?",
    ("predict", "train.conll", "--model", "model", "--columns", "txt=1"): "unknown role 'txt'; did you mean 'text'?",
    ("predict", "train.conll", "--model", "model", "--device", "gpu"): "did you mean 'cuda'?",
    ("predict", "train.conll", "--model", "model", "--to", "file"): "file: already exists; remove it",
    ("pretrain", "--objective", "bert", "--corpus", "x", "--out", "y", "--seed", "-1"): "--seed -1 is out of bounds",
    (
        "pretrain",
        "--objective",
        "brt",
        "--corpus",
        "x",
        "--out",
        "y",
    ): "objective='brt' is unknown; did you mean 'bert'?",
    ("pretrain", "--objective", "bert", "--corpus", "x", "--out", "y"): "x: cannot be read (No such file or directory)",
    (*PRETRAIN, "partial"): "partial: is not empty and has no pretraining to resume",
    (*PRETRAIN, "y", "--config", "bse"): "did you mean 'base'?",
    (*PRETRAIN, "y", "--precision", "bfloat"): "precision='bfloat' is unknown; did you mean 'bfloat16'?",
    (*PRETRAIN, "y", "--device", "gpu"): "device='gpu' is unknown; did you mean 'cuda'?",
    (*PRETRAIN, "y", "--vocabulary", "none.txt"): "none.txt: cannot be read as a vocabulary",
    (*PRETRAIN, "y", "--tokens", "1M", "--checkpoint-at", "2M"): "cannot export after 2,000,000 tokens",
    ("data", "check", "--data", "none"): "none: no such folder",
    ("data", "list", "--task", "BIOSES"): "did you mean 'BIOSSES'?",
    ("store", "export", "x.zip", "--scale", "papre"): "scale='papre' is unknown; did you mean 'paper'?",
    ("store", "publish", "--scale", "huge"): "scale='huge' is unknown",
}
COMMANDS = (
    "run",
    "report",
    "finetune",
    "compare",
    "export",
    "plan",
    "predict",
    "pretrain",
    "recommend",
    "repeat",
    "score",
)
HELP = [["--help"], ["--version"], *([name, "--help"] for name in (*COMMANDS, "data", "store"))]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Command -> exit code, stdout and stderr, all from one process in which slow imports fail."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "file").touch()
    (folder / "train.conll").write_text("Aspirin B-Drug\n")
    (folder / "mixout.yaml").write_text("stabilizers: {mixout: {p: 0.9}}\n")
    (folder / "focal.yaml").write_text("focal_gamma: 2\n")
    (folder / "model").mkdir()
    (folder / "model" / "blurbstudy.json").touch()
    (folder / "partial" / "BIOSSES").mkdir(parents=True)
    for digit in "0123456":
        record = folder / "store" / "runs" / f"a{digit}" / f"a{digit}{18 * '0'}.json"
        record.parent.mkdir(parents=True)
        record.touch()
    commands = [*map(list, WRONG), *HELP]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1"}
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
    assert made == [
        "file",
        "focal.yaml",
        "mixout.yaml",
        "model",
        "partial",
        "store",
        "train.conll",
    ]  # nothing was begun
    return dict(zip(map(tuple, commands), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_an_error_is_one_line_and_needs_no_slow_import(ends, words):
    code, out, errors = ends[words]
    assert (code, out) == (2, "") and WRONG[words] in errors and len(errors.splitlines()) == 1, errors


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_needs_no_slow_import_and_shows_flags_without_a_type(ends, words):
    code, out, errors = ends[tuple(words)]
    assert (code, errors) == (0, "") and out and "<bool>" not in out


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
