"""Readers of BLURB's own file formats, one per format: file -> examples. Quote characters are text, never quoting.

Every failure is a DataError of one line that names file, line, bad value, what was expected and the remedy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from ..errors import DataError
from .task import Example, Task

SHOWN = 40  # characters of a bad value that a message quotes; datasets' sentences do not belong into logs


def read_tsv(path: Path, task: Task) -> list[Example]:
    """One example a line, columns separated by tabs: id, texts, label.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    return _examples(path, task, _rows(path, _lines(path), task, first_line=1))


def read_tsv_with_header(path: Path, task: Task) -> list[Example]:
    """As `read_tsv`, after one line that names the columns.

    Raises:
        DataError: as `read_tsv`, or the header names other columns.
    """
    lines = _lines(path)
    expected = "\t".join(task.columns)
    if lines and lines[0] != expected:
        _fail(f"{path}, line 1", f"header {_shown(lines[0])}", f"column names {_shown(expected)}", "restore that line")
    return _examples(path, task, _rows(path, lines[1:], task, first_line=2))


def read_json_by_id(path: Path, task: Task) -> list[Example]:
    """One JSON object that maps an id to a record; Task.columns[1:] are the keys that are read, all others are not.

    A text may be a list of strings, which are joined by spaces (PubMedQA's CONTEXTS).

    Raises:
        DataError: the file is missing, not UTF-8, not JSON, or a record does not fit the task.
    """
    text = _text_of(path)
    try:
        # Objects become tuples of pairs, so that a key that stands twice is seen.
        records = json.loads(text, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        _fail(f"{path}, line {error.lineno}", f"invalid JSON ({error.msg})", "one JSON object", "restore the file")
    except (ValueError, RecursionError) as error:
        _fail(str(path), f"unreadable JSON ({_shown(str(error))})", "one JSON object", "restore the file")
    if not isinstance(records, tuple):
        _fail(f"{path}, line 1", f"a JSON {type(records).__name__}", "an object keyed by id", "restore the file")
    return _examples(path, task, _json_rows(path, text, records, task))


READERS: dict[str, Callable[[Path, Task], list[Example]]] = {
    "tsv": read_tsv,
    "tsv_with_header": read_tsv_with_header,
    "json_by_id": read_json_by_id,
}

Row = tuple[str, list[str]]  # where it stands, for messages; fields in the order of Task.columns


def _examples(path: Path, task: Task, rows: Iterator[Row]) -> list[Example]:
    examples: dict[str, Example] = {}
    for where, (name, *texts, label) in rows:
        name = name.strip()
        if not name:
            _fail(where, f"an empty {task.columns[0]}", "a unique id", "give the line one")
        if name in examples:
            _fail(where, f"{task.columns[0]} {_shown(name)} a second time", "unique ids", "remove or rename one")
        for column, text in zip(task.columns[1:-1], texts, strict=True):
            if not text.strip():
                _fail(where, f"an empty {column}", "text", "restore it or remove the record")
        examples[name] = Example(name, name, tuple(texts), _label(where, label.strip(), task))
    if not examples:
        _fail(str(path), "no examples", f"some of {task.name}", f"get the file again ({task.source})")
    return list(examples.values())


def _label(where: str, value: str, task: Task) -> str | float:
    column = task.columns[-1]
    if not task.is_regression:
        if value not in task.labels:
            _fail(where, f"{column} {_shown(value)}", " or ".join(task.labels), "correct the label")
        return value
    assert task.bounds is not None, f"{task.name} has neither labels nor bounds"
    low, high = task.bounds
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:  # false for nan too
        _fail(where, f"{column} {_shown(value)}", f"a number from {low:g} to {high:g}", "correct the score")
    return number


def _rows(path: Path, lines: list[str], task: Task, *, first_line: int) -> Iterator[Row]:
    for number, line in enumerate(lines, first_line):
        fields = line.split("\t")
        if len(fields) != len(task.columns):
            found = f"{len(fields)} column{'s' * (len(fields) != 1)} in {_shown(line)}"
            expected = f"{len(task.columns)} separated by tabs ({', '.join(task.columns)})"
            _fail(f"{path}, line {number}", found, expected, "restore the line; no text may hold a tab or line break")
        yield f"{path}, line {number}", fields


def _json_rows(path: Path, text: str, records: tuple[tuple[str, Any], ...], task: Task) -> Iterator[Row]:
    seen: dict[str, int] = {}
    keys = ", ".join(task.columns[1:])
    for name, record in records:
        seen[name] = seen.get(name, 0) + 1
        where = f"{path}, line {_line_of_key(text, name, seen[name])}, {task.columns[0]} {_shown(name)}"
        if not isinstance(record, tuple):
            _fail(where, f"a JSON {type(record).__name__}", f"an object with {keys}", "restore the record")
        fields = dict(record)
        if len(fields) != len(record):
            _fail(where, "a key that stands twice", "every key once", "remove one of the two")
        for key in task.columns[1:]:
            if key not in fields:
                _fail(where, f"no key {key}", f"an object with {keys}", "restore the record")
        yield where, [name, *(_joined(where, key, fields[key]) for key in task.columns[1:])]


def _joined(where: str, key: str, value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        _fail(where, f"{key} {_shown(json.dumps(value))}", "a text or a list of texts", "restore the record")
    joined = " ".join(parts)
    try:
        joined.encode()
    except UnicodeEncodeError as error:  # JSON can escape half a character, which no tokenizer takes
        _fail(where, f"{key} with {joined[error.start]!r}", "whole Unicode characters", "restore the record")
    return joined


def _line_of_key(text: str, name: str, occurrence: int) -> int:
    found = [match.start() for match in re.finditer(re.escape(json.dumps(name)) + r"\s*:", text)]
    return text.count("\n", 0, found[min(occurrence, len(found)) - 1]) + 1 if found else 1


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        _fail(str(path), f"a file that cannot be read ({error.strerror})", "a readable file", "check path and rights")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "convert the file, e.g. iconv -f latin1 -t utf-8"
        _fail(f"{path}, line {line}", f"byte 0x{data[error.start]:02X}, which is not UTF-8", "UTF-8", remedy)


def _lines(path: Path) -> list[str]:
    # Not str.splitlines: it also breaks at characters that may stand inside a sentence, such as U+2028.
    lines = [line.removesuffix("\r") for line in _text_of(path).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _shown(value: str) -> str:
    return repr(value if len(value) <= SHOWN else value[: SHOWN - 3] + "...")


def _fail(where: str, found: str, expected: str, remedy: str) -> NoReturn:
    raise DataError(f"{where}: found {found}; expected {expected}; {remedy}") from None
