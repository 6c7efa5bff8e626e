"""Imports go down the floors, never up; and what trains needs torch, numpy, transformers and little else."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "blurbstudy"
FLOORS = {
    "config": 0,
    "errors": 0,
    "filesystem": 0,
    "lazy_imports": 0,
    "paths": 0,
    "tasks": 1,
    "metrics": 1,
    "models": 1,
    "stabilizers": 2,
    "pretraining": 3,
    "training": 3,
    "baselines": 3,
    "inference": 4,
    "store": 5,
    "stats": 6,
    "engine": 7,
    "search": 8,
    "study": 9,
    "tables": 10,
    "sections": 11,
    "api": 11,
    "report": 12,
    "cli": 13,
    "__main__": 14,
}
SIDEWAYS = {  # (who, whom): the modules that may be taken from the same floor
    ("pretraining", "training"): {"optimizer", "schedule", "provenance", "memory"},  # device, versions; lack of it
    ("tasks", "metrics"): {""},
}
# At module level, where training runs.
LIGHT = {"torch", "numpy", "transformers", "tokenizers", "yaml", "safetensors", "filelock", "huggingface_hub"}
TRAINS = (
    "config",
    "errors",
    "filesystem",
    "lazy_imports",
    "paths",
    "tasks",
    "metrics",
    "models",
    "stabilizers",
    "pretraining",
    "training",
    "inference",
)
TRAINS_IN = {  # of other folders, the modules that training needs
    "store": {"run_store", "run_weights", "custom_tasks"},
    "engine": {
        "engine",
        "sweep",
        "sweep_state",
        "train_plan",
        "progress",
        "populations",
        "run_worker",
        "leases",
        "deadline",
    },
    "engine.sources": {"sources", "resolve", "encoder_spec", "encoders"},
    "engine.workers": {"process", "main", "messages", "job_queue", "parallel"},
    "engine.estimates": {"memory", "measurements", "profiling", "flops"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path


def imports(path: Path, *, module_level: bool = False) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line, dotted name) of everything a file imports; relative names are made absolute."""
    package = ("blurbstudy", *path.relative_to(PACKAGE).parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _type_checking(outer)
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if module_level and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = base + tuple((node.module or "").split(".") if node.module else ())
            for alias in node.names:
                yield node.lineno, (*stem, alias.name)


def _type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def floor_faults(part: str, path: Path) -> list[str]:
    faults = []
    for line, name in imports(path):
        if name[0] != "blurbstudy" or len(name) < 2 or name[1] == part:
            continue
        there = name[1]
        if there not in FLOORS:
            continue  # a name of the package's own __init__, such as __version__
        allowed = SIDEWAYS.get((part, there))
        if FLOORS[there] > FLOORS[part]:
            faults.append(f"{path.relative_to(PROJECT)}:{line} takes {'.'.join(name)} from a floor above")
        elif FLOORS[there] == FLOORS[part] > 0 and not (allowed and ("" in allowed or name[2:3][0] in allowed)):
            faults.append(f"{path.relative_to(PROJECT)}:{line} takes {'.'.join(name)} from the same floor")
    return faults


def test_every_part_of_the_package_stands_on_a_floor():
    assert {part for part, _ in modules()} - set(FLOORS) - {"__init__"} == set()


def test_imports_go_down_the_floors():
    faults = [fault for part, path in modules() if part != "__init__" for fault in floor_faults(part, path)]
    assert faults == []


def test_a_floor_fault_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "PROJECT", tmp_path)
    (tmp_path / "models").mkdir()
    up = tmp_path / "models" / "up.py"
    up.write_text("def f():\n    from ..store.run_store import RunStore\n")
    assert [fault.split()[0] for fault in floor_faults("models", up)] == [f"models{os.sep}up.py:2"]
    (tmp_path / "pretraining").mkdir()
    aside = tmp_path / "pretraining" / "aside.py"
    aside.write_text("from ..training.optimizer import AdamW\nfrom ..training.population import train_population\n")
    assert [fault.split()[0] for fault in floor_faults("pretraining", aside)] == [f"pretraining{os.sep}aside.py:2"]


