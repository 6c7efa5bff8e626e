"""Unlabeled text, one document at a time: abstracts and sectioned full text as JSONL, or plain text.

A file is .jsonl or .txt (any other name is read as JSONL), plain or packed as .gz or .xz. One JSON object a line:
`{"title": ..., "sentences": [...]}` for an abstract, `{"title": ..., "sections": [{"heading": ..., "paragraphs":
[[...], ...]}]}` for a full text, whose headings are left out (they are labels such as BODY.METHODS, no prose). A
document that carries `blurb_test` holds text of a BLURB test set. In plain text a blank line ends a document and each
line is a sentence; a line of more than 100 words is taken for a paragraph and divided after every full stop, question
or exclamation mark that white space and a capital or a digit follow.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import DataError

OPENERS: dict[str, Callable[[BinaryIO], Any]] = {".gz": lambda raw: gzip.GzipFile(fileobj=raw), ".xz": lzma.LZMAFile}
REMEDY = 'write one object a line: {"title": "...", "sentences": ["...", "..."]}'
LONGEST_LINE = 1 << 26  # bytes; more is no line of text
MOST_LINES = 100_000  # of one plain-text document; more is a corpus whose documents are not set apart
PARAGRAPH = 100  # words; a longer line of plain text is divided
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")

OnBytes = Callable[[int], None]  # bytes of the file (packed, where it is) read so far


@dataclass(frozen=True)
class Document:
    """One text; its title, where it has one, is its first sentence."""

    id: str
    sentences: tuple[str, ...]
    test_text: bool = False  # holds text of a BLURB test set


def read_documents(path: Path, on_bytes: OnBytes | None = None) -> Iterator[Document]:
    """All documents of one file, marked ones too, one at a time.

    Raises:
        DataError: the file is missing, torn or not UTF-8, holds no document, or a line is none; names file and line.
    """
    path = Path(path)
    name = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    read = _plain if name.suffix.lower() == ".txt" else _json_lines
    found = False
    for document in read(path, _lines(path, on_bytes)):
        found = True
        yield document
    if not found:
        remedy = "write one sentence a line and a blank line after each document" if read is _plain else REMEDY
        raise DataError(f"{path}: holds no document; {remedy}")


def _lines(path: Path, on_bytes: OnBytes | None) -> Iterator[tuple[int, str]]:
    """(number, text) of every line, white space around it taken off."""
    number = 0
    try:
        with path.open("rb") as raw, OPENERS.get(path.suffix.lower(), contextlib.nullcontext)(raw) as stream:
            while line := stream.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    raise DataError(
                        f"{path}: line {number}: is longer than {LONGEST_LINE >> 20} MiB; write one document a line"
                    )
                text = line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8")
                yield number, text.strip()
                if on_bytes:
                    on_bytes(raw.tell())
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: line {number}: is not UTF-8 (byte {error.object[error.start]:#04x} at {error.start}); "
            "convert the file to UTF-8"
        ) from None
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: line {number + 1}: the archive is torn ({error}); fetch it again") from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); name a corpus file (JSONL or plain text)"
        ) from None


def _json_lines(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Document]:
    for number, line in lines:
        if not line:
            continue
        try:
            document = _document(json.loads(line), number)
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: line {number}: is no document ({error}); {REMEDY}") from None
        yield document


def _document(record: Any, number: int) -> Document:
    if not isinstance(record, dict):
        raise TypeError("no JSON object")
    if "sentences" not in record and "sections" not in record:
        raise TypeError("no list of sentences")
    title = record.get("title") or ""
    if not isinstance(title, str):
        raise TypeError("the title is no text")
    sentences = [title, *_strings(record.get("sentences", []), "sentences")]
    for section in _list(record.get("sections", []), "sections"):
        if not isinstance(section, dict):
            raise TypeError("a section is no object")
        for paragraph in _list(section.get("paragraphs"), "paragraphs"):
            sentences += _strings(paragraph, "sentences")
    kept = tuple(text for text in sentences if text.strip())
    try:
        "\n".join(kept).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half a character, {error.object[error.start]!a}") from None
    return Document(str(record.get("id", number)), kept, bool(record.get("blurb_test")))


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"no list of {what}")
    return value


def _strings(value: Any, what: str) -> list[str]:
    if not all(isinstance(text, str) for text in _list(value, what)):
        raise TypeError(f"no list of {what}")
    return value


def _plain(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Document]:
    sentences: list[str] = []
    first = last = 0
    divided = False  # whether a blank line has ended a document
    for last, text in lines:
        if text:
            first = first if sentences else last
            sentences += SENTENCE_END.split(text) if len(text.split()) > PARAGRAPH else [text]
        elif sentences:
            yield Document(str(first), tuple(sentences))
            sentences, divided = [], True
        if sentences and last - first >= MOST_LINES:
            raise DataError(
                f"{path}: line {first}: begins a document of more than {MOST_LINES} lines; "
                "set documents apart by blank lines"
            )
    if sentences and last > first and not divided:
        raise DataError(
            f"{path}: lines {first} to {last} have no blank line between them and would all be one document; "
            "end each document with a blank line"
        )
    if sentences:
        yield Document(str(first), tuple(sentences))
