"""Runs that stop, by a kill, by a bad line or for good, go on to the bytes of a run that never stopped."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from blurbstudy.errors import DataError, DiskError, ParameterError
from blurbstudy.inference.inputs.batching import MOST, chunks
from blurbstudy.inference.inputs.documents import read_documents
from blurbstudy.inference.inputs.items import Document, Item
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.outputs.resumable import UNFINISHED, open_output
from blurbstudy.inference.pipeline import predict_into
from blurbstudy.inference.predictor import Predictor

from .lexicon import TAGS, typed_task, write_lexicon_model

TASK = typed_task()
# Ends itself where it hurts most: a chunk is written, and not noted.
KILLED = """
import os, signal, sys
from pathlib import Path
from blurbstudy.inference.outputs import resumable as writing
from blurbstudy.inference.inputs.documents import read_documents
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.predictor import Predictor
from blurbstudy.inference.pipeline import predict_into

model, source, to, form = sys.argv[1:]
plain = writing.Note.write

def write(self, **values):
    if values["items"] > 100:
        os.kill(os.getpid(), signal.SIGKILL)
    plain(self, **values)

writing.Note.write = write
predictor = Predictor(read_model_directory(model), batch_tokens=64)
items = read_documents(source, predictor.task, form="lines")
output = writing.open_output(Path(to), sys.stdout, predictor.task, form, decisive={"model": "m"})
predict_into(predictor, items, output, skip_errors=False)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_lexicon_model(tmp_path_factory.mktemp("lexicon") / "model")


@pytest.fixture(scope="module")
def predictor(model):
    return Predictor(read_model_directory(model), batch_tokens=64)


@pytest.fixture
def source(tmp_path):
    draw = random.Random(2)
    texts = [
        " ".join(draw.choice([*TAGS, "of", "𝔸", "e\u0301"]) for _ in range(draw.randint(0, 40))) for _ in range(400)
    ]
    path = tmp_path / "input.txt"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def run(predictor, source, to: Path, form: str, *, skip_errors: bool = False, model: str = "m", watch=None):
    items = read_documents(source, TASK, form="jsonl" if source.suffix == ".jsonl" else "lines")
    output = open_output(to, sys.stdout, TASK, form, decisive={"model": model})
    return predict_into(predictor, items, output, skip_errors=skip_errors, watch=watch)


def content(to: Path) -> dict[str, bytes]:
    files = sorted(to.iterdir()) if to.is_dir() else [to]
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.parametrize("form", ["jsonl", "html", "brat"])
def test_a_killed_run_goes_on_to_the_same_bytes(predictor, model, source, tmp_path, form):
    run(predictor, source, tmp_path / "whole" / "out", form)
    to = tmp_path / "killed" / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, model, source, to, form], timeout=300)
    assert done.returncode == -9
    note = (to if form == "brat" else to.parent) / (UNFINISHED if form == "brat" else f"out{UNFINISHED}")
    noted = json.loads(note.read_text())
    assert 0 < noted["items"] <= 100
    if form != "brat":
        assert to.stat().st_size > noted["bytes"]  # more is written than is noted
    outcome = run(predictor, source, to, form)
    assert (outcome.documents, outcome.before) == (400, noted["items"])
    assert content(to) == content(tmp_path / "whole" / "out")
    assert not note.exists()


class Stop(Exception):
    """Somebody stops a run."""


def stopped(predictor, source, to: Path, *, after: int, **options) -> None:
    def watch(item, documents, entities):
        if documents >= after:
            raise Stop

    with pytest.raises(Stop):
        run(predictor, source, to, "jsonl", watch=watch, **options)


def test_what_was_begun_with_something_else_is_not_gone_on_with(predictor, source, tmp_path):
    to = tmp_path / "out.jsonl"
    stopped(predictor, source, to, after=50)
    before = to.read_bytes()
    with pytest.raises(ParameterError, match="was begun with another model \\('m' then, 'n' now\\).*to begin anew"):
        run(predictor, source, to, "jsonl", model="n")
    lines = source.read_text().splitlines()
    source.write_text("\n".join(["another", *lines[1:]]))
    with pytest.raises(ParameterError, match="another input \\(its first documents are others\\)"):
        run(predictor, source, to, "jsonl")
    source.write_text("\n".join(lines[:10]))
    with pytest.raises(ParameterError, match="another input"):
        run(predictor, source, to, "jsonl")
    assert to.read_bytes() == before
    source.write_text("\n".join([*lines, "Aspirin, which was written down meanwhile"]) + "\n")
    assert run(predictor, source, to, "jsonl").documents == 401
    to.with_name(to.name + UNFINISHED).write_text("{")
    with pytest.raises(ParameterError, match="cannot be read; remove it and"):
        run(predictor, source, to, "jsonl")


