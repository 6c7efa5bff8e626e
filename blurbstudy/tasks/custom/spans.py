"""Documents with entities at character offsets, converted to tagged sentences.

Of overlapping entities the longest is kept, or the first of equal length. Words are split where an entity starts or
ends inside them, and sentences are merged where an entity crosses their boundary. SpanCounts records all of this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...metrics import bio_to_io
from ..formats.lines import quote, raise_data_error
from ..formats.records import record_unit
from ..formats.span_checks import SpanChecks
from ..formats.standoff import Entity, StandoffDocument, read_brat, read_pubtator, standoff_files
from ..task import OUTSIDE, Example, Task
from ..text.sentences import sentence_spans
from ..text.words import Span, word_spans
from .read_counts import ReadCounts
from .span_records import json_documents, table_documents
from .tabular import NumberedExample
from .tagged import entity_types


@dataclass
class SpanCounts:
    """What the conversion changes in a file."""

    entities: int = 0  # in the file, without duplicates
    overlapping: int = 0  # left out for a longer entity
    discontinuous: int = 0  # left out as discontinuous
    split_words: int = 0  # words with an entity boundary inside
    merged_sentences: int = 0  # sentence boundaries inside an entity

    def sentences(self) -> Iterator[str]:
        """The nonzero counts, as sentences."""
        if self.overlapping:
            yield f"{self.overlapping} of {self.entities} entities overlap a longer one and are left out"
        if self.discontinuous:
            yield f"{self.discontinuous} discontinuous entities are left out (discontinuous: skip)"
        if self.split_words:
            yield f"{self.split_words} words are split at an entity boundary inside them; texts for prediction are not"
        if self.merged_sentences:
            yield f"{self.merged_sentences} sentences are merged with the next, since an entity crosses the boundary"


def _brat(path: Path, task: Task, counts: ReadCounts) -> list[StandoffDocument]:
    counts.passed_over = standoff_files(path).passed_over
    return read_brat(path, discontinuous=task.form.discontinuous, checks=counts.checks)


def _pubtator(path: Path, task: Task, counts: ReadCounts) -> list[StandoffDocument]:
    return read_pubtator(path, checks=counts.checks)


DOCUMENTS: dict[str, Callable[[Path, Task, ReadCounts], list[StandoffDocument]]] = {
    "own_brat": _brat,
    "own_pubtator": _pubtator,
    "own_span_jsonl": json_documents,
    "own_span_csv": table_documents,
    "own_span_tsv": table_documents,
}


def read_spans_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a file of documents with spans, with the documents' lines; the unit is the document."""
    return _read(path, task)[0]


def span_notes(path: Path, task: Task) -> Iterator[str]:
    """What reading a file leaves out and its conversion changes, as sentences."""
    _, reading, counts = _read(path, task)
    yield from reading.sentences()
    yield from counts.sentences()


def span_documents(path: Path, task: Task) -> tuple[list[StandoffDocument], ReadCounts]:
    """The documents of a file, with types that are valid in tags, and what reading leaves out."""
    counts = ReadCounts(checks=SpanChecks(task.form.mismatched))
    return [_with_plain_types(document) for document in DOCUMENTS[task.reader](path, task, counts)], counts


def _read(path: Path, task: Task) -> tuple[list[NumberedExample], ReadCounts, SpanCounts]:
    (documents, reading), counts, examples = span_documents(path, task), SpanCounts(), []
    for document in documents:
        counts.discontinuous += document.skipped
        _check_types(document, task)
        sentences = tagged_sentences(document.text, document.entities, counts)
        if not sentences:
            raise_data_error(
                _place(document, document.line),
                f"an empty text of document {quote(document.id)}",
                "text",
                "add it or remove the document",
            )
        for number, (words, tags) in enumerate(sentences):
            bio = bio_to_io(tags) if task.task_type == "pico" else tags
            name = document.id if len(sentences) == 1 else f"{document.id}.{number}"
            examples.append((document.line, Example(name, document.unit, tuple(words), " ".join(bio))))
    return examples, reading, counts


def _check_types(document: StandoffDocument, task: Task) -> None:
    types = entity_types(task.labels)
    for entity in document.entities:
        if task.labels and entity.type not in types:
            remedy = "correct the type, or leave labels out"
            raise_data_error(_place(document, entity.line), f"type {quote(entity.type)}", " or ".join(types), remedy)


def _place(document: StandoffDocument, number: int) -> str:
    return f"{document.path}, {record_unit(document.path)} {number}"


def tagged_sentences(
    text: str, entities: Sequence[Entity], counts: SpanCounts | None = None
) -> list[tuple[list[str], list[str]]]:
    """The words and tags (IOB2, typed) of each sentence."""
    counts = SpanCounts() if counts is None else counts
    disjoint = _without_overlap([_trimmed(text, entity) for entity in entities], counts)
    words = _split_words(text, disjoint, counts)
    tags = _tags(words, disjoint)
    sentences, position = [], 0
    for end in _sentence_ends(text, disjoint, counts):
        begin = position
        while position < len(words) and words[position][0] < end:
            position += 1
        if position > begin:
            sentence = [text[a:b] for a, b in words[begin:position]]
            sentences.append((sentence, tags[begin:position]))
    return sentences


def _trimmed(text: str, entity: Entity) -> Entity:
    """The entity without surrounding white space."""
    inner = text[entity.start : entity.end]
    start = entity.start + len(inner) - len(inner.lstrip())
    return dataclasses.replace(entity, start=start, end=start + len(inner.strip()))


def _without_overlap(entities: Sequence[Entity], counts: SpanCounts) -> list[Entity]:
    """The longest of overlapping entities, in text order."""
    distinct = list({(e.start, e.end, e.type): e for e in reversed(entities)}.values())[::-1]
    counts.entities += len(distinct)
    disjoint: list[Entity] = []
    taken = bytearray(max((e.end for e in distinct), default=0))
    for entity in sorted(distinct, key=lambda e: (e.start - e.end, e.start)):
        if any(taken[entity.start : entity.end]):
            counts.overlapping += 1
            continue
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
        disjoint.append(entity)
    return sorted(disjoint, key=lambda e: e.start)


def _split_words(text: str, entities: Sequence[Entity], counts: SpanCounts) -> list[Span]:
    """The words of a text, split at entity boundaries."""
    edges, i, divided = [edge for e in entities for edge in (e.start, e.end)], 0, []
    for start, end in word_spans(text):
        while i < len(edges) and edges[i] <= start:
            i += 1
        cuts = [start]
        while i < len(edges) and edges[i] < end:
            cuts.append(edges[i])
            i += 1
        cuts.append(end)
        if len(cuts) == 2:
            divided.append((start, end))
            continue
        counts.split_words += 1
        pieces = [(a, b) for a, b in zip(cuts, cuts[1:], strict=False) if a < b]
        divided += [(a, b) for a, b in pieces if word_spans(text[a:b])]  # only zero-width characters are not a word
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
    """Sentence ends that are not inside an entity."""
    ends, waiting = [], list(reversed(entities))
    for _, end in sentence_spans(text):
        while waiting and waiting[-1].end <= end:
            waiting.pop()
        if waiting and waiting[-1].start < end:
            counts.merged_sentences += 1
        else:
            ends.append(end)
    return [*ends[:-1], len(text)] if ends else []


def _with_plain_types(document: StandoffDocument) -> StandoffDocument:
    """The document with entity types that are valid in tags: underscores replace white space."""
    entities = tuple(dataclasses.replace(e, type="_".join(e.type.split())) for e in document.entities)
    return dataclasses.replace(document, entities=entities)
