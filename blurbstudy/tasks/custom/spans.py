"""Files of documents with entities at character offsets, read as sentences of raw text (see raw_text)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ..formats.lines import quote, raise_data_error
from ..formats.standoff import StandoffDocument, read_brat, read_pubtator
from ..task import Example, Task
from .raw_text import SpanCounts, labelled_sentences
from .span_records import json_documents, table_documents
from .tabular import NumberedExample
from .tagged import entity_types


def _brat(path: Path, task: Task, counts: SpanCounts) -> list[StandoffDocument]:
    return read_brat(path, discontinuous=task.form.discontinuous)


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


def read_spans_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a file of documents with spans, with the documents' lines; the unit is the document."""
    return _read(path, task)[0]


def span_counts(path: Path, task: Task) -> SpanCounts:
    """The entities of a file that are not learned or that no prediction can match."""
    return _read(path, task)[1]


def _read(path: Path, task: Task) -> tuple[list[NumberedExample], SpanCounts]:
    counts, examples = SpanCounts(), []
    for document in DOCUMENTS[task.reader](path, task, counts):
        document = _with_plain_types(document)
        _check_types(document, task)
        sentences = labelled_sentences(
            document.text,
            document.entities,
            counts,
            rule=task.form.words,
            by_word=task.task_type == "pico",
        )
        if not sentences:
            where = f"{document.path}, line {document.line}"
            raise_data_error(
                where, f"an empty text of document {quote(document.id)}", "text", "add it or remove the document"
            )
        for number, (words, label) in enumerate(sentences):
            name = document.id if len(sentences) == 1 else f"{document.id}.{number}"
            examples.append((document.line, Example(name, document.unit, tuple(words), label)))
    return examples, counts


def _check_types(document: StandoffDocument, task: Task) -> None:
    types = entity_types(task.labels)
    for entity in document.entities:
        if task.labels and entity.type not in types:
            remedy = "correct the type, or leave labels out"
            raise_data_error(
                f"{document.path}, line {entity.line}", f"type {quote(entity.type)}", " or ".join(types), remedy
            )


def _with_plain_types(document: StandoffDocument) -> StandoffDocument:
    """The document with entity types that are valid in tags: underscores replace white space."""
    entities = tuple(dataclasses.replace(e, type="_".join(e.type.split())) for e in document.entities)
    return dataclasses.replace(document, entities=entities)
