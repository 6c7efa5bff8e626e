"""Runs that are killed, stopped by an unreadable line or interrupted resume to the bytes of an uninterrupted run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from blurbstudy.errors import DataError, DiskError, ParameterError
from blurbstudy.inference.inputs.documents import Document, Item
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.outputs.resumable import open_output
from blurbstudy.inference.pipeline import MAX_DOCUMENTS, chunks, predict_to_output
from blurbstudy.inference.predictor import Predictor

from .lexicon import TAGS, typed_task, write_lexicon_model

TASK = typed_task()
# Kills itself in the middle of a line, after more than 100 documents.
KILLED = """
import os, signal, sys
from pathlib import Path
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.outputs import resumable
from blurbstudy.inference.pipeline import predict_to_output
from blurbstudy.inference.predictor import Predictor

model, source, to, format_name = sys.argv[1:]
written = 0

class Killed(resumable.FileOutput):
    def write(self, predictions):
        global written
        written += len(predictions)
        super().write(predictions)
        if written > 100:
            self._file.write(b'{"id": "101", "te')
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

predictor = Predictor(read_model_directory(model), batch_tokens=64)
items = read_documents(source, predictor.task, format_name="lines")
output = Killed(Path(to), predictor.task, resumable.OUTPUT_FORMATS[format_name], settings={"model": "m"})
predict_to_output(predictor, items, output, skip_errors=False)
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


def run(predictor, source, to: Path, format_name: str, *, skip_errors: bool = False, model: str = "m", progress=None):
    items = read_documents(source, TASK, format_name="jsonl" if source.suffix == ".jsonl" else "lines")
    output = open_output(to, sys.stdout, TASK, format_name, settings={"model": model})
    return predict_to_output(predictor, items, output, skip_errors=skip_errors, progress=progress)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["jsonl", "html"])
def test_a_killed_run_repeats_to_the_same_bytes(predictor, model, source, tmp_path, format_name):
    run(predictor, source, tmp_path / "uninterrupted" / "out", format_name)
    to = tmp_path / "killed" / "out"
    process = subprocess.run([sys.executable, "-c", KILLED, model, source, to, format_name], timeout=300)
    assert process.returncode == -9
    (partial,) = to.parent.iterdir()
    lines = partial.read_bytes().count(b"\n")
    summary = run(predictor, source, to, format_name)
    assert (summary.documents, summary.resumed) == (400, lines if format_name == "jsonl" else 0)
    assert lines > 100 and summary.resumed < 400
    assert to.read_bytes() == (tmp_path / "uninterrupted" / "out").read_bytes()
    assert list(to.parent.iterdir()) == [to]


def test_a_chunk_that_is_partly_written_is_completed(predictor, source, tmp_path):
    run(predictor, source, tmp_path / "expected", "jsonl")
    interrupt(predictor, source, tmp_path / "out", after=50)
    (partial,) = tmp_path.glob("*.partial")
    for n in (1, 49, 0):
        partial.write_bytes(b"".join((tmp_path / "expected").read_bytes().splitlines(keepends=True)[:n]))
        assert run(predictor, source, tmp_path / "out", "jsonl").resumed == n
        assert (tmp_path / "out").read_bytes() == (tmp_path / "expected").read_bytes()
        (tmp_path / "out").unlink()


class Interrupt(Exception):
    """Stops a run."""


def interrupt(predictor, source, to: Path, *, after: int, format_name: str = "jsonl", **options) -> None:
    def progress(item, documents, entities):
        if documents >= after:
            raise Interrupt

    with pytest.raises(Interrupt):
        run(predictor, source, to, format_name, progress=progress, **options)


def test_another_model_starts_again_and_another_input_is_refused(predictor, source, tmp_path):
    to = tmp_path / "out.jsonl"
    interrupt(predictor, source, to, after=50)
    (partial,) = tmp_path.glob("*.partial")
    before = partial.read_bytes()
    interrupt(predictor, source, to, after=5, model="n")
    assert partial.read_bytes() == before and len(list(tmp_path.glob("*.partial"))) == 2
    lines = source.read_text().splitlines()
    source.write_text("\n".join(lines[:10]))
    with pytest.raises(DataError, match="the input has 10 documents, but the interrupted run has written"):
        run(predictor, source, to, "jsonl")
    other = source.with_suffix(".jsonl")
    other.write_text("\n".join(json.dumps({"id": f"x{i}", "text": line}) for i, line in enumerate(lines)))
    with pytest.raises(ParameterError, match="document 1 is 'x0', but the interrupted run has written '1'; resume"):
        run(predictor, other, to, "jsonl")
    assert partial.read_bytes() == before
    source.write_text("\n".join([*lines, "Aspirin, added later"]) + "\n")
    assert run(predictor, source, to, "jsonl").documents == 401
    to.unlink()
    interrupt(predictor, source, to, after=50)
    partial.write_text("{\n")
    with pytest.raises(ParameterError, match="line 1: corrupt; delete the file"):
        run(predictor, source, to, "jsonl")


