"""Documents with entities by character offsets: folders of brat (.txt beside .ann) and files of PubTator.

The text is never altered: offsets count its characters (Unicode code points, CRLF as two), and text[start:end] is the
entity. A byte-order mark at a file's beginning is no character of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import ParameterError
from ..text.words import Span, word_spans
from .lines import fail, lines_of, shown, text_of

STANDOFF = (".txt", ".ann")  # endings of brat's files
FRAGMENTS = ("refuse", "skip")  # what becomes of an entity in several pieces
Fault = tuple[str, str, str]  # found, expected, remedy
_ANNOTATION = re.compile(r"[TREAMNW#*]")  # brat's kinds of lines; T are entities
_FRAGMENT = re.compile(r"(\d+) (\d+)")
_TITLE_OR_ABSTRACT = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)


@dataclass(frozen=True)
class Entity:
    """A mention of a type at characters of a text, and the line of a file that says so."""

    start: int
    end: int
    type: str
    line: int


@dataclass(frozen=True, kw_only=True)
class StandoffDocument:
    """A text and its entities in the order of the file."""

    id: str
    text: str
    entities: tuple[Entity, ...]
    path: Path  # of the entities
    line: int = 1  # where it begins there
    skipped: int = 0  # entities in several pieces that were left out
    annotated: bool = True  # False: there is no .ann file
    group: str = ""  # what several texts belong to; "": it stands alone

    @property
    def unit(self) -> str:
        """The document that the text is of."""
        return self.group or self.id


def read_brat(folder: Path, *, fragments: str = "refuse", annotated: bool = True) -> list[StandoffDocument]:
    """The documents of a folder of brat's, in order of their names, which are their ids.

    Args:
        fragments: `refuse` or `skip` entities in several pieces. Pieces with nothing but white space between them, as
            brat writes them at a line's end, are one entity.
        annotated: whether a .txt without .ann is refused; brat makes an empty one where somebody has looked.

    Raises:
        DataError: the folder holds no such files, or one is malformed; names file and line.
    """
    if fragments not in FRAGMENTS:
        raise ParameterError(f"discontinuous={fragments!r} is unknown; use {' or '.join(FRAGMENTS)}")
    texts = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not texts:
        fail(str(folder), "no .txt file in it", "brat's NAME.txt and NAME.ann", "name the folder that holds them")
    for path in sorted(folder.glob("*.ann")):
        if path.stem not in texts:
            fail(str(path), "no .txt of that name", f"{path.stem}.txt beside it", "put it there or remove the file")
    return [_brat_document(path, fragments, annotated) for path in texts.values()]


def read_pubtator(path: Path) -> list[StandoffDocument]:
    """The documents of a PubTator file: ID|t|title, ID|a|abstract, then a line for each entity. The text is the title,
    a line break and the abstract; lines of relations are passed over.

    Raises:
        DataError: the file is missing or malformed; names file and line.
    """
    documents: dict[str, StandoffDocument] = {}
    for block in _pubtator_blocks(path):
        document = _pubtator_document(path, block)
        if (before := documents.get(document.id)) is not None:
            found = f"document {shown(document.id)} a second time, after line {before.line}"
            fail(f"{path}, line {document.line}", found, "every id once", "remove or rename one")
        documents[document.id] = document
    if not documents:
        fail(str(path), "no document", "lines ID|t|title, ID|a|abstract, and of entities", "check that it is PubTator")
    return list(documents.values())


def span_fault(text: str, start: int, end: int, surface: str | None = None) -> Fault | None:
    """What is wrong with an entity from `start` to `end`, whose text a file gives as `surface`; None: nothing."""
    if not 0 <= start <= end <= len(text):
        found = f"characters {start} to {end} of a text of {len(text)}"
        return found, "offsets inside the text, the end behind the start", "correct them, or restore the text"
    if surface is not None and _plain(text[start:end]) != _plain(surface):
        found = f"{shown(text[start:end])} at characters {start} to {end}, but {shown(surface)} as their text"
        counting = _other_counting(text, start, end, _plain(surface))
        remedy = f"they fit {counting}: count characters from 0" if counting else "restore the text, or correct them"
        return found, "the same", remedy
    if not word_spans(text[start:end]):
        return f"an entity without a word at characters {start} to {end}", "at least one", "correct or remove it"
    return None


def _plain(text: str) -> str:
    return " ".join(text.split())


def _other_counting(text: str, start: int, end: int, surface: str) -> str:
    """How the offsets of a surface would have been counted, in words; "": in no way that is known."""
    units = text.encode("utf-16-le", "surrogatepass")
    others = {
        "in bytes of UTF-8": text.encode(errors="surrogatepass")[start:end].decode(errors="replace"),
        "in units of UTF-16": units[2 * start : 2 * end].decode("utf-16-le", "replace"),
        "with CRLF as one character": text.replace("\r\n", "\n")[start:end],
        "counted from 1": text[max(0, start - 1) : max(0, end - 1)],
        "counted from 1, the end's own character included": text[max(0, start - 1) : end],
        "with the end's own character included": text[start : end + 1],
    }
    return next((how for how, found in others.items() if _plain(found) == surface), "")


def _brat_document(path: Path, fragments: str, annotated: bool) -> StandoffDocument:
    text, beside = text_of(path), path.with_suffix(".ann")
    if not beside.is_file():
        if annotated:
            remedy = "put it there, an empty one if the text holds no entity"
            fail(str(path), "no .ann beside it", f"{beside.name}", remedy)
        return StandoffDocument(id=path.stem, text=text, entities=(), path=path, annotated=False)
    entities, skipped = [], 0
    for number, line in enumerate(lines_of(beside), 1):
        where = f"{beside}, line {number}"
        if line.strip() and not _ANNOTATION.match(line):
            fail(
                where, shown(line), "T1<tab>Type 0 5<tab>text, or another line of brat's", "correct or remove the line"
            )
        if not line.startswith("T"):
            continue
        kind, pieces, surface = _brat_entity(where, line)
        spans = _joined(text, pieces)
        if len(spans) > 1:
            if fragments == "refuse":
                found = f"an entity in {len(spans)} pieces ({shown(surface)})"
                remedy = "tags cannot say that: mark it in one piece, or leave such entities out (discontinuous: skip)"
                fail(where, found, "one piece", remedy)
            skipped += 1
            continue
        if fault := span_fault(text, *spans[0], surface):
            fail(where, *fault)
        entities.append(Entity(*spans[0], kind, number))
    return StandoffDocument(id=path.stem, text=text, entities=tuple(entities), path=beside, skipped=skipped)


def _brat_entity(where: str, line: str) -> tuple[str, list[Span], str]:
    """Type, pieces and text of an entity's line."""
    columns = line.split("\t", 2)
    kind, _, offsets = (columns[1] if len(columns) > 1 else "").partition(" ")
    pieces = [_FRAGMENT.fullmatch(piece) for piece in offsets.split(";")]
    if len(columns) != 3 or not kind or not all(pieces):
        fail(where, shown(line), "T1<tab>Type 0 5<tab>text", "restore the tabs and the offsets")
    return kind, [(int(piece[1]), int(piece[2])) for piece in pieces], columns[2]


