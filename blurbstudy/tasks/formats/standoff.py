"""Documents with entities at character offsets: brat folders (.txt and .ann files) and PubTator files.

The text is not changed: offsets count Unicode code points (CRLF as two), and text[start:end] is the entity. A
byte-order mark at the start of a file does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import ParameterError
from ..text.words import Span, word_spans
from .lines import quote, raise_data_error, read_lines, read_text

STANDOFF_SUFFIXES = (".txt", ".ann")  # of brat files
DISCONTINUOUS_POLICIES = ("refuse", "skip")  # for entities in several fragments
Problem = tuple[str, str, str]  # found, expected, remedy
_ANNOTATION = re.compile(r"[TREAMNW#*]")  # first letters of brat's lines; T: entities
_FRAGMENT = re.compile(r"(\d+) (\d+)")
_TITLE_OR_ABSTRACT = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)


@dataclass(frozen=True)
class Entity:
    """A typed mention at character offsets, and its line in the file."""

    start: int
    end: int
    type: str
    line: int
    pieces: tuple[Span, ...] = ()  # of a discontinuous entity, in order


@dataclass(frozen=True, kw_only=True)
class StandoffDocument:
    """A text and its entities in the order of the file."""

    id: str
    text: str
    entities: tuple[Entity, ...]
    path: Path  # of the entities
    line: int = 1  # of its first line
    annotated: bool = True  # False: there is no .ann file
    group: str = ""  # the document it is part of; "": none

    @property
    def unit(self) -> str:
        """The id of its document."""
        return self.group or self.id


def read_brat(folder: Path, *, discontinuous: str = "refuse", annotated: bool = True) -> list[StandoffDocument]:
    """The documents of a brat folder in the order of their file names, which are their ids.

    Args:
        discontinuous: `refuse` discontinuous entities, or keep them with their pieces (`skip`). Fragments separated by
            white space only, as brat writes them at line breaks, are merged.
        annotated: whether every .txt file needs an .ann file (an empty one if it has no entities).

    Raises:
        DataError: the folder has no such files, or a file is malformed; names file and line.
    """
    if discontinuous not in DISCONTINUOUS_POLICIES:
        raise ParameterError(f"discontinuous={discontinuous!r} is unknown; use {' or '.join(DISCONTINUOUS_POLICIES)}")
    texts = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not texts:
        raise_data_error(str(folder), "no .txt file", "NAME.txt and NAME.ann files", "name the folder of these files")
    for path in sorted(folder.glob("*.ann")):
        if path.stem not in texts:
            expected = f"{path.stem}.txt in the same folder"
            raise_data_error(str(path), "no .txt of that name", expected, "add it or remove the .ann file")
    return [_brat_document(path, discontinuous, annotated) for path in texts.values()]


def read_pubtator(path: Path) -> list[StandoffDocument]:
    """The documents of a PubTator file: ID|t|title, ID|a|abstract, then one line per entity. The text is the title, a
    line break and the abstract; relations are ignored.

    Raises:
        DataError: the file is missing or malformed; names file and line.
    """
    documents: dict[str, StandoffDocument] = {}
    for block in _pubtator_blocks(path):
        document = _pubtator_document(path, block)
        if (before := documents.get(document.id)) is not None:
            actual = f"document {quote(document.id)} a second time, after line {before.line}"
            raise_data_error(f"{path}, line {document.line}", actual, "unique ids", "remove or rename one")
        documents[document.id] = document
    if not documents:
        raise_data_error(
            str(path), "no document", "lines ID|t|title, ID|a|abstract and entities", "check that the file is PubTator"
        )
    return list(documents.values())


def check_span(text: str, start: int, end: int, surface: str | None = None) -> Problem | None:
    """The problem with an entity at text[start:end] whose text is `surface` in the file, or None."""
    if not 0 <= start <= end <= len(text):
        actual = f"characters {start} to {end} of a text of {len(text)}"
        return actual, "offsets inside the text with start before end", "correct them, or restore the text"
    if surface is not None and _plain(text[start:end]) != _plain(surface):
        actual = f"{quote(text[start:end])} at characters {start} to {end}, but {quote(surface)} as their text"
        counting = _guess_offset_convention(text, start, end, _plain(surface))
        remedy = (
            f"they fit {counting}; count characters from 0" if counting else "restore the text or correct the offsets"
        )
        return actual, "equal texts", remedy
    if not word_spans(text[start:end]):
        return f"an entity without a word at characters {start} to {end}", "at least one word", "correct or remove it"
    return None


def _plain(text: str) -> str:
    return " ".join(text.split())


def _guess_offset_convention(text: str, start: int, end: int, surface: str) -> str:
    """The convention under which the offsets fit the surface text, in words, or ""."""
    units = text.encode("utf-16-le", "surrogatepass")
    others = {
        "in bytes of UTF-8": text.encode(errors="surrogatepass")[start:end].decode(errors="replace"),
        "in units of UTF-16": units[2 * start : 2 * end].decode("utf-16-le", "replace"),
        "with CRLF as one character": text.replace("\r\n", "\n")[start:end],
        "counted from 1": text[max(0, start - 1) : max(0, end - 1)],
        "counted from 1 with an inclusive end": text[max(0, start - 1) : end],
        "with an inclusive end": text[start : end + 1],
    }
    return next((how for how, slice_text in others.items() if _plain(slice_text) == surface), "")


def _brat_document(path: Path, discontinuous: str, annotated: bool) -> StandoffDocument:
    text, annotation_file = read_text(path), path.with_suffix(".ann")
    if not annotation_file.is_file():
        if annotated:
            remedy = "add it (an empty file if the text has no entities)"
            raise_data_error(str(path), "no .ann file for it", f"{annotation_file.name}", remedy)
        return StandoffDocument(id=path.stem, text=text, entities=(), path=path, annotated=False)
    entities = []
    for number, line in enumerate(read_lines(annotation_file), 1):
        where = f"{annotation_file}, line {number}"
        if line.strip() and not _ANNOTATION.match(line):
            raise_data_error(
                where, quote(line), "T1<tab>Type 0 5<tab>text, or another brat line", "correct or remove the line"
            )
        if not line.startswith("T"):
            continue
        kind, pieces, surface = _brat_entity(where, line)
        spans = _merge_adjacent(text, pieces)
        if len(spans) > 1:
            if discontinuous == "refuse":
                actual = f"an entity in {len(spans)} fragments ({quote(surface)})"
                remedy = "annotate it as one span, or leave such entities out (discontinuous: skip)"
                raise_data_error(where, actual, "one contiguous span", remedy)
            for piece in spans:
                if problem := check_span(text, *piece):
                    raise_data_error(where, *problem)
            entities.append(Entity(spans[0][0], spans[-1][1], kind, number, pieces=tuple(spans)))
            continue
        if problem := check_span(text, *spans[0], surface):
            raise_data_error(where, *problem)
        entities.append(Entity(*spans[0], kind, number))
    return StandoffDocument(id=path.stem, text=text, entities=tuple(entities), path=annotation_file)


def _brat_entity(where: str, line: str) -> tuple[str, list[Span], str]:
    """Type, fragments and text of an entity's line."""
    columns = line.split("\t", 2)
    kind, _, offsets = (columns[1] if len(columns) > 1 else "").partition(" ")
    fragments = offsets.split(";")
    pieces = [(int(match[1]), int(match[2])) for match in map(_FRAGMENT.fullmatch, fragments) if match]
    if len(columns) != 3 or not kind or len(pieces) < len(fragments):
        raise_data_error(where, quote(line), "T1<tab>Type 0 5<tab>text", "restore the tabs and the offsets")
    return kind, pieces, columns[2]


