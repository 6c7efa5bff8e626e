"""Texts with entities at character offsets in tables and JSONL, as written by annotation tools.

JSONL: one object per line; entities are objects {"start", "end", "type"} (with other keys in doccano, Prodigy and
others) or lists [start, end, type] (spaCy, doccano). CSV and TSV: a cell with such a list, or one row per mention with
its start, end, type and text.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...config import JsonMapping
from ..formats.lines import LineErrors, quote, raise_data_error
from ..formats.standoff import Entity, Problem, StandoffDocument, check_span
from ..task import Task
from .tabular import check_text, json_records, table_records

KEYS = {  # field of an entity -> its keys in various tools
    "start": ("start", "begin", "start_offset", "start_char"),
    "end": ("end", "stop", "end_offset", "end_char"),
    "type": ("type", "label", "entity_type", "entity", "tag", "category", "class"),
    "mention": ("mention", "surface", "text"),
}
EXPECTED = '[{"start": 0, "end": 4, "type": "Gene"}] or [[0, 4, "Gene"]]'
ACCEPTED = ("accept", "")  # Prodigy's answers of accepted texts, unlike reject and ignore


def json_documents(path: Path, task: Task) -> tuple[list[StandoffDocument], int]:
    """The documents of a JSONL file, and the number left out because the annotator did not accept them."""
    errors = LineErrors(path)
    documents, rejected = [], 0
    for number, record in json_records(path, errors):
        if str(record.get("answer") or "") not in ACCEPTED:
            rejected += 1
            continue
        if document := _document(path, number, record, task, errors, count=len(documents) + rejected + 1):
            documents.append(document)
    return _checked(path, documents, task, errors), rejected


def table_documents(path: Path, task: Task) -> list[StandoffDocument]:
    """The documents of a CSV or TSV file."""
    errors = LineErrors(path)
    if task.form.start:
        documents = _by_mention(path, task, errors)
    else:
        records = table_records(path, task, errors)
        documents = (
            _document(path, number, record, task, errors, count=count)
            for count, (number, record) in enumerate(records, 1)
        )
        documents = [document for document in documents if document]
    return _checked(path, documents, task, errors)


def _checked(path: Path, documents: list[StandoffDocument], task: Task, errors: LineErrors) -> list[StandoffDocument]:
    lines: dict[str, int] = {}
    for document in documents:
        if document.id in lines:
            actual = f"{task.form.id} {quote(document.id)} a second time, after line {lines[document.id]}"
            errors.add(document.line, actual, "unique ids", "remove or rename one, or use no id column")
        lines.setdefault(document.id, document.line)
    errors.raise_first()
    if not documents:
        raise_data_error(str(path), "no texts", "one text with its entities per line", "check the path")
    return documents


def _document(
    path: Path, number: int, record: JsonMapping, task: Task, errors: LineErrors, *, count: int
) -> StandoffDocument | None:
    """A text with its entities in one cell, or None if the line has an error."""
    text_column, spans_column = task.columns
    text: Any = record.get(text_column)
    if wrong := check_text(text):
        return errors.add(number, f"{wrong} {text_column}", "text", "restore it or remove the line")
    name = str(record.get(task.form.id, "")).strip() if task.form.id else f"d{count}"
    group = str(record.get(task.form.document, "")).strip() if task.form.document else name
    if not name or not group:
        return errors.add(number, f"no {task.form.document if name else task.form.id}", "an id", "give the line one")
    entity_values = _listed(record.get(spans_column))
    if entity_values is None:
        actual = f"{spans_column} {quote(str(record.get(spans_column)))}"
        return errors.add(number, actual, EXPECTED, "use this format; [] without entities")
    entities = []
    for value in entity_values:
        entity, problem = _entity(text, value, number)
        if problem:
            return errors.add(number, *problem)
        entities.append(entity)
    return StandoffDocument(id=name, text=text, entities=tuple(entities), path=path, line=number, group=group)


def _listed(value: object) -> list | None:
    """The entities of a cell, a list in JSON or Python syntax, or None."""
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            try:
                value = ast.literal_eval(value)  # evaluates only literals
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                return None
    return value if isinstance(value, list) else [] if value is None else None


def _entity(text: str, value: object, line: int) -> tuple[Entity | None, Problem | None]:
    """An entity of a text and its problem, if any."""
    parts: list
    if isinstance(value, Mapping):
        parts = [next((value[name] for name in names if name in value), None) for names in KEYS.values()]
    elif isinstance(value, (list, tuple)) and len(value) == 3:
        parts = [*value, None]
    else:
        parts = [None] * 4
    start, end, kind, mention = parts
    are_integers = all(isinstance(offset, int) and not isinstance(offset, bool) for offset in (start, end))
    if not are_integers or not isinstance(kind, str) or not kind.strip():
        return None, (f"the entity {quote(json.dumps(value, ensure_ascii=False))}", EXPECTED, "use this format")
    problem = check_span(text, start, end, mention if isinstance(mention, str) else None)
    return Entity(start, end, kind, line), problem


def _by_mention(path: Path, task: Task, errors: LineErrors) -> list[StandoffDocument]:
    """Documents of a table with one row per mention; a row without offsets is a text without entities."""
    custom, (text_column, type_column) = task.form, task.columns
    texts: dict[tuple[str, str], tuple[int, list[Entity]]] = {}
    for number, record in table_records(path, task, errors):
        text = record[text_column]
        if wrong := check_text(text):
            errors.add(number, f"{wrong} {text_column}", "text", "restore it or remove the line")
            continue
        group = record[custom.document].strip() if custom.document else ""
        _, entities = texts.setdefault((group, text), (number, []))
        start, end, kind = (record[name].strip() for name in (custom.start, custom.end, type_column))
        if not (start or end or kind):
            continue
        if not (start.isdecimal() and end.isdecimal() and kind):
            actual = f"{custom.start} {quote(start)}, {custom.end} {quote(end)}, {type_column} {quote(kind)}"
            errors.add(number, actual, "two integers and a type, or all three empty", "restore the line")
        elif problem := check_span(text, int(start), int(end), record[custom.mention] if custom.mention else None):
            errors.add(number, *problem)
        else:
            entities.append(Entity(int(start), int(end), kind, number))
    return [
        StandoffDocument(id=f"d{count}", text=text, entities=tuple(entities), path=path, line=number, group=group)
        for count, ((group, text), (number, entities)) in enumerate(texts.items(), 1)
    ]
