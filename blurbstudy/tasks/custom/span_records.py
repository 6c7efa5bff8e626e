"""Texts with entities at character offsets in tables and JSON lines, as annotation tools write them.

JSONL: an object a line, its entities as objects {"start", "end", "type"} (doccano, Prodigy and others name these
otherwise) or as lists [start, end, type] (spaCy, doccano). CSV and TSV: a cell that holds such a list, or a row for
every mention with its start, end and type beside its whole text.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..formats.lines import Faults, fail, shown
from ..formats.standoff import Entity, Fault, StandoffDocument, span_fault
from ..task import Task
from .tabular import json_records, table_records, text_fault

KEYS = {  # of an entity's object -> names that tools give it
    "start": ("start", "begin", "start_offset", "start_char"),
    "end": ("end", "stop", "end_offset", "end_char"),
    "type": ("type", "label", "entity_type", "entity", "tag", "category", "class"),
    "mention": ("mention", "surface", "text"),
}
EXPECTED = '[{"start": 0, "end": 4, "type": "Gene"}] or [[0, 4, "Gene"]]'
ACCEPTED = ("accept", "")  # Prodigy's answers that count; reject and ignore do not


def json_documents(path: Path, task: Task) -> tuple[list[StandoffDocument], int]:
    """The documents of a JSONL file, and how many were left out since their annotator did not accept them.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    faults = Faults(path)
    found, rejected = [], 0
    for number, record in json_records(path, faults):
        if str(record.get("answer") or "") not in ACCEPTED:
            rejected += 1
            continue
        if document := _document(path, number, record, task, faults, count=len(found) + rejected + 1):
            found.append(document)
    return _checked(path, found, task, faults), rejected


def table_documents(path: Path, task: Task) -> list[StandoffDocument]:
    """The documents of a CSV or TSV file.

    Raises:
        DataError: the file is missing, not UTF-8, lacks a column, or a line does not fit the task.
    """
    faults = Faults(path)
    if task.custom.start:
        found = _by_mention(path, task, faults)
    else:
        records = table_records(path, task, faults)
        documents = (
            _document(path, number, record, task, faults, count=count)
            for count, (number, record) in enumerate(records, 1)
        )
        found = [document for document in documents if document]
    return _checked(path, found, task, faults)


def _checked(path: Path, found: list[StandoffDocument], task: Task, faults: Faults) -> list[StandoffDocument]:
    lines: dict[str, int] = {}
    for document in found:
        if document.id in lines:
            said = f"{task.custom.id} {shown(document.id)} a second time, after line {lines[document.id]}"
            faults.add(document.line, said, "unique ids", "remove or rename one, or name no id column")
        lines.setdefault(document.id, document.line)
    faults.refuse()
    if not found:
        fail(str(path), "no texts", "one with its entities a line", "check that it is the file you mean")
    return found


def _document(
    path: Path, number: int, record: Mapping[str, Any], task: Task, faults: Faults, *, count: int
) -> StandoffDocument | None:
    """A text with its entities in one cell; None where the line was noted."""
    text_column, spans_column = task.columns
    text = record.get(text_column)
    if wrong := text_fault(text):
        return faults.add(number, f"{wrong} {text_column}", "text", "restore it or remove the line")
    name = str(record.get(task.custom.id, "")).strip() if task.custom.id else f"d{count}"
    group = str(record.get(task.custom.document, "")).strip() if task.custom.document else name
    if not name or not group:
        return faults.add(
            number, f"no {task.custom.document if name else task.custom.id}", "an id", "give the line one"
        )
    given = _listed(record.get(spans_column))
    if given is None:
        found = f"{spans_column} {shown(str(record.get(spans_column)))}"
        return faults.add(number, found, EXPECTED, "write each entity so; [] where there is none")
    entities = []
    for value in given:
        entity, fault = _entity(text, value, number)
        if fault:
            return faults.add(number, *fault)
        entities.append(entity)
    return StandoffDocument(id=name, text=text, entities=tuple(entities), path=path, line=number, group=group)


def _listed(value: Any) -> list[Any] | None:
    """The entities of a cell, JSON or as Python prints lists; None where it is no list."""
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            try:
                value = ast.literal_eval(value)  # literals alone: it runs nothing
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                return None
    return value if isinstance(value, list) else [] if value is None else None


def _entity(text: str, value: Any, line: int) -> tuple[Entity | None, Fault | None]:
    """An entity of a text, and what is wrong with it."""
    if isinstance(value, Mapping):
        parts = [next((value[name] for name in names if name in value), None) for names in KEYS.values()]
    elif isinstance(value, (list, tuple)) and len(value) == 3:
        parts = [*value, None]
    else:
        parts = [None] * 4
    start, end, kind, mention = parts
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in (start, end))
    if not whole or not isinstance(kind, str) or not kind.strip():
        return None, (f"the entity {shown(json.dumps(value, ensure_ascii=False))}", EXPECTED, "write it so")
    fault = span_fault(text, start, end, mention if isinstance(mention, str) else None)
    return Entity(start, end, kind, line), fault


def _by_mention(path: Path, task: Task, faults: Faults) -> list[StandoffDocument]:
    """A row for every mention: rows of one text (and one document) are a document; without offsets, none in it."""
    own, (text_column, type_column) = task.custom, task.columns
    texts: dict[tuple[str, str], tuple[int, list[Entity]]] = {}
    for number, record in table_records(path, task, faults):
        text = record[text_column]
        if wrong := text_fault(text):
            faults.add(number, f"{wrong} {text_column}", "text", "restore it or remove the line")
            continue
        group = record[own.document].strip() if own.document else ""
        _, entities = texts.setdefault((group, text), (number, []))
        start, end, kind = (record[name].strip() for name in (own.start, own.end, type_column))
        if not (start or end or kind):
            continue
        if not (start.isdecimal() and end.isdecimal() and kind):
            found = f"{own.start} {shown(start)}, {own.end} {shown(end)}, {type_column} {shown(kind)}"
            faults.add(number, found, "two whole numbers and a type, or all three empty", "restore the line")
        elif fault := span_fault(text, int(start), int(end), record[own.mention] if own.mention else None):
            faults.add(number, *fault)
        else:
            entities.append(Entity(int(start), int(end), kind, number))
    return [
        StandoffDocument(id=f"d{count}", text=text, entities=tuple(entities), path=path, line=number, group=group)
        for count, ((group, text), (number, entities)) in enumerate(texts.items(), 1)
    ]
