"""What people hand over that is not what it should be: every kind is one clear line, or does what was meant. No code
that it holds is run, and no finished work is lost. More of single files stand in tasks/test_malformed_inputs.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

LABELS = ("yes", "no")
ISSUED = {  # kinds that must be among those below
    "labels unseen in train",
    "one class only",
    "two examples",
    "empty text",
    "a line of 100,000 characters",
    "NUL bytes",
    "latin-1",
    "UTF-16",
    "mismatched columns",
    "a model directory of something else",
    "pickled weights of an encoder with code in them",
    "pickled weights of a model with code in them",
}


class Code:
    """What runs if somebody unpickles it."""

    def __reduce__(self):
        return os.mkdir, ("code-was-run",)


def rows(n: int = 40, *, start: int = 0, separator: str = "\t") -> list[str]:
    texts = (f"sentence {i} of the study{separator}{LABELS[i % 2]}" for i in range(start, start + n))
    return [f"text{separator}label", *texts]


def file(name: str, content: str | bytes, *, kind: str = "classification"):
    """A file of training data, and the options that name it."""

    def make(folder: Path) -> list[str]:
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
        return ["--task", kind, "--train", name]

    return make


def lines(*more: str, n: int = 40) -> str:
    return "\n".join([*rows(n), *more]) + "\n"


def id_table(*, n_ids: int) -> str:
    return "key,text,label\n" + "".join(f"{i % n_ids},text {i},{LABELS[i % 2]}\n" for i in range(40))


def zipped(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, lines())
    return data.getvalue()


def evil_encoder(folder: Path) -> list[str]:
    shutil.copytree(os.environ["TINY_ENCODER"], folder / "evil", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save({"embeddings.word_embeddings.weight": Code()}, folder / "evil" / "pytorch_model.bin")
    return [*file("a.tsv", lines())(folder), "--encoder", "evil"]


def evil_definition(folder: Path) -> list[str]:
    (folder / "a.tsv").write_text(lines())
    (folder / "a.yaml").write_text("kind: !!python/object/apply:os.mkdir [code-was-run]\nfiles: {train: a.tsv}\n")
    return ["--task", "a.yaml"]


def folder_for_a_file(folder: Path) -> list[str]:
    (folder / "a.tsv").mkdir()
    return ["--task", "classification", "--train", "a.tsv"]


def pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "a.tsv")
    return ["--task", "classification", "--train", "a.tsv"]


def unreadable(folder: Path) -> list[str]:
    (folder / "a.tsv").write_text(lines())
    (folder / "a.tsv").chmod(0)
    return ["--task", "classification", "--train", "a.tsv"]


REFUSED = {  # kind -> what is given to finetune, and what is said
    "one class only": (file("a.tsv", lines().replace("\tno", "\tyes")), "found the label 'yes' in all of train"),
    "two examples": (file("a.tsv", lines(n=2)), "found 2 examples, of which 0 can be split off as dev"),
    "empty text": (file("a.tsv", lines("\tyes")), "a.tsv, line 42: found an empty text"),
    "NUL bytes": (file("a.tsv", lines("a\0b\tyes")), "a.tsv, line 42: found a NUL byte"),
    "latin-1": (file("a.tsv", lines("café\tyes").encode("latin-1")), "a.tsv, line 42: found byte 0xE9"),
    "UTF-16": (file("a.tsv", lines().encode("utf-16")), "found text in UTF-16; expected text in UTF-8"),
    "mismatched columns": (file("a.tsv", lines("one\ttwo\tthree")), "a.tsv, line 42: found 3 columns in 'one'"),
    "an empty file": (file("a.tsv", ""), "a.tsv: found no examples"),
    "a header alone": (file("a.tsv", "text\tlabel\n"), "a.tsv: found no examples"),
    "an id twice": (
        lambda folder: [*file("a.csv", id_table(n_ids=30))(folder), "--columns", "id=key"],
        "a.csv, line 32: found key '0' a second time, after line 2",
    ),
    "a folder for a file": (folder_for_a_file, "a.tsv: a folder without brat's .txt and .ann files"),
    "a pipe": (pipe, "a.tsv: a device, pipe or socket, not a file"),
    "no right to read": (unreadable, "found a file that cannot be read (Permission denied)"),
    "an Excel file named .csv": (file("a.csv", zipped("xl/workbook.xml")), "found a zip archive or Excel file"),
    "a zip archive named .jsonl": (file("a.jsonl", zipped("a.jsonl")), "a.jsonl: found a zip archive"),
    "an array of one example": (
        file("a.jsonl", json.dumps([{"text": "x", "label": "yes"}])),
        "a.jsonl: found 1 example",
    ),
    "a quote that is never closed": (file("a.csv", 'text,label\n"open,yes\n'), "a.csv, line 2: found broken quoting"),
    "a score that is no number": (
        file("a.csv", "sentence1,sentence2,score\na,b,3\na,c,nan\n", kind="similarity"),
        "line 3: found score 'nan'",
    ),
    "an entity outside its text": (
        file("a.jsonl", '{"text": "IL-2", "entities": [[0, 5, "Gene"]]}', kind="ner"),
        "characters 0 to 5 of a text of 4",
    ),
    "offsets in bytes": (
        file(
            "a.jsonl",
            '{"text": "β IL-2.", "entities": [{"start": 3, "end": 7, "type": "G", "text": "IL-2"}]}',
            kind="ner",
        ),
        "they fit in bytes of UTF-8; count the document's characters from 0",
    ),
    "code in a definition": (evil_definition, "a.yaml"),
    "pickled weights of an encoder with code in them": (evil_encoder, "pickled objects other than tensors"),
}
FOUND_LATER = ("pickled weights of an encoder with code in them",)  # when the encoder is loaded
MEANT = {  # kind -> what is said of it; all of them in one training
    "labels unseen in train": "label 'maybe' of test (1 times, first in test.csv, line 22) is not in train",
    "a line of 100,000 characters": "exceed 64 sub-words: the rest is cut off (the longest, ",
    "a byte-order mark": "train: ",
    "line ends of several systems": "train: ",
    "test that stands in train": "of 21 examples of test are also in train",
    "a text twice": "repeats 1 text",
    "formats that differ between files": "read, test: csv",
}
MODELS = {  # kind -> what is given to predict as a model
    "a model directory of something else": "without the blurbstudy.json of a model directory",
    "a run store as a model": "is a run store",
    "pickled weights of a model with code in them": "pickled",
}


def state(folder: Path) -> dict[str, str]:
    """What lies in a folder, by file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def finetune(command, tiny_encoder, tmp_path, monkeypatch):
    """blurbstudy finetune in an empty folder, one seed, a tiny recipe, no network."""
    monkeypatch.setenv("TINY_ENCODER", str(tiny_encoder))
    (tmp_path / "recipe.yaml").write_text("epochs: 1\nmax_length: 64\nn_evaluations: 1\n")

    def run(words: list[str]):
        encoder = [] if "--encoder" in words else ["--encoder", tiny_encoder]
        options = [*encoder, "--recipe", "recipe.yaml", "--seeds", "1", "--store", "store", "--device", "cpu"]
        return command("finetune", *words, *options)

    return run


