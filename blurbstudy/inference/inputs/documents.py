"""Documents to predict for, and what readers could not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...tasks import Task
from ...tasks.formats.lines import clip
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
    comments: int = 0  # lines of comments left out before it
    renamed: bool = False  # whether its id is not the input's, which is missing or not unique
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> column that it is read from


def text_count(task: Task) -> int:
    """Texts per input: 2 for tasks on pairs, else 1."""
    return len(task.columns) - 2 if task.output in ("single_label", "score") else 1


def read_error(where: str, number: int, value: str, expected: str, remedy: str) -> ReadError:
    """The error of one line."""
    return error_at(f"{where}, line {number}", value, expected, remedy)


def error_at(place: str, value: str, expected: str, remedy: str) -> ReadError:
    """The error of a part of the input."""
    return ReadError(f"{place}: found {clip(value)}; expected {clip(expected)}; {remedy}")
