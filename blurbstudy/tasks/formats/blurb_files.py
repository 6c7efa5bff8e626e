"""Readers of file formats: file -> examples. In BLURB's formats quote characters are part of the text.

Every failure is a one-line DataError with file, line, invalid value, expected value and remedy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..custom.formats import FORMATS, read_custom
from ..task import Example, Task
from .conll import read_conll
from .lines import describe_columns, quote, raise_data_error, read_lines, read_text


def read_tsv(path: Path, task: Task) -> list[Example]:
    """One example per line with columns id, texts, label, separated by tabs."""
    return _examples(path, task, _rows(path, read_lines(path), task, first_line=1))


def read_tsv_with_header(path: Path, task: Task) -> list[Example]:
    """As `read_tsv`, with a header line."""
    return _examples(path, task, _rows_after_header(path, task))


def read_labelled_sentences(path: Path, task: Task) -> list[Example]:
    """HoC: a header, then one sentence per line as `0_x,1_x,...`, sentence, `DOCUMENT_sN`; one example per document.

    x is 1 if the sentence has that label; N counts a document's sentences from 0. The text of an example is its
    sentences joined by spaces, its labels their union; documents are in the order of their first sentences.

    Raises:
        DataError: as `read_tsv_with_header`, or a document's sentences are not N = 0, 1, 2, ... in order.
    """
    sentences: dict[str, list[str]] = {}
    carried: dict[str, set[int]] = {}
    for where, (labels, sentence, index) in _rows_after_header(path, task):
        document, position = _document_and_position(where, index, task)
        if not sentence.strip():
            raise_data_error(where, f"an empty {task.columns[1]}", "text", "restore it")
        texts = sentences.setdefault(document, [])
        if position != len(texts):
            actual = f"{task.columns[2]} {quote(index)} {'a second time' if position < len(texts) else 'too early'}"
            raise_data_error(
                where, actual, f"sentence {len(texts)} of that document", "restore the file's lines and their order"
            )
        texts.append(sentence)
        carried.setdefault(document, set()).update(_label_positions(where, labels, task))
    if not sentences:
        raise_data_error(str(path), "no examples", f"some of {task.name}", f"get the file again ({task.source})")
    labels_of = {name: ",".join(task.labels[i] for i in sorted(actual)) for name, actual in carried.items()}
    return [Example(name, name, (" ".join(texts),), labels_of[name]) for name, texts in sentences.items()]


def read_json_by_id(path: Path, task: Task) -> list[Example]:
    """One JSON object that maps ids to records; only the keys Task.columns[1:] are read.

    A text may be a list of strings, which are joined by spaces (PubMedQA's CONTEXTS).

    Raises:
        DataError: the file is missing, not UTF-8, not JSON, or a record is invalid for the task.
    """
    text = read_text(path)
    try:
        # Objects become tuples of pairs, so duplicate keys can be detected.
        records = json.loads(text, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise_data_error(
            f"{path}, line {error.lineno}", f"invalid JSON ({error.msg})", "one JSON object", "restore the file"
        )
    except (ValueError, RecursionError) as error:
        raise_data_error(str(path), f"unreadable JSON ({quote(str(error))})", "one JSON object", "restore the file")
    if not isinstance(records, tuple):
        raise_data_error(
            f"{path}, line 1", f"a JSON {type(records).__name__}", "an object keyed by id", "restore the file"
        )
    return _examples(path, task, _json_rows(path, text, records, task))


READERS: dict[str, Callable[[Path, Task], list[Example]]] = {
    "tsv": read_tsv,
    "tsv_with_header": read_tsv_with_header,
    "json_by_id": read_json_by_id,
    "conll": read_conll,
    "labelled_sentences": read_labelled_sentences,
    **dict.fromkeys(FORMATS.values(), read_custom),
}

Row = tuple[str, list[str]]  # location for messages; fields in the order of Task.columns


def _examples(path: Path, task: Task, rows: Iterator[Row]) -> list[Example]:
    examples: dict[str, Example] = {}
    for where, (name, *texts, label) in rows:
        name = name.strip()
        if not name:
            raise_data_error(where, f"an empty {task.columns[0]}", "a unique id", "give the line one")
        if name in examples:
            raise_data_error(
                where, f"{task.columns[0]} {quote(name)} a second time", "unique ids", "remove or rename one"
            )
        for column, text in zip(task.columns[1:-1], texts, strict=True):
            if not text.strip():
                raise_data_error(where, f"an empty {column}", "text", "restore it or remove the record")
        unit = ".".join(name.split(".")[: task.unit_id_prefix or None])
        examples[name] = Example(name, unit, tuple(texts), _label(where, label.strip(), task))
    if not examples:
        raise_data_error(str(path), "no examples", f"some of {task.name}", f"get the file again ({task.source})")
    return list(examples.values())


def _label(where: str, value: str, task: Task) -> str | float:
    column = task.columns[-1]
    if not task.is_regression:
        if value not in task.labels:
            raise_data_error(where, f"{column} {quote(value)}", " or ".join(task.labels), "correct the label")
        return value
    assert task.bounds is not None, f"{task.name} has neither labels nor bounds"
    low, high = task.bounds
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:  # false for nan too
        raise_data_error(where, f"{column} {quote(value)}", f"a number from {low:g} to {high:g}", "correct the score")
    return number


def _label_positions(where: str, labels: str, task: Task) -> list[int]:
    """Positions in Task.labels of those that a sentence carries, from `0_x,1_x,...`."""
    marks = labels.strip().split(",")
    if [mark[:-1] for mark in marks] != [f"{i}_" for i in range(len(task.labels))] or {m[-1] for m in marks} - {*"01"}:
        expected = f"0_x,1_x,... up to {len(task.labels) - 1}_x, each x 0 or 1"
        raise_data_error(where, f"{task.columns[0]} {quote(labels)}", expected, "correct the labels")
    return [i for i, mark in enumerate(marks) if mark[-1] == "1"]


def _document_and_position(where: str, index: str, task: Task) -> tuple[str, int]:
    match = re.fullmatch(r"(.*\S)_s([0-9]{1,6})", index.strip())
    if match is None:
        raise_data_error(
            where, f"{task.columns[2]} {quote(index)}", "DOCUMENT_sN, such as 12345_s0", "correct the index"
        )
    return match[1], int(match[2])


def _rows_after_header(path: Path, task: Task) -> Iterator[Row]:
    lines = read_lines(path)
    expected = "\t".join(task.columns)
    if lines and lines[0] != expected:
        raise_data_error(
            f"{path}, line 1", f"header {quote(lines[0])}", f"column names {quote(expected)}", "restore that line"
        )
    return _rows(path, lines[1:], task, first_line=2)


def _rows(path: Path, lines: list[str], task: Task, *, first_line: int) -> Iterator[Row]:
    for number, line in enumerate(lines, first_line):
        fields = line.split("\t")
        if len(fields) != len(task.columns):
            expected = f"{len(task.columns)} separated by tabs ({', '.join(task.columns)})"
            remedy = "restore the line; no text may hold a tab or line break"
            raise_data_error(f"{path}, line {number}", describe_columns(line), expected, remedy)
        yield f"{path}, line {number}", fields


def _json_rows(path: Path, text: str, records: tuple[tuple[str, Any], ...], task: Task) -> Iterator[Row]:
    position: int | None = 0  # of the record's key; None once a key is not found, since each search would scan the rest
    line = 1
    keys = ", ".join(task.columns[1:])
    for name, record in records:
        if position is not None and (end := _after_key(text, name, position)) is not None:
            line += text.count("\n", position, end)
            position_text, position = f"{path}, line {line}", end
        else:
            position_text, position = str(path), None
        where = f"{position_text}, {task.columns[0]} {quote(name)}"
        if not isinstance(record, tuple):
            raise_data_error(where, f"a JSON {type(record).__name__}", f"an object with {keys}", "restore the record")
        fields = dict(record)
        if len(fields) != len(record):
            raise_data_error(where, "a duplicate key", "unique keys", "remove one of them")
        for key in task.columns[1:]:
            if key not in fields:
                raise_data_error(where, f"no key {key}", f"an object with {keys}", "restore the record")
        yield where, [name, *(_join_texts(where, key, fields[key]) for key in task.columns[1:])]


def _join_texts(where: str, key: str, value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise_data_error(where, f"{key} {quote(json.dumps(value))}", "a text or a list of texts", "restore the record")
    joined = " ".join(parts)
    try:
        joined.encode()
    except UnicodeEncodeError as error:  # JSON can escape half a surrogate pair, which tokenizers refuse
        raise_data_error(where, f"{key} with {joined[error.start]!r}", "whole Unicode characters", "restore the record")
    return joined


def _after_key(text: str, name: str, start: int) -> int | None:
    """The end of a key, searched from `start`; None if it is written with unusual escapes."""
    written = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
    match = re.compile(f"(?:{'|'.join(map(re.escape, sorted(written)))})\\s*:").search(text, start)
    return match.end() if match else None
