"""Documents in chunks: what is predicted, written and noted at once. Where one ends depends on what it holds alone, so
a run that goes on where another stopped has the same chunks, and writes the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .items import Document, Fault, Item

BATCHES = 8  # of a chunk, about: enough to find texts of like length
LETTERS = 4  # of a sub-word, about
MOST = 1024  # documents of a chunk
LISTED = 20  # faults that are told in full


@dataclass
class Chunk:
    """Some items, one after another."""

    items: list[Item] = field(default_factory=list)
    characters: int = 0

    @property
    def documents(self) -> list[Document]:
        """Those that can be predicted for."""
        return [item.found for item in self.items if isinstance(item.found, Document)]


@dataclass
class Faults:
    """What could not be read, counted; the first are kept."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Count one."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(fault.said)

    def text(self, documents: int) -> str:
        """What is told at the end; "" where nothing was wrong."""
        if not self.count:
            return ""
        more = [f"... and {self.count - len(self.first)} more"] if self.count > len(self.first) else []
        head = f"{self.count} of {documents + self.count} documents skipped, since they could not be read:"
        return "\n  ".join([head, *self.first, *more])


class Digest:
    """What was read so far, in a number: another input is told by it."""

    def __init__(self) -> None:
        self._state = hashlib.sha256()

    def add(self, item: Item) -> None:
        """Goes on by an item."""
        found = item.found
        said = (found.id, found.texts, found.sentences) if isinstance(found, Document) else found.said
        self._state.update(repr(said).encode("utf-8", "backslashreplace"))

    def text(self) -> str:
        """20 hexadecimal digits."""
        return self._state.hexdigest()[:20]


def chunks(items: Iterable[Item], *, batch_tokens: int) -> Iterator[Chunk]:
    """The items in chunks of about BATCHES batches."""
    most = BATCHES * LETTERS * batch_tokens
    chunk = Chunk()
    for item in items:
        chunk.items.append(item)
        if isinstance(item.found, Document):
            chunk.characters += sum(map(len, item.found.texts))
        if chunk.characters >= most or len(chunk.items) >= MOST:
            yield chunk
            chunk = Chunk()
    if chunk.items:
        yield chunk