def test_twenty_kinds_and_more_stand_here():
    kinds = {*REFUSED, *MEANT, *MODELS}
    assert kinds >= ISSUED and len(kinds) == len(REFUSED) + len(MEANT) + len(MODELS) >= 30


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_learned_from_is_one_line_and_leaves_all_work_as_it_was(finetune, tmp_path, kind):
    make, said = REFUSED[kind]
    if kind == "no right to read" and os.geteuid() == 0:
        pytest.skip("whoever runs this may read everything")
    (tmp_path / "store" / "runs").mkdir(parents=True)
    (tmp_path / "store" / "runs" / "finished.json").write_text("{}")
    before = state(tmp_path / "store")
    code, out, errors = finetune(make(tmp_path))
    *before_it, last = errors.splitlines()  # the audit, where the files themselves are right
    assert (code, out) == (2, "") and last.startswith("blurbstudy: ") and said in last, errors
    assert not before_it or (kind in FOUND_LATER and "Traceback" not in errors)
    assert not (tmp_path / "code-was-run").exists()
    assert {name: value for name, value in state(tmp_path / "store").items() if name in before} == before


def test_what_is_meant_well_is_trained_on_and_told(finetune, command, tmp_path, tiny_encoder):
    long = "word " * 20_000
    train = [*rows(60), f"{long}\tyes", "sentence 2 of the study\tyes"]
    (tmp_path / "train.tsv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(train[:30]).encode() + b"\r\n")
    with (tmp_path / "train.tsv").open("ab") as end:
        end.write("\n".join(train[30:]).encode())
    test = [*rows(20, separator=","), "a new sentence,maybe"]
    (tmp_path / "test.csv").write_text("\n".join(test))
    code, out, errors = finetune(["--task", "classification", "--train", "train.tsv", "--test", "test.csv"])
    assert code == 0, errors
    for kind, said in MEANT.items():
        assert said in errors, kind
    before = state(tmp_path / "store")
    assert [name for name in before if name.startswith("runs/")]

    places = dict(zip(MODELS, (tiny_encoder, tmp_path / "store", evil_model(tmp_path)), strict=True))
    for kind, said in MODELS.items():
        code, out, errors = command("predict", "test.csv", "--model", places[kind])
        assert (code, out) == (2, "") and len(errors.splitlines()) == 1 and said in errors, (kind, errors)
    assert not (tmp_path / "code-was-run").exists()

    (tmp_path / "train.tsv").write_text("broken")
    code, out, errors = finetune(["--task", "classification", "--train", "train.tsv", "--test", "test.csv"])
    assert code == 2 and state(tmp_path / "store") == before


def evil_model(folder: Path) -> Path:
    """The model that was kept, its weights pickled with code."""
    (model,) = (folder / "store-models").iterdir()
    evil = Path(shutil.copytree(model, folder / "evil-model"))
    (evil / "model.safetensors").unlink()
    torch.save({"classifier.weight": Code()}, evil / "pytorch_model.bin")
    return evil


def test_tags_without_b_are_read_as_the_schemes_that_have_none(tmp_path):
    from blurbstudy.tasks import Task, read_split

    for name, tags in (("a.conll", "I-Drug I-Drug O"), ("b.conll", "Drug Drug O")):
        (tmp_path / name).write_text("".join(f"w {tag}\n" for tag in tags.split()))
        task = Task.from_files("ner", train=tmp_path / name, dev=tmp_path / name)
        assert read_split(task, split="train")[0].label == "B-Drug I-Drug O"