def _merge_adjacent(text: str, pieces: list[Span]) -> list[Span]:
    """The fragments in order, adjacent ones merged."""
    spans: list[Span] = []
    for start, end in sorted(pieces):
        if spans and start >= spans[-1][1] and not text[spans[-1][1] : start].strip():
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _pubtator_blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The numbered lines of each document, up to an empty line or the next title."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(path), 1):
        title = (match := _TITLE_OR_ABSTRACT.fullmatch(line)) and match[2] == "t"
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
        raise_data_error(f"{path}, line {first}", quote(line), "ID|t|title", "start every document with its title")
    text, rest = title[3], block[1:]
    if rest and (abstract := _TITLE_OR_ABSTRACT.fullmatch(rest[0][1])) and abstract[1] == title[1]:
        text, rest = f"{text}\n{abstract[3]}", rest[1:]
    entities = []
    for number, line in rest:
        where, columns = f"{path}, line {number}", line.split("\t")
        if columns[0] != title[1]:
            remedy = "add an empty line between documents or correct the id"
            raise_data_error(where, quote(line), f"a line of document {title[1]}, columns separated by tabs", remedy)
        if len(columns) > 2 and not columns[1].isdecimal():  # a relation: ID, type, two concepts
            continue
        if len(columns) < 5 or not columns[2].isdecimal() or not columns[4].strip():
            raise_data_error(where, quote(line), "ID, start, end, text and type, separated by tabs", "restore the line")
        start, end = int(columns[1]), int(columns[2])
        if problem := check_span(text, start, end, columns[3]):
            raise_data_error(where, *problem)
        entities.append(Entity(start, end, columns[4].strip(), number))
    return StandoffDocument(id=title[1].strip(), text=text, entities=tuple(entities), path=path, line=first)
