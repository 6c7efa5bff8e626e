"""Documents with entities at character offsets, as tagged sentences: what a tagger learns from.

Of entities that overlap the longest stays, of equally long ones the first. A word in which an entity begins or ends is
divided there, and a sentence goes on where an entity does: no entity is lost but those, and all of it is counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...metrics import bio_to_io
from ..formats.lines import fail, shown
from ..formats.standoff import Entity, StandoffDocument, read_brat, read_pubtator
from ..task import OUTSIDE, Example, Task
from ..text.sentences import sentence_spans
from ..text.words import Span, word_spans
from .span_records import json_documents, table_documents
from .tabular import Located
from .tagged import entity_types


@dataclass
class SpanCounts:
    """What became of the entities of a file."""

    entities: int = 0  # in the file, the same one twice counted once
    overlapping: int = 0  # left out for a longer one
    pieces: int = 0  # left out, since they stand in several pieces
    rejected: int = 0  # texts that their annotator rejected or passed over, left out with all they hold
    divided: int = 0  # words in which an entity begins or ends
    joined: int = 0  # ends of sentences inside an entity

    def sentences(self) -> Iterator[str]:
        """What should be known of it."""
        if self.overlapping:
            yield f"{self.overlapping} of {self.entities} entities overlap a longer one and are left out"
        if self.pieces:
            yield f"{self.pieces} entities in several pieces are left out (discontinuous: skip)"
        if self.rejected:
            yield f"{self.rejected} texts that were not accepted are left out (answer: reject or ignore)"
        if self.divided:
            yield f"{self.divided} words are divided where an entity begins or ends inside them; new text is not"
        if self.joined:
            yield f"{self.joined} sentences are joined to the next, since an entity goes on there"


def _brat(path: Path, task: Task, counts: SpanCounts) -> list[StandoffDocument]:
    return read_brat(path, fragments=task.custom.discontinuous)


def _pubtator(path: Path, task: Task, counts: SpanCounts) -> list[StandoffDocument]:
    return read_pubtator(path)


def _json(path: Path, task: Task, counts: SpanCounts) -> list[StandoffDocument]:
    documents, counts.rejected = json_documents(path, task)
    return documents


def _table(path: Path, task: Task, counts: SpanCounts) -> list[StandoffDocument]:
    return table_documents(path, task)


DOCUMENTS: dict[str, Callable[[Path, Task, SpanCounts], list[StandoffDocument]]] = {
    "own_brat": _brat,
    "own_pubtator": _pubtator,
    "own_span_jsonl": _json,
    "own_span_csv": _table,
    "own_span_tsv": _table,
}


def located_spans(path: Path, task: Task) -> list[Located]:
    """The sentences of a file of documents with spans, with the lines of their documents; a document is their unit.

    Raises:
        DataError: the file is missing or malformed; names file and line.
    """
    return _read(path, task)[0]


def span_counts(path: Path, task: Task) -> SpanCounts:
    """What becomes of the entities of such a file."""
    return _read(path, task)[1]


def _read(path: Path, task: Task) -> tuple[list[Located], SpanCounts]:
    counts, found = SpanCounts(), []
    for document in DOCUMENTS[task.reader](path, task, counts):
        document = _with_plain_types(document)
        counts.pieces += document.skipped
        _check_types(document, task)
        sentences = tagged_sentences(document.text, document.entities, counts)
        if not sentences:
            where = f"{document.path}, line {document.line}"
            fail(where, f"an empty text of document {shown(document.id)}", "text", "restore it or remove the document")
        for number, (words, tags) in enumerate(sentences):
            bio = bio_to_io(tags) if task.task_type == "pico" else tags
            name = document.id if len(sentences) == 1 else f"{document.id}.{number}"
            found.append((document.line, Example(name, document.unit, tuple(words), " ".join(bio))))
    return found, counts


def _check_types(document: StandoffDocument, task: Task) -> None:
    types = entity_types(task.labels)
    for entity in document.entities:
        if task.labels and entity.type not in types:
            remedy = "correct the type, or leave labels out"
            fail(f"{document.path}, line {entity.line}", f"type {shown(entity.type)}", " or ".join(types), remedy)


def tagged_sentences(
    text: str, entities: Sequence[Entity], counts: SpanCounts | None = None
) -> list[tuple[list[str], list[str]]]:
    """The sentences of a text, each as its words and their tags (IOB2, with types)."""
    counts = SpanCounts() if counts is None else counts
    kept = _without_overlap([_trimmed(text, entity) for entity in entities], counts)
    words = _divided(text, kept, counts)
    tags = _tags(words, kept)
    sentences, place = [], 0
    for end in _sentence_ends(text, kept, counts):
        begin = place
        while place < len(words) and words[place][0] < end:
            place += 1
        if place > begin:
            own = [text[a:b] for a, b in words[begin:place]]
            sentences.append((own, tags[begin:place]))
    return sentences


def _trimmed(text: str, entity: Entity) -> Entity:
    """Without white space around it."""
    inner = text[entity.start : entity.end]
    start = entity.start + len(inner) - len(inner.lstrip())
    return dataclasses.replace(entity, start=start, end=start + len(inner.strip()))


def _without_overlap(entities: Sequence[Entity], counts: SpanCounts) -> list[Entity]:
    """The longest of those that overlap, in order of the text."""
    distinct = list({(e.start, e.end, e.type): e for e in reversed(entities)}.values())[::-1]
    counts.entities += len(distinct)
    kept: list[Entity] = []
    taken = bytearray(max((e.end for e in distinct), default=0))
    for entity in sorted(distinct, key=lambda e: (e.start - e.end, e.start)):
        if any(taken[entity.start : entity.end]):
            counts.overlapping += 1
            continue
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
        kept.append(entity)
    return sorted(kept, key=lambda e: e.start)


def _divided(text: str, entities: Sequence[Entity], counts: SpanCounts) -> list[Span]:
    """The words of a text, those divided in which an entity begins or ends."""
    edges, place, divided = [edge for e in entities for edge in (e.start, e.end)], 0, []
    for start, end in word_spans(text):
        while place < len(edges) and edges[place] <= start:
            place += 1
        cuts = [start]
        while place < len(edges) and edges[place] < end:
            cuts.append(edges[place])
            place += 1
        cuts.append(end)
        if len(cuts) == 2:
            divided.append((start, end))
            continue
        counts.divided += 1
        pieces = [(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
        divided += [(a, b) for a, b in pieces if word_spans(text[a:b])]  # nothing but zero widths is no word
    return divided


def _tags(words: Sequence[Span], entities: Sequence[Entity]) -> list[str]:
    tags, waiting = [], list(reversed(entities))
    inside = False
    for start, _ in words:
        while waiting and waiting[-1].end <= start:
            waiting.pop()
            inside = False
        if waiting and waiting[-1].start <= start:
            tags.append(f"{'I' if inside else 'B'}-{waiting[-1].type}")
            inside = True
        else:
            tags.append(OUTSIDE)
    return tags


def _sentence_ends(text: str, entities: Sequence[Entity], counts: SpanCounts) -> list[int]:
    """Where sentences end, but not inside an entity."""
    ends, waiting = [], list(reversed(entities))
    for _, end in sentence_spans(text):
        while waiting and waiting[-1].end <= end:
            waiting.pop()
        if waiting and waiting[-1].start < end:
            counts.joined += 1
        else:
            ends.append(end)
    return [*ends[:-1], len(text)] if ends else []


def _with_plain_types(document: StandoffDocument) -> StandoffDocument:
    """The document with types that tags can hold: an underscore for white space."""
    entities = tuple(dataclasses.replace(e, type="_".join(e.type.split())) for e in document.entities)
    return dataclasses.replace(document, entities=entities)
