"""The pages of docs/extending (stabilizer, dataset, encoder), followed to the letter in a copy of the package.

Each code block is written to the file that the text before it names last, the page's commands run unchanged, and a test
checks the effect.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from blurbstudy.models import checkpoint_fingerprint

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parent.parent
PAGES = PROJECT / "docs" / "extending"
MOST_SECONDS = 600  # each takes a few on a core of its own; machines that do other things meanwhile are slow
FILE = re.compile(r"`([\w./]+\.(?:py|yaml|tsv))`")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Runs the commands of a section in one process, then a test's question about what came of them.
FOLLOW = """
import json, sys
from blurbstudy.cli.app import main

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    for words in given["commands"]:
        try:
            main(words)
        except SystemExit as end:
            assert not end.code, (words, end.code)
    found = {}
    exec(given["question"], {"found": found})
    print("found " + json.dumps(found))
"""


@dataclass(frozen=True)
class Block:
    """A code block of a page, and the file that the text before it names last."""

    language: str
    text: str
    file: str


def blocks(page: str) -> list[Block]:
    """The code blocks of a page of docs/extending, in order."""
    section = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    found, file, end = [], "", 0
    for match in BLOCK.finditer(section):
        file = next(iter(reversed(FILE.findall(section[end : match.start()]))), file)
        found.append(Block(match.group(1), match.group(2), file))
        end = match.end()
    return found


@pytest.fixture
def copy(tmp_path, mini_data) -> Path:
    """A checkout to be changed: the package, its notebooks and parameters."""
    for folder in ("blurbstudy", "notebooks", "parameters"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def put(block: Block, root: Path) -> None:
    """A new file; in one that is there, what begins with the same name as a line of the block gives way to it."""
    target = root / block.file
    if not target.exists():
        target.write_text(block.text, encoding="utf-8")
        return
    lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    names = re.findall(r"^([A-Z_]+)\b.*=", block.text, re.MULTILINE)
    if names:
        (place,) = (i for i, line in enumerate(lines) if re.match(rf"{names[0]}\b", line))
        lines[place] = block.text
    else:
        lines.append(block.text)
    target.write_text("".join(lines), encoding="utf-8")


def commands(text: str, **places: Path) -> list[list[str]]:
    """The words of each blurbstudy command, path/to/NAME being the place of that name."""
    for name, place in places.items():
        text = text.replace(f"path/to/{name}", str(place))
    lines = [shlex.split(line) for line in text.splitlines()]
    assert all(words[0] == "blurbstudy" for words in lines)
    return [words[1:] for words in lines]


def follow(root: Path, asked: list[list[str]], question: str) -> dict:
    """Runs commands in the copy, and what the question finds there."""
    given = json.dumps({"commands": asked, "question": question})
    done = subprocess.run(
        [sys.executable, "-c", FOLLOW, given],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.rsplit("found ", 1)[1])


RUNS = """
from pathlib import Path
from blurbstudy.store.run_store import RunStore
store = RunStore(Path("runs/finetune"))
runs = [store.get(run_id) for run_id in store]
"""

# Two runs of one seed, one of them with the technique: how far its first step moves each depth, by the other's.
FIRST_STEP = (
    RUNS
    + """
import numpy, torch
from dataclasses import replace
from blurbstudy.models import load_checkpoint
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import task_features
from blurbstudy.tasks.mini_blurb import mini_blurb_folder
from blurbstudy.training.population import Population

mine = replace(runs[0].config, recipe=runs[0].config.recipe.replace(warmup_ratio=0.0))  # else the first rate is 0
plain = replace(mine, recipe=mine.recipe.replace(stabilizers={}))
checkpoint, task = load_checkpoint(ENCODER), get_task(mine.task)
train = task_features(task, mini_blurb_folder(), checkpoint.tokenizer(), max_length=48, segment_ids="pair")["train"]
rows = numpy.unique(train.ids)
train = train.with_ids(numpy.searchsorted(rows, train.ids))
both = Population(
    [plain, mine], train=train, rows=rows, task=task, checkpoint=checkpoint, device=torch.device("cpu")
)
before = {p.name: p.tensor.detach().clone() for p in both.model.depth_parameters()}
both.step()
moved = {}
for p in both.model.depth_parameters():
    moved[p.depth] = moved.get(p.depth, 0) + (p.tensor.detach() - before[p.name]).flatten(1).double().abs().sum(1)
