"""Readers of unlabeled text: abstracts and full texts as JSON lines, or plain text, one document at a time.

A file ends in .txt (plain text) or is read as JSON lines; it may be compressed (.gz or .xz). In JSON lines, each line
is an abstract, `{"title": ..., "sentences": [...]}`, or a full text, `{"title": ..., "sections": [{"heading": ...,
"paragraphs": [[...], ...]}]}`. Headings are ignored, because they are labels such as BODY.METHODS. A `blurb_test` key
marks text of a BLURB test set. In plain text, a blank line ends a document and each line is a sentence. A line of more
than 100 words is treated as a paragraph and split after every full stop, question mark or exclamation mark that is
followed by white space and a capital letter or digit.
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
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError

OPENERS: dict[str, Callable[[BinaryIO], BufferedIOBase]] = {
    ".gz": lambda raw: gzip.GzipFile(fileobj=raw),
    ".xz": lzma.LZMAFile,
}
MAX_LINE_BYTES = 1 << 26  # a longer line is not text
MAX_DOCUMENT_LINES = 100_000  # in plain text; a longer document means that blank lines are missing
MAX_SENTENCE_WORDS = 100  # in plain text; a longer line is split into sentences
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_HINT = 'write one object per line: {"title": "...", "sentences": ["...", "..."]}'

OnBytes = Callable[[int], None]  # called with the bytes of the (compressed) file read so far


@dataclass(frozen=True)
class Document:
    """One text; the first sentence is its title if it has one."""

    id: str
    sentences: tuple[str, ...]
    is_test_text: bool = False  # contains text of a BLURB test set


def read_documents(path: Path, on_bytes: OnBytes | None = None) -> Iterator[Document]:
    """Yield all documents of one file, test text included.
    Raises DataError: the file is missing, corrupt, not UTF-8 or has no documents, or a line is not a document.
    """
    path = Path(path)
    name = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    read = _plain_text if name.suffix.lower() == ".txt" else _json_lines
    is_empty = True
    for document in read(path, _lines(path, on_bytes)):
        is_empty = False
        yield document
    if is_empty:
        hint = "write one sentence per line and a blank line after each document" if read is _plain_text else _HINT
        raise DataError(f"{path}: contains no document; {hint}")


def _lines(path: Path, on_bytes: OnBytes | None) -> Iterator[tuple[int, str]]:
    """Yield (number, stripped text) of every line."""
    number = 0
    try:
        with path.open("rb") as raw, OPENERS.get(path.suffix.lower(), contextlib.nullcontext)(raw) as stream:
            while line := stream.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    raise DataError(
                        f"{path}: line {number}: longer than {MAX_LINE_BYTES >> 20} MiB; write one document per line"
                    )
                text = line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8")
                yield number, text.strip()
                if on_bytes:
                    on_bytes(raw.tell())
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: line {number}: not UTF-8 (byte {error.object[error.start]:#04x} at {error.start}); "
            "convert the file to UTF-8"
        ) from None
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: line {number + 1}: corrupt compressed file ({error}); download it again") from None
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
            raise DataError(f"{path}: line {number}: not a document ({error}); {_HINT}") from None
        yield document


def _document(record: object, number: int) -> Document:
    if not isinstance(record, dict):
        raise TypeError("expected a JSON object")
    if "sentences" not in record and "sections" not in record:
        raise TypeError("missing sentences")
    title = record.get("title") or ""
    if not isinstance(title, str):
        raise TypeError("the title must be a string")
    sentences = [title, *_strings(record.get("sentences", []), "sentences")]
    for section in _list(record.get("sections", []), "sections"):
        if not isinstance(section, dict):
            raise TypeError("a section must be an object")
        for paragraph in _list(section.get("paragraphs"), "paragraphs"):
            sentences += _strings(paragraph, "sentences")
    non_blank = tuple(text for text in sentences if text.strip())
    try:
        "\n".join(non_blank).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"lone surrogate {error.object[error.start]!a}") from None
    return Document(str(record.get("id", number)), non_blank, bool(record.get("blurb_test")))


def _list(value: object, name: str) -> list:
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list")
    return value


def _strings(value: object, name: str) -> list[str]:
    texts = _list(value, name)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name} must be a list of strings")
    return texts


def _plain_text(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Document]:
    sentences: list[str] = []
    first = last = 0
    has_blank_line = False  # after a document
    for last, text in lines:
        if text:
            first = first if sentences else last
            sentences += SENTENCE_END.split(text) if len(text.split()) > MAX_SENTENCE_WORDS else [text]
        elif sentences:
            yield Document(str(first), tuple(sentences))
            sentences, has_blank_line = [], True
        if sentences and last - first >= MAX_DOCUMENT_LINES:
            raise DataError(
                f"{path}: line {first}: starts a document of more than {MAX_DOCUMENT_LINES} lines; "
                "separate documents by blank lines"
            )
    if sentences and last > first and not has_blank_line:
        raise DataError(
            f"{path}: lines {first} to {last} have no blank line between them and would be one document; "
            "end each document with a blank line"
        )
    if sentences:
        yield Document(str(first), tuple(sentences))
