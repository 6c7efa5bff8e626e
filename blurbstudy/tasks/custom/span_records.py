"""Texts with entities at character offsets in tables and JSON, as written by annotation tools.

JSON: records with a text and a list of entities, which are objects {"start", "end", "type"} (with other keys in
doccano, Prodigy and others) or lists [start, end, type] (spaCy, doccano). CSV and TSV: a cell with such a list, or one
row per mention with its start, end, type and text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...config import JsonMapping
from ..formats.label_cells import evaluated
from ..formats.lines import LineErrors, quote, raise_data_error
from ..formats.read_counts import ReadCounts
from ..formats.records import RELATIONS
from ..formats.standoff import Entity, StandoffDocument, merge_fragments
from ..task import Task
from ..text.words import Span
from .tabular import annotated_records, check_text

STARTS = ("start", "begin", "start_offset", "start_char")
ENDS = ("end", "stop", "end_offset", "end_char")
KEYS = {  # field of an entity -> its keys in various tools
    "start": STARTS,
    "end": ENDS,
    "type": ("type", "label", "entity_type", "entity_group", "entity", "tag", "category", "class", "labels"),
    "mention": ("mention", "surface", "text"),
}
FRAGMENTS = "fragments"  # key of the spans of a discontinuous entity, instead of start and end
PASSAGE = "passage"  # key of the span of BioC's passage with the entity
EXPECTED = '[{"start": 0, "end": 4, "type": "Gene"}] or [[0, 4, "Gene"]]'


def record_documents(path: Path, task: Task, counts: ReadCounts) -> list[StandoffDocument]:
    """The documents of a JSON, CSV or TSV file, without those that the annotator did not accept, which are counted."""
    errors = LineErrors(path)
    if task.form.start:
        documents = _by_mention(path, task, errors, counts)
    else:
        records = annotated_records(path, task, errors, counts.skipped_records)
        found = (
            _document(path, number, record, task, errors, counts, count=count)
            for count, (number, record) in enumerate(records, 1)
        )
        documents = [document for document in found if document]
    return _checked(path, documents, task, errors, counts)


def _checked(
    path: Path, documents: list[StandoffDocument], task: Task, errors: LineErrors, counts: ReadCounts
) -> list[StandoffDocument]:
    lines: dict[str, int] = {}
    for document in documents:
        if document.id in lines:
            actual = f"{task.form.id} {quote(document.id)} a second time, after {errors.unit} {lines[document.id]}"
            errors.add(document.line, actual, "unique ids", "remove or rename one, or use no id column")
        lines.setdefault(document.id, document.line)
    errors.raise_first()
    counts.checks.raise_faults(path)
    if not documents:
        raise_data_error(str(path), "no texts", "one text with its entities per line", "check the path")
    return documents


def _document(
    path: Path, number: int, record: JsonMapping, task: Task, errors: LineErrors, counts: ReadCounts, *, count: int
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
    counts.unlisted += record.get(spans_column) is None
    if isinstance(relations := record.get(RELATIONS), list) and relations:
        counts.checks.unread["relations"] += len(relations)
    values = _listed(record.get(spans_column))
    if values is None:
        actual = f"{spans_column} {quote(str(record.get(spans_column)))}"
        return errors.add(number, actual, EXPECTED, "use this format; [] without entities")
    entities = []
    for value in values:
        spans, types, mention = _entity(text, value)
        if not spans or not types:
            actual = f"the entity {quote(json.dumps(value, ensure_ascii=False))}"
            return errors.add(number, actual, EXPECTED, "use this format")
        if isinstance(value, Mapping) and "entity" in value and all(kind[:2] in ("B-", "I-") for kind in types):
            remedy = "join them: in transformers, pipeline(aggregation_strategy='first')"
            return errors.add(number, f"the tag {quote(types[0])} as a type", "types of entire entities", remedy)
        if len(spans) > 1 and task.form.discontinuous == "refuse":
            remedy = "annotate it as one span, or leave such entities out (discontinuous: skip)"
            return errors.add(number, f"an entity in {len(spans)} fragments", "one contiguous span", remedy)
        where = f"{path}, {errors.unit} {number}"
        surface, pieces = (mention, ()) if len(spans) == 1 else (None, tuple(spans))
        passage = value.get(PASSAGE) if isinstance(value, dict) else None
        if all([counts.checks.accepts(where, text, *span, surface, passage=passage) for span in spans]):
            entities += [Entity(spans[0][0], spans[-1][1], kind, number, pieces) for kind in types]
    return StandoffDocument(id=name, text=text, entities=tuple(entities), path=path, line=number, group=group)


def _listed(value: object) -> list | None:
    """The entities of a cell, a list in JSON or Python syntax, or None."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    value = evaluated(value.strip()) if isinstance(value, str) else value
    return value if isinstance(value, list) else None


def _entity(text: str, value: object) -> tuple[list[Span], list[str], str | None]:
    """The spans, types and text of an entity; no spans or no types if it is malformed."""
    start = end = kind = mention = None
    if isinstance(value, Mapping):
        start, end, kind, mention = (
            next((value[name] for name in names if name in value), None) for names in KEYS.values()
        )
    elif isinstance(value, (list, tuple)) and len(value) == 3:
        start, end, kind = value
    types: list = kind if isinstance(kind, list) else [kind]
    if not all(isinstance(one, str) and one.strip() for one in types):
        return [], [], None
    fragments = value.get(FRAGMENTS, ()) if isinstance(value, Mapping) else ()
    spans: list = merge_fragments(text, list(fragments)) if fragments else [(start, end)]
    if not all(type(offset) is int for span in spans for offset in span):  # a boolean is an int too
        return [], [], None
    return spans, types, mention if isinstance(mention, str) else None


def _by_mention(path: Path, task: Task, errors: LineErrors, counts: ReadCounts) -> list[StandoffDocument]:
    """Documents of a table with one row per mention; a row without offsets is a text without entities."""
    custom, (text_column, type_column) = task.form, task.columns
    texts: dict[tuple[str, str], tuple[int, list[Entity]]] = {}
    for number, record in annotated_records(path, task, errors, counts.skipped_records):
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
            continue
        mention = record[custom.mention] if custom.mention else None
        if counts.checks.accepts(f"{path}, line {number}", text, int(start), int(end), mention):
            entities.append(Entity(int(start), int(end), kind, number))
    return [
        StandoffDocument(id=f"d{count}", text=text, entities=tuple(entities), path=path, line=number, group=group)
        for count, ((group, text), (number, entities)) in enumerate(texts.items(), 1)
    ]