def test_nothing_that_is_there_is_overwritten(predictor, source, tmp_path):
    to = tmp_path / "out.jsonl"
    run(predictor, source, to, "jsonl")
    before = to.read_bytes()
    with pytest.raises(ParameterError, match="is there already and stays as it is"):
        run(predictor, source, to, "jsonl")
    assert to.read_bytes() == before
    with pytest.raises(ParameterError, match="is a folder; name a file"):
        run(predictor, source, tmp_path, "jsonl")
    with pytest.raises(ParameterError, match="holds files already"):
        run(predictor, source, tmp_path, "brat")
    with pytest.raises(ParameterError, match="is a file; brat's files need a folder"):
        run(predictor, source, to, "brat")
    with pytest.raises(ParameterError, match="name a folder for them"):
        open_output(None, sys.stdout, TASK, "brat", decisive={})


@pytest.mark.parametrize("form", ["jsonl", "brat"])
def test_a_second_process_does_not_write_into_the_output_of_the_first(predictor, source, tmp_path, form):
    to = tmp_path / "out"
    before = open_output(to, sys.stdout, TASK, form, decisive={"model": "m"})  # sees that nothing is there
    refused = []

    def begins_late():
        with contextlib.closing(before):
            before.begin()

    def watch(item, documents, entities):
        for begin in (lambda: run(predictor, source, to, form), begins_late):
            with pytest.raises(ParameterError, match="another process is writing it") as error:
                begin()
            refused.append(error)

    run(predictor, source, to, form, watch=watch)
    with pytest.raises(ParameterError, match="another process is writing it"):
        begins_late()  # when all is written
    whole = content(to)
    run(predictor, source, tmp_path / "again", form)
    assert refused and list(content(tmp_path / "again").values()) == list(whole.values())


def test_a_refusal_of_the_disk_is_one_line(predictor, source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file/out.jsonl: cannot be written: .*name another file"):
        run(predictor, source, tmp_path / "file" / "out.jsonl", "jsonl")


@pytest.fixture
def faulty(tmp_path):
    lines = [json.dumps({"id": str(i), "text": "Aspirin."}) for i in range(30)]
    for place in (12, 20, 25):
        lines[place] = "{"
    path = tmp_path / "faulty.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_bad_line_stops_a_run_behind_what_stands_before_it(predictor, faulty, tmp_path):
    to = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="line 13: found invalid JSON.*12 documents before it predicted; --skip"):
        run(predictor, faulty, to, "jsonl")
    assert len(to.read_text().splitlines()) == 12
    faulty.write_text(faulty.read_text().replace("{\n", '{"id": "12", "text": "Warfarin."}\n', 1))
    outcome = run(predictor, faulty, to, "jsonl", skip_errors=True)
    assert (outcome.documents, outcome.faults.count, outcome.before) == (28, 2, 12)
    ids = [json.loads(line)["id"] for line in to.read_text().splitlines()]
    assert ids == [str(i) for i in range(30) if i not in (20, 25)]


def test_bad_lines_are_counted_and_listed(predictor, faulty, tmp_path):
    outcome = run(predictor, faulty, tmp_path / "out.jsonl", "jsonl", skip_errors=True)
    told = outcome.faults.text(outcome.documents).splitlines()
    assert told[0] == "3 of 30 documents skipped, since they could not be read:"
    assert ["line 13" in told[1], "line 21" in told[2], "line 26" in told[3]] == [True] * 3
    faulty.write_text("{\n" * 50)
    outcome = run(predictor, faulty, tmp_path / "more.jsonl", "jsonl", skip_errors=True)
    assert outcome.faults.text(0).endswith("... and 30 more")
    assert (tmp_path / "more.jsonl").read_text() == ""


def test_faults_that_an_earlier_run_passed_over_are_listed_again(predictor, faulty, tmp_path):
    to = tmp_path / "out.jsonl"
    stopped(predictor, faulty, to, after=25, skip_errors=True)
    assert run(predictor, faulty, to, "jsonl", skip_errors=True).faults.count == 3


def test_chunks_are_the_same_wherever_they_begin():
    draw = random.Random(4)
    items = [Item(Document(str(i), ("x" * draw.randint(0, 3000),)), i) for i in range(3000)]
    found = list(chunks(items, batch_tokens=1000))
    assert max(len(chunk.items) for chunk in found) <= MOST and len(found) > 20
    rest = list(chunks(items[sum(len(chunk.items) for chunk in found[:7]) :], batch_tokens=1000))
    assert [chunk.items for chunk in rest] == [chunk.items for chunk in found[7:]]
    assert len(list(chunks([Item(Document(str(i), ("",)), 0) for i in range(2 * MOST)], batch_tokens=4096))) == 2


def test_a_chunk_is_written_before_the_next_is_read(predictor, tmp_path):
    """So that neither input nor output is held whole."""
    to, behind = tmp_path / "out.jsonl", []

    def items():
        for i in range(500):
            written = len(to.read_bytes().splitlines()) if to.exists() else 0
            behind.append(i - written)
            yield Item(Document(str(i), ("Aspirin against asthma. " * 10,)), i)

    predict_into(predictor, items(), open_output(to, sys.stdout, TASK, "jsonl", decisive={}), skip_errors=False)
    assert len(to.read_text().splitlines()) == 500
    assert max(behind) < 20