def taken_modules() -> dict[str, set[str]]:
    """Module -> the modules it takes something from, wherever in it; what a package's face passes on ties nothing."""
    names = {".".join(("blurbstudy", *path.relative_to(PACKAGE).with_suffix("").parts)): path for _, path in modules()}
    inner = {name: path for name, path in names.items() if not name.endswith("__init__")}
    return {
        name: {
            found
            for _, taken in imports(path)
            for found in (".".join(taken), ".".join(taken[:-1]))
            if found in inner and found != name
        }
        for name, path in inner.items()
    }


def test_no_modules_take_from_each_other_in_a_circle():
    graph = taken_modules()
    assert graph["blurbstudy.engine.run_worker"] >= {
        "blurbstudy.engine.workers.process",
        "blurbstudy.engine.populations",
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = " <- ".join(error.args[1])
    else:
        circle = ""
    assert circle == ""


def test_what_trains_imports_little_at_module_level():
    heavy = []
    for part, path in modules():
        folder = ".".join(path.relative_to(PACKAGE).parts[:-1])
        if part in TRAINS or path.stem in TRAINS_IN.get(folder, ()):
            for line, name in imports(path, module_level=True):
                if name[0] not in LIGHT | {"blurbstudy", "__future__"} | sys.stdlib_module_names:
                    heavy.append(f"{path.relative_to(PROJECT)}:{line} imports {name[0]}")
    assert heavy == []


BLOCKED = (
    "datasets",
    "pandas",
    "scipy",
    "seqeval",
    "typer",
    "papermill",
    "sklearn",
    "matplotlib",
    "seaborn",
    "IPython",
    "nbconvert",
    "nbformat",
    "ipywidgets",
    "psutil",
    "accelerate",
    "spacy",
)
PROGRAM = """
import builtins, sys

for name in {blocked!r}:
    sys.modules[name] = None  # importing it is an ImportError, and transformers takes it for not installed
plain_import = builtins.__import__

def import_without_tqdm(name, globals=None, locals=None, fromlist=(), level=0):
    if name.split(".")[0] == "tqdm" and (globals or {{}}).get("__name__", "").startswith("blurbstudy"):
        raise ModuleNotFoundError("tqdm is blocked", name="tqdm")
    return plain_import(name, globals, locals, fromlist, level)

builtins.__import__ = import_without_tqdm  # transformers itself needs tqdm

from itertools import islice
from pathlib import Path
import json
from blurbstudy.config import Recipe
from blurbstudy.models import Architecture, export_checkpoint, random_checkpoint
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.engine.train_plan import train_plan, write_plan
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks.mini_blurb import mini_blurb_folder

with (mini_blurb_folder() / "corpus.jsonl").open(encoding="utf-8") as lines:
    sentences = [s for line in islice(lines, 100) for s in json.loads(line)["sentences"]]
architecture = Architecture(
    family="bert", vocab_size=300, n_layers=1, width=16, n_heads=2, intermediate=32, max_positions=64
)
encoder, store = Path(sys.argv[1]) / "encoder", RunStore(Path(sys.argv[1]) / "store")
export_checkpoint(
    random_checkpoint(architecture).weights, architecture, folder=encoder, tokenizer=train_vocabulary(sentences, 300)
)
sources = resolve_sources(store, tasks=["BIOSSES"], encoders={{"tiny": str(encoder)}}, data="mini")
recipe = Recipe(epochs=1, max_length=48, n_evaluations=1)
configs = [sources.run_config("BIOSSES", "tiny", recipe=recipe, seed=seed) for seed in (1, 2)]
engine = LocalEngine(device="cpu", workers=1)
records = run_missing(configs, store, sources=sources, engine=engine, progress="auto")
other = RunStore(Path(sys.argv[1]) / "other")
write_plan(other, configs, sources=sources)
print(train_plan(other, engine).trained)
print([record.status for record in records.values()])
"""


def test_a_grid_trains_without_what_only_notebooks_need(tmp_path):
    """As on a bare GPU machine with torch, transformers and little else."""
    command = [sys.executable, "-c", PROGRAM.format(blocked=set(BLOCKED)), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["2", "['finished', 'finished']"]
