"""Readers, one per file format: file -> examples. In BLURB's own, quote characters are text, never quoting.

Every failure is a DataError of one line that names file, line, bad value, what was expected and the remedy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..custom.formats import FORMATS, read_own
from ..task import Example, Task
from .conll import read_conll
from .lines import SHOWN, columns_found, fail, lines_of, shown, text_of

__all__ = ["READERS", "SHOWN", "read_conll", "read_json_by_id", "read_labelled_sentences", "read_tsv",
           "read_tsv_with_header"]  # fmt: skip


def read_tsv(path: Path, task: Task) -> list[Example]:
    """One example a line, columns separated by tabs: id, texts, label.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    return _examples(path, task, _rows(path, lines_of(path), task, first_line=1))


def read_tsv_with_header(path: Path, task: Task) -> list[Example]:
    """As `read_tsv`, after one line that names the columns.

    Raises:
        DataError: as `read_tsv`, or the header names other columns.
    """
    return _examples(path, task, _rows_after_header(path, task))


def read_labelled_sentences(path: Path, task: Task) -> list[Example]:
    """HoC: after a header, one sentence a line as `0_x,1_x,...`, sentence, `DOCUMENT_sN`; one example a document.

    x is 1 where the sentence carries that label, N counts a document's sentences from 0. Its text is its sentences
    joined by spaces, its labels all that any of them carries; documents stand in the order of their first sentences.

    Raises:
        DataError: as `read_tsv_with_header`, or a document's sentences are not N = 0, 1, 2, ... in this order.
    """
    sentences: dict[str, list[str]] = {}
    carried: dict[str, set[int]] = {}
    for where, (labels, sentence, index) in _rows_after_header(path, task):
        document, position = _document_and_position(where, index, task)
        if not sentence.strip():
            fail(where, f"an empty {task.columns[1]}", "text", "restore it")
        texts = sentences.setdefault(document, [])
        if position != len(texts):
            found = f"{task.columns[2]} {shown(index)} {'a second time' if position < len(texts) else 'too early'}"
            fail(where, found, f"sentence {len(texts)} of that document", "restore the file's lines and their order")
        texts.append(sentence)
        carried.setdefault(document, set()).update(_label_positions(where, labels, task))
    if not sentences:
        fail(str(path), "no examples", f"some of {task.name}", f"get the file again ({task.source})")
    labels_of = {name: ",".join(task.labels[i] for i in sorted(found)) for name, found in carried.items()}
    return [Example(name, name, (" ".join(texts),), labels_of[name]) for name, texts in sentences.items()]


