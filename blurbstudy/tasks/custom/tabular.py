"""Examples in tables: TSV and CSV with or without a header, JSONL with one object per line.

In TSV quote characters are text, as in BLURB's files. In CSV they quote (RFC 4180), and the separator may be a
semicolon. Task.columns are id, texts and label.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...config import JsonMapping
from ..formats.lines import MAX_BYTES, LineErrors, quote, raise_data_error, read_lines, read_text
from ..formats.records import json_records
from ..task import Example, Task

_SEPARATED = {
    "tsv": "texts may not contain tabs or line breaks",
    "csv": "quote fields with a comma, semicolon or line break",
}
# Of a label's column.
TRUE, FALSE = ("1", "1.0", "true"), ("0", "0.0", "false", "")
BOOLEAN_VALUES: dict[str, bool] = {value: value in TRUE for value in (*TRUE, *FALSE)}
Row = tuple[int, list[str]]  # number of its first line; its fields
Record = tuple[int, JsonMapping]  # number of its first line; column or key -> value
NumberedExample = tuple[int, Example]  # number of its first line; the example


def read_table_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The examples of a TSV or CSV file (by Task.reader) with their lines."""
    errors = LineErrors(path)
    return _examples(path, table_records(path, task, errors), task, errors)


def read_jsonl_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The examples of a JSONL file with their lines."""
    errors = LineErrors(path)
    return _examples(path, json_records(path, errors), task, errors)


def first_fields(path: Path, form: str) -> list[str]:
    """The column names of a table, or the keys of a JSONL file's first object; form: tsv | csv | jsonl.

    Raises:
        DataError: the file is missing, empty or not UTF-8.
    """
    if form == "jsonl":
        errors = LineErrors(path)
        fields = next((list(record) for _, record in json_records(path, errors)), None)
        errors.raise_first()
    else:
        fields = next((fields for _, fields in _rows(path, form, LineErrors(path))), None)
    if not fields:
        raise_data_error(str(path), "no examples", "one example per line", "check the path")
    return [name.strip() for name in fields]


def marked_columns(path: Path, form: str, names: Sequence[str]) -> list[str]:
    """The columns (keys) with only 1 and 0 that represent one label each, if there are at least two."""
    errors = LineErrors(path)
    if form == "jsonl":
        rows = [record for _, record in json_records(path, errors)]
    else:
        lines = [fields for _, fields in _rows(path, form, errors)]
        header = [name.strip() for name in lines[0]]
        rows = [dict(zip(header, fields, strict=False)) for fields in lines[1:]]
    marked = [name for name in names if all(_word(row.get(name)).lower() in BOOLEAN_VALUES for row in rows)]
    return marked if len(marked) > 1 and any(_word(row.get(name)) for row in rows for name in marked) else []


def table_records(path: Path, task: Task, errors: LineErrors) -> Iterator[Record]:
    """The rows of a TSV or CSV file by column; what is none is noted."""
    names: list[str] = []
    form = task.reader.rpartition("_")[2]
    for number, fields in _rows(path, form, errors):
        if not names:
            names = [name.strip() for name in fields] if task.form.header else [str(i + 1) for i in range(len(fields))]
            _check_names(path, number, names, task)
            if task.form.header:
                continue
        if len(fields) != len(names):
            n = f"{len(fields)} column{'s' * (len(fields) != 1)} in {quote(fields[0])}"
            listed = f"{len(names)} ({', '.join(names)})"
            errors.add(number, n, listed, f"restore the line; {_SEPARATED[form]}")
            continue
        yield number, dict(zip(names, fields, strict=True))


def _check_names(path: Path, number: int, names: list[str], task: Task) -> None:
    where = f"{path}, line {number}"
    if double := next((name for name in names if names.count(name) > 1), None):
        raise_data_error(where, f"column {quote(double)} twice", "unique names", "rename one of them")
    if missing := [name for name in _required_columns(task) if name not in names]:
        listed = ", ".join(map(quote, missing))
        raise_data_error(
            where, f"columns {', '.join(names)}", listed, "name the file's columns under columns: or --columns"
        )


def _required_columns(task: Task) -> list[str]:
    """The columns that the task reads."""
    custom = task.form
    named = list(task.columns if task.output == "token_labels" else task.columns[1:])
    if custom.one_hot:
        named[-1:] = custom.one_hot
    return [*named, *filter(None, (custom.id, custom.document, custom.start, custom.end, custom.mention))]


def _rows(path: Path, form: str, errors: LineErrors) -> Iterator[Row]:
    """The fields of a table's nonempty lines."""
    if form == "csv":
        yield from _csv_rows(path, errors)
        return
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            yield number, line.split("\t")


