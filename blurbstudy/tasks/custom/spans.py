"""Files of documents with entities at character offsets, read as sentences of raw text (see raw_text)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from ..formats.lines import quote, raise_data_error
from ..formats.read_counts import ReadCounts
from ..formats.records import record_unit
from ..formats.span_checks import SpanChecks
from ..formats.standoff import StandoffDocument, read_brat, read_pubtator, standoff_files
from ..task import Example, Task
from .raw_text import SpanCounts, labelled_sentences
from .span_records import record_documents
from .tabular import NumberedExample
from .tagged import entity_types


def _brat(path: Path, task: Task, counts: ReadCounts) -> list[StandoffDocument]:
    counts.passed_over = standoff_files(path).passed_over
    return read_brat(path, discontinuous=task.form.discontinuous, checks=counts.checks)


def _pubtator(path: Path, task: Task, counts: ReadCounts) -> list[StandoffDocument]:
    return read_pubtator(path, checks=counts.checks)


DOCUMENTS: dict[str, Callable[[Path, Task, ReadCounts], list[StandoffDocument]]] = {
    "own_brat": _brat,
    "own_pubtator": _pubtator,
    **dict.fromkeys(("own_span_jsonl", "own_span_csv", "own_span_tsv"), record_documents),
}


def read_spans_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a file of documents with spans, with the documents' lines; the unit is the document."""
    return _read(path, task)[0]


def span_notes(path: Path, task: Task) -> Iterator[str]:
    """What reading a file leaves out, and the entities that are not learned or that no prediction can match."""
    for counts in _read(path, task)[1:]:
        yield from counts.sentences()


def span_counts(path: Path, task: Task) -> SpanCounts:
    """The entities of a file that are not learned or that no prediction can match."""
    return _read(path, task)[2]


def span_documents(path: Path, task: Task) -> tuple[list[StandoffDocument], ReadCounts]:
    """The documents of a file, with types that are valid in tags, and what reading leaves out."""
    counts = ReadCounts(checks=SpanChecks(task.form.mismatched))
    return [_with_plain_types(document) for document in DOCUMENTS[task.reader](path, task, counts)], counts


def _read(path: Path, task: Task) -> tuple[list[NumberedExample], ReadCounts, SpanCounts]:
    (documents, reading), counts, examples = span_documents(path, task), SpanCounts(), []
    for document in documents:
        _check_types(document, task)
        sentences = labelled_sentences(
            document.text,
            document.entities,
            counts,
            rule=task.form.words,
            by_word=task.task_type == "pico",
        )
        if not sentences:
            raise_data_error(
                _place(document, document.line),
                f"an empty text of document {quote(document.id)}",
                "text",
                "add it or remove the document",
            )
        for number, (words, label) in enumerate(sentences):
            name = document.id if len(sentences) == 1 else f"{document.id}.{number}"
            examples.append((document.line, Example(name, document.unit, tuple(words), label)))
    return examples, reading, counts


def _check_types(document: StandoffDocument, task: Task) -> None:
    types = entity_types(task.labels)
    for entity in document.entities:
        if task.labels and entity.type not in types:
            remedy = "correct the type, or leave labels out"
            raise_data_error(_place(document, entity.line), f"type {quote(entity.type)}", " or ".join(types), remedy)


def _place(document: StandoffDocument, number: int) -> str:
    return f"{document.path}, {record_unit(document.path)} {number}"


def _with_plain_types(document: StandoffDocument) -> StandoffDocument:
    """The document with entity types that are valid in tags: underscores replace white space."""
    entities = tuple(dataclasses.replace(e, type="_".join(e.type.split())) for e in document.entities)
    return dataclasses.replace(document, entities=entities)