def test_existing_files_are_not_overwritten(predictor, source, tmp_path):
    to = tmp_path / "out.jsonl"
    run(predictor, source, to, "jsonl")
    before = to.read_bytes()
    with pytest.raises(ParameterError, match="already exists; remove it or name another file"):
        run(predictor, source, to, "jsonl")
    assert to.read_bytes() == before
    with pytest.raises(ParameterError, match="is a folder; name a file"):
        run(predictor, source, tmp_path, "jsonl")
    with pytest.raises(ParameterError, match="contains files; name a new or empty folder"):
        run(predictor, source, tmp_path, "brat")
    with pytest.raises(ParameterError, match="is a file; --format brat needs a folder"):
        run(predictor, source, to, "brat")
    with pytest.raises(ParameterError, match="name a folder for them"):
        open_output(None, sys.stdout, TASK, "brat", settings={})


@pytest.mark.parametrize("format_name", ["tsv", "brat"])
def test_an_interrupted_output_of_other_formats_leaves_nothing(predictor, source, tmp_path, format_name):
    to = tmp_path / "new" / "out"
    interrupt(predictor, source, to, after=50, format_name=format_name)
    assert list(to.parent.iterdir()) == []
    run(predictor, source, to, format_name)
    assert list(to.parent.iterdir()) == [to]


def test_two_processes_do_not_mix_their_lines(predictor, source, tmp_path):
    to = tmp_path / "out.jsonl"
    second = []

    def progress(item, documents, entities):
        if not second:
            second.append(run(predictor, source, to, "jsonl"))

    with pytest.raises(ParameterError, match="another process is writing this output"):
        run(predictor, source, to, "jsonl", progress=progress)
    run(predictor, source, tmp_path / "expected", "jsonl")
    assert second[0].documents == 400 and to.read_bytes() == (tmp_path / "expected").read_bytes()


def test_a_disk_error_is_one_line(predictor, source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file/out.jsonl: cannot be written: .*name another file"):
        run(predictor, source, tmp_path / "file" / "out.jsonl", "jsonl")


@pytest.fixture
def unreadable(tmp_path):
    lines = [json.dumps({"id": str(i), "text": "Aspirin."}) for i in range(30)]
    for index in (12, 20, 25):
        lines[index] = "{"
    path = tmp_path / "unreadable.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_run_stops_at_an_unreadable_line_and_resumes(predictor, unreadable, tmp_path):
    to = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="line 13: found invalid JSON.*12 documents before it predicted; pass --skip"):
        run(predictor, unreadable, to, "jsonl")
    (partial,) = tmp_path.glob("*.partial")
    assert len(partial.read_text().splitlines()) == 12
    unreadable.write_text(unreadable.read_text().replace("{\n", '{"id": "12", "text": "Warfarin."}\n', 1))
    summary = run(predictor, unreadable, to, "jsonl", skip_errors=True)
    assert (summary.documents, summary.errors.count, summary.resumed) == (28, 2, 12)
    ids = [json.loads(line)["id"] for line in to.read_text().splitlines()]
    assert ids == [str(i) for i in range(30) if i not in (20, 25)]


def test_unreadable_lines_are_counted_and_listed(predictor, unreadable, tmp_path):
    summary = run(predictor, unreadable, tmp_path / "out.jsonl", "jsonl", skip_errors=True)
    lines = summary.errors.text(summary.documents).splitlines()
    assert lines[0] == "skipped 3 of 30 documents:"
    assert ["line 13" in lines[1], "line 21" in lines[2], "line 26" in lines[3]] == [True] * 3
    unreadable.write_text('{"text": "Rest helped."}\n' + "{\n" * 50)
    summary = run(predictor, unreadable, tmp_path / "more.jsonl", "jsonl", skip_errors=True)
    assert summary.errors.text(0).endswith("... and 30 more")
    assert len((tmp_path / "more.jsonl").read_text().splitlines()) == 1


def test_a_resumed_run_lists_all_unreadable_lines(predictor, unreadable, tmp_path):
    to = tmp_path / "out.jsonl"
    interrupt(predictor, unreadable, to, after=25, skip_errors=True)
    assert run(predictor, unreadable, to, "jsonl", skip_errors=True).errors.count == 3


def test_chunks_depend_on_the_items_alone():
    draw = random.Random(4)
    items = [Item(Document(str(i), ("x" * draw.randint(0, 3000),)), i) for i in range(3000)]
    expected = list(chunks(items, batch_tokens=1000))
    assert max(len(chunk) for chunk in expected) <= MAX_DOCUMENTS and len(expected) > 20
    assert list(chunks(items[sum(map(len, expected[:7])) :], batch_tokens=1000)) == expected[7:]
    empty = [Item(Document(str(i), ("",)), 0) for i in range(2 * MAX_DOCUMENTS)]
    assert len(list(chunks(empty, batch_tokens=4096))) == 2


def test_a_chunk_is_written_before_the_next_is_read(predictor, tmp_path):
    """So that memory holds neither the input nor the output."""
    to, unwritten = tmp_path / "out.jsonl", []

    def items():
        for i in range(500):
            written = sum(len(path.read_bytes().splitlines()) for path in tmp_path.glob("*.partial"))
            unwritten.append(i - written)
            yield Item(Document(str(i), ("Aspirin against asthma. " * 10,)), i)

    predict_to_output(predictor, items(), open_output(to, sys.stdout, TASK, "jsonl", settings={}), skip_errors=False)
    assert len(to.read_text().splitlines()) == 500
    assert max(unwritten) < 20