def _csv_rows(path: Path, errors: LineErrors) -> Iterator[Row]:
    text = read_text(path)
    first = text.split("\n", 1)[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = csv.field_size_limit(MAX_BYTES)  # the default, 131072, is less than a long document
    begins = 1
    try:
        for fields in rows:
            if any(field.strip() for field in fields):
                yield begins, fields
            begins = rows.line_num + 1
    except csv.Error as error:
        remedy = "close every quote, and double a quote inside one"
        errors.add(begins, f"broken quoting ({error})", 'CSV fields quoted by "', remedy)
    finally:
        csv.field_size_limit(before)


def _examples(path: Path, records: Iterator[Record], task: Task, errors: LineErrors) -> list[NumberedExample]:
    examples: list[NumberedExample] = []
    lines: dict[str, int] = {}
    for number, record in records:
        example = _example(number, record, task, errors, count=len(examples) + 1)
        if example is None:
            continue
        if example.id in lines:
            actual = f"{task.form.id} {quote(example.id)} a second time, after line {lines[example.id]}"
            errors.add(number, actual, "unique ids", "remove or rename one, or use no id column")
        lines.setdefault(example.id, number)
        examples.append((number, example))
    errors.raise_first()
    if not examples:
        raise_data_error(str(path), "no examples", "one example per line", "check the path")
    return examples


def _example(number: int, record: JsonMapping, task: Task, errors: LineErrors, *, count: int) -> Example | None:
    """The example of a record, or None if the line has an error."""
    custom, label_column, required = task.form, task.columns[-1], _required_columns(task)
    for name in required:
        if name not in record:
            named = ", ".join(required[: len(required) - sum(map(bool, (custom.id, custom.document)))])
            return errors.add(number, f"no {name}", f"an object with {named}", "restore the line")
    texts = []
    for name in task.columns[1:-1]:
        text, wrong = join_texts(record[name])
        if wrong:
            return errors.add(number, f"{wrong} {name}", "text", "restore it or remove the line")
        texts.append(text)
    if custom.one_hot:
        marked, wrong = _marked(record, custom.one_hot)
        if wrong:
            return errors.add(number, f"{wrong} {quote(str(record[wrong]))}", "1 or 0", "correct the mark")
        record = {**record, label_column: marked}
    label, wrong = _label(record[label_column], task)
    if wrong:
        return errors.add(number, f"{label_column} {quote(str(record[label_column]))}", wrong, "correct the label")
    name = str(record[custom.id]).strip() if custom.id else str(count)
    if not name:
        return errors.add(number, f"an empty {custom.id}", "a unique id", "add an id, or use no id column")
    unit = str(record[custom.document]).strip() if custom.document else name
    if not unit:
        return errors.add(number, f"an empty {custom.document}", "a document's id", "give the line one")
    return Example(name, unit, tuple(texts), label)


def _marked(record: JsonMapping, columns: Sequence[str]) -> tuple[list[str], str]:
    """The columns with 1, and a column with another value than 1 and 0, or ""."""
    marks = {name: BOOLEAN_VALUES.get(_word(record[name]).lower()) for name in columns}
    wrong = next((name for name, mark in marks.items() if mark is None), "")
    return [name for name, mark in marks.items() if mark], wrong


def join_texts(value: Any) -> tuple[str, str]:
    """A text or list of texts joined by spaces, and its problem or ""."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        return "", f"a JSON {type(value).__name__} as"
    text = " ".join(parts)
    wrong = check_text(text)
    return "" if wrong else text, wrong


def check_text(value: object) -> str:
    """The problem with a text, or ""."""
    if not isinstance(value, str):
        return "no" if value is None else f"a JSON {type(value).__name__} as"
    if not value.strip():
        return "an empty"
    if "\0" in value:  # JSON can escape it
        return "a NUL character in"
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half a surrogate pair, which tokenizers refuse
        return "half a Unicode character in"
    return ""


def _label(value: object, task: Task) -> tuple[str | float, str]:
    """The label in the form of Example.label, and the expected value if it is invalid, or ""."""
    if task.output == "score":
        return _score(value, task)
    if task.output == "multi_label":
        parts = value if isinstance(value, list) else str(value).split(task.form.separator) if value else []
        labels = dict.fromkeys(_word(part) for part in parts if _word(part))
        if any("," in label for label in labels):
            return "", "labels without commas"
        if task.labels and (wrong := [label for label in labels if label not in task.labels]):
            return "", f"{' or '.join(task.labels)}, not {quote(wrong[0])}"
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


def _word(value: object) -> str:
    """A label as text, also from JSON booleans and numbers."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()
