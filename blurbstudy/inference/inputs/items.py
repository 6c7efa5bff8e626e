"""What readers of inputs hand on, one after another: a document, or the fault that stands in its place; and the lines
they read it from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...tasks import Task
from ...tasks.formats.lines import LARGEST
from ...tasks.text.words import Span


@dataclass(frozen=True, slots=True)
class Document:
    """What one prediction is for."""

    id: str  # unique
    texts: tuple[str, ...]  # one, or the two of a pair
    sentences: tuple[tuple[Span, ...], ...] | None = None  # of tagged text: the words as they were given; None: to find
    marked: bool = True  # False: a sentence of a CoNLL file that marks no documents


@dataclass(frozen=True, slots=True)
class Fault:
    """What is no document, in a line: where, found, expected, remedy."""

    said: str


@dataclass(frozen=True, slots=True)
class Item:
    """One document, or what stands in the place of one."""

    found: Document | Fault
    read: int  # bytes of the input up to its end


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, its end included."""

    number: int  # from 1
    text: str
    wrong: tuple[str, str, str] | None  # found, expected, remedy: no text
    read: int  # bytes of the file up to its end


def text_count(task: Task) -> int:
    """How many texts an input of the task has: 1, or 2 where it is of pairs."""
    return len(task.columns) - 2 if task.output in ("single_label", "score") else 1


def decoded(file: BinaryIO) -> Iterator[Line]:
    """The lines of a file as text; what is not UTF-8, or holds a NUL byte, is said so and stands there with marks."""
    number = read = 0
    while raw := file.readline(LARGEST):
        number, read, wrong = number + 1, read + len(raw), None
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            text = raw.decode(errors="replace")
            remedy = "convert the file, e.g. iconv -f latin1 -t utf-8"
            wrong = f"byte 0x{raw[error.start]:02X}, which is not UTF-8", "UTF-8", remedy
        if "\0" in text:
            wrong = "a NUL byte", "text in UTF-8", "get the file again: it is damaged, or in another encoding"
            text = text.replace("\0", "\ufffd")
        yield Line(number, text, wrong, read)


def fault(where: str, number: int, found: str, expected: str, remedy: str) -> Fault:
    """What is wrong with a line."""
    return Fault(f"{where}, line {number}: found {found}; expected {expected}; {remedy}")