def _joined(text: str, pieces: list[Span]) -> list[Span]:
    """The pieces in order, those that follow on each other made one."""
    spans: list[Span] = []
    for start, end in sorted(pieces):
        if spans and start >= spans[-1][1] and not text[spans[-1][1] : start].strip():
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _pubtator_blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each document: up to an empty line, or to the next title."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(lines_of(path), 1):
        title = (found := _TITLE_OR_ABSTRACT.fullmatch(line)) and found[2] == "t"
        if block and (title or not line.strip()):
            yield block
            block = []
        if line.strip():
            block.append((number, line))
    if block:
        yield block


def _pubtator_document(path: Path, block: list[tuple[int, str]]) -> StandoffDocument:
    first, line = block[0]
    if not (title := _TITLE_OR_ABSTRACT.fullmatch(line)) or title[2] != "t":
        fail(f"{path}, line {first}", shown(line), "ID|t|title", "begin every document with its title")
    text, rest = title[3], block[1:]
    if rest and (abstract := _TITLE_OR_ABSTRACT.fullmatch(rest[0][1])) and abstract[1] == title[1]:
        text, rest = f"{text}\n{abstract[3]}", rest[1:]
    entities = []
    for number, line in rest:
        where, columns = f"{path}, line {number}", line.split("\t")
        if columns[0] != title[1]:
            remedy = "put an empty line between documents, or correct the id"
            fail(where, shown(line), f"a line of document {title[1]}, columns separated by tabs", remedy)
        if len(columns) > 2 and not columns[1].isdecimal():  # a relation: ID, type, two concepts
            continue
        if len(columns) < 5 or not columns[2].isdecimal() or not columns[4].strip():
            fail(where, shown(line), "ID, start, end, text and type, separated by tabs", "restore the line")
        start, end = int(columns[1]), int(columns[2])
        if fault := span_fault(text, start, end, columns[3]):
            fail(where, *fault)
        entities.append(Entity(start, end, columns[4].strip(), number))
    return StandoffDocument(id=title[1].strip(), text=text, entities=tuple(entities), path=path, line=first)
