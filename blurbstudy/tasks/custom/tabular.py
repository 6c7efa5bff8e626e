"""Examples in tables: TSV and CSV with or without a header, JSONL with an object a line.

In TSV quote characters are text, as in BLURB's files; in CSV they quote (RFC 4180), and ; may separate instead of a
comma, as spreadsheets write it. What is read is Task.columns: id, texts, label.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..formats.lines import LARGEST, Faults, fail, lines_of, shown, text_of
from ..task import Example, Task

_SEPARATED = {
    "tsv": "no text may hold a tab or line break",
    "csv": "quote a field that holds a comma, semicolon or line break",
}
MARKS = {
    "1": True,
    "1.0": True,
    "true": True,
    "0": False,
    "0.0": False,
    "false": False,
    "": False,
}  # of a label's column
Row = tuple[int, list[str]]  # number of its first line; its fields
Record = tuple[int, Mapping[str, Any]]  # number of its first line; column or key -> value
Located = tuple[int, Example]  # an example and the number of its first line


def located_table(path: Path, task: Task) -> list[Located]:
    """The examples of a TSV or CSV file (by Task.reader) with their lines.

    Raises:
        DataError: the file is missing, not UTF-8, lacks a column, or a line does not fit the task.
    """
    faults = Faults(path)
    return _examples(path, table_records(path, task, faults), task, faults)


def located_jsonl(path: Path, task: Task) -> list[Located]:
    """The examples of a JSONL file with their lines.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is no object that fits the task.
    """
    faults = Faults(path)
    return _examples(path, json_records(path, faults), task, faults)


def first_fields(path: Path, form: str) -> list[str]:
    """The column names of a table, or the keys of a JSONL file's first object; form: tsv | csv | jsonl.

    Raises:
        DataError: the file is missing, empty or not UTF-8.
    """
    if form == "jsonl":
        faults = Faults(path)
        found = next((list(record) for _, record in json_records(path, faults)), None)
        faults.refuse()
    else:
        found = next((fields for _, fields in _rows(path, form, Faults(path))), None)
    if not found:
        fail(str(path), "no examples", "a line for each", "check that it is the file you mean")
    return [name.strip() for name in found]


def marked_columns(path: Path, form: str, names: Sequence[str]) -> list[str]:
    """Those columns (keys), if all of them hold nothing but 1 and 0: labels, each marked in a column of its own."""
    faults = Faults(path)
    if form == "jsonl":
        rows = [record for _, record in json_records(path, faults)]
    else:
        lines = [fields for _, fields in _rows(path, form, faults)]
        header = [name.strip() for name in lines[0]]
        rows = [dict(zip(header, fields, strict=False)) for fields in lines[1:]]
    marked = [name for name in names if all(_word(row.get(name)).lower() in MARKS for row in rows)]
    return marked if len(marked) > 1 and any(_word(row.get(name)) for row in rows for name in marked) else []


def json_records(path: Path, faults: Faults) -> Iterator[Record]:
    """The objects of a JSONL file; what is none is noted."""
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            faults.add(number, f"invalid JSON ({said})", "one JSON object a line", "restore the line")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            found = f"a JSON {type(record).__name__}"
            faults.add(number, found, "one JSON object a line", "write each example as an object on a line of its own")


def table_records(path: Path, task: Task, faults: Faults) -> Iterator[Record]:
    """The rows of a TSV or CSV file by column; what is none is noted."""
    names: list[str] = []
    form = task.reader.rpartition("_")[2]
    for number, fields in _rows(path, form, faults):
        if not names:
            names = (
                [name.strip() for name in fields] if task.custom.header else [str(i + 1) for i in range(len(fields))]
            )
            _check_names(path, number, names, task)
            if task.custom.header:
                continue
        if len(fields) != len(names):
            n = f"{len(fields)} column{'s' * (len(fields) != 1)} in {shown(fields[0])}"
            listed = f"{len(names)} ({', '.join(names)})"
            faults.add(number, n, listed, f"restore the line; {_SEPARATED[form]}")
            continue
        yield number, dict(zip(names, fields, strict=True))


def _check_names(path: Path, number: int, names: list[str], task: Task) -> None:
    where = f"{path}, line {number}"
    if double := next((name for name in names if names.count(name) > 1), None):
        fail(where, f"column {shown(double)} twice", "every name once", "rename one of the two")
    if missing := [name for name in _wanted(task) if name not in names]:
        listed = ", ".join(map(shown, missing))
        fail(where, f"columns {', '.join(names)}", listed, "name the file's columns under columns: or --columns")


def _wanted(task: Task) -> list[str]:
    """The columns that a task reads."""
    own = task.custom
    named = list(task.columns if task.output == "token_labels" else task.columns[1:])
    if own.one_hot:
        named[-1:] = own.one_hot
    return [*named, *filter(None, (own.id, own.document, own.start, own.end, own.mention))]


def _rows(path: Path, form: str, faults: Faults) -> Iterator[Row]:
    """The lines of a table that hold anything, in fields."""
    if form == "csv":
        yield from _csv_rows(path, faults)
        return
    for number, line in enumerate(lines_of(path), 1):
        if line.strip():
            yield number, line.split("\t")


def _csv_rows(path: Path, faults: Faults) -> Iterator[Row]:
    text = text_of(path)
    first = text.split("\n", 1)[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = csv.field_size_limit(LARGEST)  # the module's own limit, 131072, is less than a long document
    begins = 1
    try:
        for fields in rows:
            if any(field.strip() for field in fields):
                yield begins, fields
            begins = rows.line_num + 1
    except csv.Error as error:
        remedy = "close every quote, and double a quote inside one"
        faults.add(begins, f"broken quoting ({error})", 'CSV with fields quoted by "', remedy)
    finally:
        csv.field_size_limit(before)


def _examples(path: Path, records: Iterator[Record], task: Task, faults: Faults) -> list[Located]:
    found: list[Located] = []
    lines: dict[str, int] = {}
    for number, record in records:
        example = _example(number, record, task, faults, count=len(found) + 1)
        if example is None:
            continue
        if example.id in lines:
            said = f"{task.custom.id} {shown(example.id)} a second time, after line {lines[example.id]}"
            faults.add(number, said, "unique ids", "remove or rename one, or name no id column")
        lines.setdefault(example.id, number)
        found.append((number, example))
    faults.refuse()
    if not found:
        fail(str(path), "no examples", "a line for each", "check that it is the file you mean")
    return found


def _example(number: int, record: Mapping[str, Any], task: Task, faults: Faults, *, count: int) -> Example | None:
    """None where the line was noted."""
    own, label_column, wanted = task.custom, task.columns[-1], _wanted(task)
    for name in wanted:
        if name not in record:
            named = ", ".join(wanted[: len(wanted) - sum(map(bool, (own.id, own.document)))])
            return faults.add(number, f"no {name}", f"an object with {named}", "restore the line")
    texts = []
    for name in task.columns[1:-1]:
        text, wrong = joined_text(record[name])
        if wrong:
            return faults.add(number, f"{wrong} {name}", "text", "restore it or remove the line")
        texts.append(text)
    if own.one_hot:
        marked, wrong = _marked(record, own.one_hot)
        if wrong:
            return faults.add(number, f"{wrong} {shown(str(record[wrong]))}", "1 or 0", "correct the mark")
        record = {**record, label_column: marked}
    label, wrong = _label(record[label_column], task)
    if wrong:
        return faults.add(number, f"{label_column} {shown(str(record[label_column]))}", wrong, "correct the label")
    name = str(record[own.id]).strip() if own.id else str(count)
    if not name:
        return faults.add(number, f"an empty {own.id}", "a unique id", "give the line one, or name no id column")
    unit = str(record[own.document]).strip() if own.document else name
    if not unit:
        return faults.add(number, f"an empty {own.document}", "a document's id", "give the line one")
    return Example(name, unit, tuple(texts), label)


def _marked(record: Mapping[str, Any], columns: Sequence[str]) -> tuple[list[str], str]:
    """The columns that are marked with 1, and one that holds neither 1 nor 0: ""."""
    marks = {name: MARKS.get(_word(record[name]).lower()) for name in columns}
    wrong = next((name for name, mark in marks.items() if mark is None), "")
    return [name for name, mark in marks.items() if mark], wrong


def joined_text(value: Any) -> tuple[str, str]:
    """A text, or a list of texts joined by spaces, and what is wrong with it in a word: ""."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        return "", f"a JSON {type(value).__name__} as"
    text = " ".join(parts)
    wrong = text_fault(text)
    return "" if wrong else text, wrong