def read_json_by_id(path: Path, task: Task) -> list[Example]:
    """One JSON object that maps an id to a record; Task.columns[1:] are the keys that are read, all others are not.

    A text may be a list of strings, which are joined by spaces (PubMedQA's CONTEXTS).

    Raises:
        DataError: the file is missing, not UTF-8, not JSON, or a record does not fit the task.
    """
    text = text_of(path)
    try:
        # Objects become tuples of pairs, so that a key that stands twice is seen.
        records = json.loads(text, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        fail(f"{path}, line {error.lineno}", f"invalid JSON ({error.msg})", "one JSON object", "restore the file")
    except (ValueError, RecursionError) as error:
        fail(str(path), f"unreadable JSON ({shown(str(error))})", "one JSON object", "restore the file")
    if not isinstance(records, tuple):
        fail(f"{path}, line 1", f"a JSON {type(records).__name__}", "an object keyed by id", "restore the file")
    return _examples(path, task, _json_rows(path, text, records, task))


READERS: dict[str, Callable[[Path, Task], list[Example]]] = {
    "tsv": read_tsv,
    "tsv_with_header": read_tsv_with_header,
    "json_by_id": read_json_by_id,
    "conll": read_conll,
    "labelled_sentences": read_labelled_sentences,
    **dict.fromkeys(FORMATS.values(), read_own),
}

Row = tuple[str, list[str]]  # where it stands, for messages; fields in the order of Task.columns


def _examples(path: Path, task: Task, rows: Iterator[Row]) -> list[Example]:
    examples: dict[str, Example] = {}
    for where, (name, *texts, label) in rows:
        name = name.strip()
        if not name:
            fail(where, f"an empty {task.columns[0]}", "a unique id", "give the line one")
        if name in examples:
            fail(where, f"{task.columns[0]} {shown(name)} a second time", "unique ids", "remove or rename one")
        for column, text in zip(task.columns[1:-1], texts, strict=True):
            if not text.strip():
                fail(where, f"an empty {column}", "text", "restore it or remove the record")
        unit = ".".join(name.split(".")[: task.unit_id_prefix or None])
        examples[name] = Example(name, unit, tuple(texts), _label(where, label.strip(), task))
    if not examples:
        fail(str(path), "no examples", f"some of {task.name}", f"get the file again ({task.source})")
    return list(examples.values())


def _label(where: str, value: str, task: Task) -> str | float:
    column = task.columns[-1]
    if not task.is_regression:
        if value not in task.labels:
            fail(where, f"{column} {shown(value)}", " or ".join(task.labels), "correct the label")
        return value
    assert task.bounds is not None, f"{task.name} has neither labels nor bounds"
    low, high = task.bounds
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:  # false for nan too
        fail(where, f"{column} {shown(value)}", f"a number from {low:g} to {high:g}", "correct the score")
    return number


def _label_positions(where: str, labels: str, task: Task) -> list[int]:
    """Positions in Task.labels of those that a sentence carries, from `0_x,1_x,...`."""
    marks = labels.strip().split(",")
    if [mark[:-1] for mark in marks] != [f"{i}_" for i in range(len(task.labels))] or {m[-1] for m in marks} - {*"01"}:
        expected = f"0_x,1_x,... up to {len(task.labels) - 1}_x, each x 0 or 1"
        fail(where, f"{task.columns[0]} {shown(labels)}", expected, "correct the labels")
    return [i for i, mark in enumerate(marks) if mark[-1] == "1"]


def _document_and_position(where: str, index: str, task: Task) -> tuple[str, int]:
    found = re.fullmatch(r"(.*\S)_s([0-9]{1,6})", index.strip())
    if found is None:
        fail(where, f"{task.columns[2]} {shown(index)}", "DOCUMENT_sN, such as 12345_s0", "correct the index")
    return found[1], int(found[2])


def _rows_after_header(path: Path, task: Task) -> Iterator[Row]:
    lines = lines_of(path)
    expected = "\t".join(task.columns)
    if lines and lines[0] != expected:
        fail(f"{path}, line 1", f"header {shown(lines[0])}", f"column names {shown(expected)}", "restore that line")
    return _rows(path, lines[1:], task, first_line=2)


def _rows(path: Path, lines: list[str], task: Task, *, first_line: int) -> Iterator[Row]:
    for number, line in enumerate(lines, first_line):
        fields = line.split("\t")
        if len(fields) != len(task.columns):
            expected = f"{len(task.columns)} separated by tabs ({', '.join(task.columns)})"
            remedy = "restore the line; no text may hold a tab or line break"
            fail(f"{path}, line {number}", columns_found(line), expected, remedy)
        yield f"{path}, line {number}", fields


def _json_rows(path: Path, text: str, records: tuple[tuple[str, Any], ...], task: Task) -> Iterator[Row]:
    position: int | None = 0  # of the record's key; None once one is not found: each search would read all that follows
    line = 1
    keys = ", ".join(task.columns[1:])
    for name, record in records:
        if position is not None and (end := _after_key(text, name, position)) is not None:
            line += text.count("\n", position, end)
            place, position = f"{path}, line {line}", end
        else:
            place, position = str(path), None
        where = f"{place}, {task.columns[0]} {shown(name)}"
        if not isinstance(record, tuple):
            fail(where, f"a JSON {type(record).__name__}", f"an object with {keys}", "restore the record")
        fields = dict(record)
        if len(fields) != len(record):
            fail(where, "a key that stands twice", "every key once", "remove one of the two")
        for key in task.columns[1:]:
            if key not in fields:
                fail(where, f"no key {key}", f"an object with {keys}", "restore the record")
        yield where, [name, *(_joined(where, key, fields[key]) for key in task.columns[1:])]


def _joined(where: str, key: str, value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        fail(where, f"{key} {shown(json.dumps(value))}", "a text or a list of texts", "restore the record")
    joined = " ".join(parts)
    try:
        joined.encode()
    except UnicodeEncodeError as error:  # JSON can escape half a character, which no tokenizer takes
        fail(where, f"{key} with {joined[error.start]!r}", "whole Unicode characters", "restore the record")
    return joined


def _after_key(text: str, name: str, start: int) -> int | None:
    """Where a key of the file ends, looked for from `start`; None where it is written with needless escapes."""
    written = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
    found = re.compile(f"(?:{'|'.join(map(re.escape, sorted(written)))})\\s*:").search(text, start)
    return found.end() if found else None