found["ratios"] = [float(moved[depth][1] / moved[depth][0]) for depth in sorted(moved)]
found["recipes"] = [run.config.recipe.stabilizers for run in runs]
found["statuses"] = [run.status for run in runs]
"""
)


def test_the_stabilizer_of_the_docs_is_one_file_and_one_entry_and_touches_what_it_says(copy, tiny_encoder):
    technique, entry, recipe, usage = blocks("stabilizer")
    for block in (technique, entry, recipe):
        put(block, copy)
    asked = commands(usage.text, encoder=tiny_encoder)
    found = follow(copy, asked, FIRST_STEP.replace("ENCODER", repr(str(tiny_encoder))))
    assert found["recipes"] == [{"head_rate": {"factor": 10}}]
    assert set(found["statuses"]) == {"finished"}
    assert found["ratios"] == pytest.approx([1, 1, 1, 10], rel=1e-3)  # embeddings, two layers, pooler and head


SCORED = (
    RUNS
    + """
found["runs"] = [(run.config.task, run.predictions["test"], run.scores["test"]) for run in runs]
"""
)


def test_the_dataset_of_the_docs_is_one_entry_and_its_files_are_read_checked_and_trained_on(copy, tiny_encoder):
    entry, lines, usage = blocks("dataset")
    assert entry.file == "blurbstudy/tasks/blurb.py"
    put(entry, copy)
    folder = copy / "data" / "Dosing"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        own = [f"{split}-{line}" for line in lines.text.splitlines(keepends=True)]  # ids that no other split has
        (folder / f"{split}.tsv").write_text("".join(own), encoding="utf-8")
    found = follow(copy, commands(usage.text, encoder=tiny_encoder, data=folder.parent), SCORED)
    gold = [line.split("\t")[2] for line in lines.text.splitlines()]
    ((task, predicted, score),) = found["runs"]
    assert task == "Dosing" and set(predicted) <= {"none", "dose"}
    right = sum(ours == theirs == "dose" for ours, theirs in zip(predicted, gold, strict=True))
    assert score == pytest.approx(2 * right / (predicted.count("dose") + gold.count("dose")))  # F1 by hand


PLANNED = (
    RUNS
    + """
from blurbstudy.cli.notebook_options import notebook_parameters
from blurbstudy.report.plan import planned_configs, planned_study
notebook = "02_optimization_ablation"
overrides = {"encoders": ENCODERS, "store": "runs/none"}
values = notebook_parameters(scale="mini", only=[notebook], overrides=overrides)[notebook]
study, _ = planned_study(notebook, values)
found["rows"] = sorted({(run.encoder_name, run.encoder_fingerprint) for run in planned_configs(study).values()})
found["encoders"] = [run.config.encoder_fingerprint for run in runs]
"""
)


def test_the_encoder_of_the_docs_is_one_line_and_is_the_one_that_is_trained(copy, tiny_encoder):
    entry, usage = blocks("encoder")
    assert entry.file == "parameters/hub_encoders.yaml"
    put(Block(entry.language, entry.text.replace("path/to/encoder", str(tiny_encoder)), entry.file), copy)
    finetune, run = commands(usage.text)
    encoders = run[run.index("-p") + 2]  # its runs are counted: kernel and report would take longer than the rest
    assert run[:3] == ["run", "--only", "02_optimization_ablation"] and run[3:5] == ["-p", "encoders"]
    question = PLANNED.replace("ENCODERS", f"__import__('yaml').safe_load({encoders!r})")
    found = follow(copy, [finetune], question)
    fingerprint = checkpoint_fingerprint(tiny_encoder)
    assert found["encoders"] == [fingerprint]
    assert found["rows"] == [["MyBERT", fingerprint]]