def text_fault(value: Any) -> str:
    """What is wrong with a text in a word: ""."""
    if not isinstance(value, str):
        return "no" if value is None else f"a JSON {type(value).__name__} as"
    if not value.strip():
        return "an empty"
    if "\0" in value:  # JSON can escape it
        return "a NUL character in"
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half a character, which no tokenizer takes
        return "half a Unicode character in"
    return ""


def _label(value: Any, task: Task) -> tuple[str | float, str]:
    """The label in the form of Example.label, and what was expected instead: ""."""
    if task.output == "score":
        return _score(value, task)
    if task.output == "multi_label":
        parts = value if isinstance(value, list) else str(value).split(task.custom.separator) if value else []
        labels = dict.fromkeys(_word(part) for part in parts if _word(part))
        if any("," in label for label in labels):
            return "", "labels without commas"
        if task.labels and (wrong := [label for label in labels if label not in task.labels]):
            return "", f"{' or '.join(task.labels)}, not {shown(wrong[0])}"
        order = task.labels or sorted(labels)
        return ",".join(label for label in order if label in labels), ""
    label = _word(value)
    if not label or isinstance(value, (list, dict)):
        return "", "one label"
    if task.labels and label not in task.labels:
        return "", " or ".join(task.labels)
    return label, ""


def _score(value: Any, task: Task) -> tuple[float, str]:
    low, high = task.bounds or (-math.inf, math.inf)
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not low <= number <= high:
        return 0.0, f"a number from {low:g} to {high:g}" if task.bounds else "a finite number"
    return number, ""


def _word(value: Any) -> str:
    """A label as a word: JSON's true and 1 as well."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()
