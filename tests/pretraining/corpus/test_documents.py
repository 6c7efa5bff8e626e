"""Documents are streamed from every format; errors name file, line and remedy."""

from __future__ import annotations

import gzip
import json
import lzma
import random

import pytest

from blurbstudy.errors import DataError
from blurbstudy.pretraining.corpus import documents
from blurbstudy.pretraining.corpus.corpus import Corpus
from blurbstudy.pretraining.corpus.documents import Document, read_documents

LINES = [
    {"id": "a", "title": "On zorvatinib.", "sentences": ["It inhibits QRX1.", "Cells died."]},
    {"id": "b", "title": "", "sentences": ["No title here.", "Still two sentences."]},
    {"id": "c", "title": "Test text.", "sentences": ["Must not be seen."], "blurb_test": ["HoC"]},
]
TEXT = "".join(json.dumps(line) + "\n" for line in LINES)
DOCUMENTS = [
    Document("a", ("On zorvatinib.", "It inhibits QRX1.", "Cells died.")),
    Document("b", ("No title here.", "Still two sentences.")),
    Document("c", ("Test text.", "Must not be seen."), is_test_text=True),
]
PLAIN = "On zorvatinib.\nIt inhibits QRX1.\nCells died.\n\n\nNo title here.\nStill two sentences.\n"


@pytest.mark.parametrize("opener", [open, gzip.open, lzma.open])
@pytest.mark.parametrize(("name", "text"), [("c.jsonl", TEXT), ("c.txt", PLAIN)])
def test_documents_are_read_plain_or_compressed(tmp_path, name, text, opener):
    path = tmp_path / (name + {open: "", gzip.open: ".gz", lzma.open: ".xz"}[opener])
    with opener(path, "wt", encoding="utf-8") as stream:
        stream.write(text)
    documents = list(read_documents(path))
    if name == "c.jsonl":
        assert documents == DOCUMENTS
    else:
        assert [document.sentences for document in documents] == [document.sentences for document in DOCUMENTS[:2]]


def test_a_full_text_has_its_title_and_paragraphs_without_headings(tmp_path):
    sections = [
        {"heading": "BODY.METHODS", "paragraphs": [["One.", "Two."], ["Three."]]},
        {"heading": "BODY.RESULTS", "paragraphs": [["Four."], []]},
    ]
    (tmp_path / "c.jsonl").write_text(json.dumps({"id": "f", "title": "Title.", "sections": sections}) + "\n")
    assert list(read_documents(tmp_path / "c.jsonl")) == [Document("f", ("Title.", "One.", "Two.", "Three.", "Four."))]


def test_an_empty_blurb_test_key_marks_nothing(tmp_path):
    """A table exported to JSON has null for missing values."""
    (tmp_path / "c.jsonl").write_text(
        '{"sentences": ["x"], "blurb_test": null}\n{"sentences": ["y"], "blurb_test": []}'
    )
    assert [document.is_test_text for document in read_documents(tmp_path / "c.jsonl")] == [False, False]


def test_byte_order_mark_and_windows_line_ends_are_ignored(tmp_path):
    (tmp_path / "c.jsonl").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert list(read_documents(tmp_path / "c.jsonl")) == DOCUMENTS
    (tmp_path / "c.txt").write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert next(read_documents(tmp_path / "c.txt")).sentences == DOCUMENTS[0].sentences


def test_a_long_line_of_plain_text_is_split_into_sentences(tmp_path):
    paragraph = ["It was given to 12 patients of E. coli " + "again " * 50 + f"in round {i}." for i in range(2)]
    (tmp_path / "c.txt").write_text(" ".join(paragraph) + "\n\nShort. Two in a line.\n")
    assert [document.sentences for document in read_documents(tmp_path / "c.txt")] == [
        tuple(paragraph),
        ("Short. Two in a line.",),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        "{not json",
        "[]",
        '{"sentences": "one text"}',
        '{"title": 3, "sentences": ["x"]}',
        '{"title": "no sentences"}',
        '{"sentences": ["x", 3]}',
        '{"sections": ["x"]}',
        '{"sections": [{"heading": "x"}]}',
        "[" * 100_000,
        '{"sections": [{"paragraphs": ["not a list of sentences"]}]}',
        '{"sentences": ["half \\ud800"]}',
    ],
)
def test_an_invalid_line_is_an_error_with_its_number(tmp_path, broken):
    (tmp_path / "c.jsonl").write_text(TEXT + broken + "\n")
    with pytest.raises(DataError, match=r'c\.jsonl: line 4: not a document .*; write one object per line: \{"title"'):
        list(read_documents(tmp_path / "c.jsonl"))


@pytest.mark.parametrize("name", ["c.jsonl", "c.txt"])
def test_a_missing_and_an_empty_file_are_errors(tmp_path, name):
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        list(read_documents(tmp_path / name))
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory"):
        list(read_documents(tmp_path))
    (tmp_path / name).write_text("\n\n")
    with pytest.raises(DataError, match=r"contains no document; write one"):
        list(read_documents(tmp_path / name))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_corrupt_compressed_file_is_an_error(tmp_path, pack):
    path, chance = tmp_path / ("c.jsonl.gz" if pack is gzip.compress else "c.jsonl.xz"), random.Random(0)
    compressed = pack(b"".join(b'{"sentences": ["%s"]}\n' % chance.randbytes(30).hex().encode() for _ in range(400)))
    for broken in (
        compressed[:-4],
        compressed[: len(compressed) // 2],
        b"no archive at all",
        compressed[:300] + b"\xff" * 99 + compressed[400:],
    ):
        path.write_bytes(broken)
        # Overwritten bytes may come out as other text before the archive's own check is reached.
        with pytest.raises(
            DataError, match=r"c\.jsonl\...: line \d+: (corrupt compressed file|not a document|.*UTF-8)"
        ):
            list(read_documents(path))


@pytest.mark.parametrize("name", ["c.jsonl", "c.txt"])
def test_text_that_is_not_utf8_is_an_error_with_its_line(tmp_path, name):
    (tmp_path / name).write_bytes(b'{"sentences": ["good"]}\n\n{"sentences": ["na\xefve"]}\n')
    with pytest.raises(DataError, match=r"line 3: not UTF-8 \(byte 0xef at 18\); convert the file to UTF-8"):
        list(read_documents(tmp_path / name))


def test_plain_text_without_blank_lines_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "c.txt"
    path.write_text("\nOne.\nTwo.\nThree.\n")
    with pytest.raises(DataError, match=r"lines 2 to 4 have no blank line between them .*; end each document with"):
        list(read_documents(path))
    path.write_text("One.\nTwo.\nThree.\n\n")
    assert len(list(read_documents(path))) == 1
    path.write_text("A.\n\n" + "B.\n" * 50)
    monkeypatch.setattr(documents, "MAX_DOCUMENT_LINES", 20)
    with pytest.raises(DataError, match="line 3: starts a document of more than 20 lines"):
        list(read_documents(path))


def test_an_endless_line_is_an_error_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_LINE_BYTES", 1 << 20)
    with gzip.open(tmp_path / "c.jsonl.gz", "wb") as stream:
        stream.write(b"x" * (3 << 20))
    with pytest.raises(DataError, match="line 1: longer than 1 MiB"):
        list(read_documents(tmp_path / "c.jsonl.gz"))


def test_documents_are_streamed(tmp_path):
    (tmp_path / "c.jsonl").write_text(TEXT + "{broken\n")
    documents = Corpus((tmp_path / "c.jsonl",)).documents()
    assert [next(documents), next(documents)] == DOCUMENTS[:2]
