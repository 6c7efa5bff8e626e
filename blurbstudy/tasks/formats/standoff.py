"""Documents with entities at character offsets: brat folders (.txt and .ann files) and PubTator files.

The text is not changed: offsets count Unicode code points (CRLF as two), and text[start:end] is the entity. A
byte-order mark at the start of a file does not count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import check_choice
from ..text.words import Span
from .lines import quote, raise_data_error, read_lines, read_text
from .span_checks import SpanChecks

_DEBRIS = ("._", ".DS_Store", "Thumbs.db", "__MACOSX")  # what macOS and Windows leave behind; starts of names
DISCONTINUOUS_POLICIES = ("refuse", "skip")  # for entities in several fragments
_OTHER_ANNOTATIONS = {  # first letters of brat's lines besides T, entities
    **{"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes"},
    **{"N": "normalizations", "W": "normalizations", "#": "notes"},
}
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


@dataclass
class StandoffFiles:
    """The files of a folder and its sub-folders: id -> file, where the id is the path without suffix."""

    texts: dict[str, Path] = field(default_factory=dict)
    annotations: dict[str, Path] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)  # suffix -> number of other files


def standoff_files(folder: Path) -> StandoffFiles:
    """The .txt and .ann files of a folder and its sub-folders, in any letter case. What macOS and Windows leave in
    folders does not count; links to folders are not followed.

    Raises:
        DataError: two files have the same id.
    """
    files = StandoffFiles()
    by_suffix = {".txt": files.texts, ".ann": files.annotations}
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder)
        if any(part.startswith(_DEBRIS) for part in name.parts) or (path.is_dir() and not path.is_symlink()):
            continue
        suffix = path.suffix.lower()
        if suffix not in by_suffix or not path.is_file():
            files.passed_over[suffix if path.is_file() and suffix else path.name] += 1
            continue
        known, stem = by_suffix[suffix], name.with_suffix("").as_posix()
        if stem in known:
            raise_data_error(str(path), f"{known[stem].name} beside it", "one file of that name", "rename one of them")
        known[stem] = path
    return files


def read_brat(
    folder: Path,
    *,
    discontinuous: str = "refuse",
    annotated: bool = True,
    checks: SpanChecks | None = None,
    texts: Mapping[str, str] | None = None,
) -> list[StandoffDocument]:
    """The documents of a brat folder and its sub-folders in the order of their names, which are their ids.

    Args:
        discontinuous: `refuse` discontinuous entities, or keep them with their pieces (`skip`). Fragments separated by
            white space only, as brat writes them at line breaks, are merged.
        annotated: whether every .txt file needs an .ann file (an empty one if it has no entities).
        checks: of the entities, with the policy for texts that differ and its counts.
        texts: id -> text, of documents without a .txt file.

    Raises:
        DataError: the folder has no such files, or a file is malformed; names file and line.
    """
    check_choice("discontinuous", discontinuous, DISCONTINUOUS_POLICIES)
    files, given = standoff_files(folder), texts or {}
    if not files.texts and not given:
        raise_data_error(str(folder), "no .txt file", "NAME.txt and NAME.ann files", "name the folder of these files")
    for name, path in files.annotations.items():
        if name not in files.texts and name not in given:
            expected = f"{path.stem}.txt in the same folder"
            raise_data_error(str(path), "no .txt of that name", expected, "add it or remove the .ann file")
    checks, documents = checks or SpanChecks(), []
    for name in (*files.texts, *(name for name in files.annotations if name not in files.texts)):
        text_file, annotation_file = files.texts.get(name), files.annotations.get(name)
        text = read_text(text_file) if text_file else given[name]
        if annotation_file:
            documents.append(_brat_document(name, text, annotation_file, discontinuous, checks))
        elif annotated:
            remedy = "add it (an empty file if the text has no entities), or remove the text"
            raise_data_error(str(text_file), "no .ann file for it", f"{Path(name).name}.ann", remedy)
        else:
            path = text_file or folder
            documents.append(StandoffDocument(id=name, text=text, entities=(), path=path, annotated=False))
    checks.raise_faults(folder)
    return documents


def read_pubtator(path: Path, *, checks: SpanChecks | None = None) -> list[StandoffDocument]:
    """The documents of a PubTator file: ID|t|title, ID|a|abstract, then one line per entity. The text is the title, a
    line break and the abstract; relations are counted, not read.

    Raises:
        DataError: the file is missing or malformed; names file and line.
    """
    checks = checks or SpanChecks()
    documents: dict[str, StandoffDocument] = {}
    for block in _pubtator_blocks(path):
        document = _pubtator_document(path, block, checks)
        if (before := documents.get(document.id)) is not None:
            actual = f"document {quote(document.id)} a second time, after line {before.line}"
            raise_data_error(f"{path}, line {document.line}", actual, "unique ids", "remove or rename one")
        documents[document.id] = document
    if not documents:
        raise_data_error(
            str(path), "no document", "lines ID|t|title, ID|a|abstract and entities", "check that the file is PubTator"
        )
    checks.raise_faults(path)
    return list(documents.values())


def _brat_document(
    name: str, text: str, annotation_file: Path, discontinuous: str, checks: SpanChecks
) -> StandoffDocument:
    entities = []
    for number, line in enumerate(read_lines(annotation_file), 1):
        where = f"{annotation_file}, line {number}"
        if not line.strip():
            continue
        if line[0] not in ("T", *_OTHER_ANNOTATIONS):
            raise_data_error(
                where, quote(line), "T1<tab>Type 0 5<tab>text, or another brat line", "correct or remove the line"
            )
        if not line.startswith("T"):
            checks.unread[_OTHER_ANNOTATIONS[line[0]]] += 1
            continue
        kind, pieces, surface = _brat_entity(where, line)
        spans = merge_fragments(text, pieces)
        if len(spans) > 1:
            if discontinuous == "refuse":
                actual = f"an entity in {len(spans)} fragments ({quote(surface)})"
                remedy = "annotate it as one span, or leave such entities out (discontinuous: skip)"
                raise_data_error(where, actual, "one contiguous span", remedy)
            if all([checks.accepts(where, text, *piece) for piece in spans]):
                entities.append(Entity(spans[0][0], spans[-1][1], kind, number, pieces=tuple(spans)))
            continue
        if checks.accepts(where, text, *spans[0], surface):
            entities.append(Entity(*spans[0], kind, number))
    return StandoffDocument(id=name, text=text, entities=tuple(entities), path=annotation_file)


def _brat_entity(where: str, line: str) -> tuple[str, list[Span], str]:
    """Type, fragments and text of an entity's line."""
    columns = line.split("\t", 2)
    kind, _, offsets = (columns[1] if len(columns) > 1 else "").partition(" ")
    fragments = offsets.split(";")
    pieces = [(int(match[1]), int(match[2])) for match in map(_FRAGMENT.fullmatch, fragments) if match]
    if len(columns) != 3 or not kind or len(pieces) < len(fragments):
        raise_data_error(where, quote(line), "T1<tab>Type 0 5<tab>text", "restore the tabs and the offsets")
    return kind, pieces, columns[2]


def merge_fragments(text: str, pieces: list[Span]) -> list[Span]:
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


def _pubtator_document(path: Path, block: list[tuple[int, str]], checks: SpanChecks) -> StandoffDocument:
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
            checks.unread["relations"] += 1
            continue
        if len(columns) < 5 or not columns[2].isdecimal() or not columns[4].strip():
            raise_data_error(where, quote(line), "ID, start, end, text and type, separated by tabs", "restore the line")
        start, end = int(columns[1]), int(columns[2])
        if checks.accepts(where, text, start, end, columns[3]):
            entities.append(Entity(start, end, columns[4].strip(), number))
    return StandoffDocument(id=title[1].strip(), text=text, entities=tuple(entities), path=path, line=first)
