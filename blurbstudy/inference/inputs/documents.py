"""Documents to predict for, and the decoded lines that readers parse them from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...tasks import Task
from ...tasks.formats.lines import MAX_BYTES
from ...tasks.text.words import Span


@dataclass(frozen=True, slots=True)
class Document:
    """The input of one prediction."""

    id: str  # unique
    texts: tuple[str, ...]  # one text, or two for a pair
    sentences: tuple[tuple[Span, ...], ...] | None = None  # word spans given by the input; None: to be split
    marked: bool = True  # False: a sentence of a CoNLL file without document marks


@dataclass(frozen=True, slots=True)
class ReadError:
    """A part of the input that is not a document; the message has place, value, expected value and remedy."""

    message: str


@dataclass(frozen=True, slots=True)
class Item:
    """A document or a read error, as readers yield them."""

    content: Document | ReadError
    bytes_read: int  # of the input, up to the end of the item


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file with its line ending."""

    number: int  # from 1
    text: str
    error: tuple[str, str, str] | None  # value, expected value, remedy; None: valid text
    bytes_read: int  # of the file, up to the end of the line


def text_count(task: Task) -> int:
    """Texts per input: 2 for tasks on pairs, else 1."""
    return len(task.columns) - 2 if task.output in ("single_label", "score") else 1


def decode_lines(file: BinaryIO) -> Iterator[Line]:
    """The lines of a file; invalid UTF-8 and NUL bytes are replaced by U+FFFD and reported in `Line.error`."""
    number = bytes_read = 0
    while raw := file.readline(MAX_BYTES):
        number, bytes_read, error = number + 1, bytes_read + len(raw), None
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode()
        except UnicodeDecodeError as invalid:
            text = raw.decode(errors="replace")
            remedy = "convert the file, e.g. iconv -f latin1 -t utf-8"
            error = f"byte 0x{raw[invalid.start]:02X}, which is not UTF-8", "UTF-8", remedy
        if "\0" in text:
            error = "a NUL byte", "text in UTF-8", "get the file again: it is damaged or has another encoding"
            text = text.replace("\0", "\ufffd")
        yield Line(number, text, error, bytes_read)


def read_error(where: str, number: int, value: str, expected: str, remedy: str) -> ReadError:
    """The error of one line."""
    return error_at(f"{where}, line {number}", value, expected, remedy)


def error_at(place: str, value: str, expected: str, remedy: str) -> ReadError:
    """The error of a part of the input."""
    return ReadError(f"{place}: found {value}; expected {expected}; {remedy}")
