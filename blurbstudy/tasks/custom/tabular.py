"""Examples in tables: TSV and CSV with or without a header, JSONL with one object per line.

Task.columns are id, texts and label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...config import JsonMapping
from ...errors import count_of
from ..formats.label_cells import (
    BOOLEAN_VALUES,
    FALSE,
    MISSING_NAMES,
    count_marks,
    empty_marks,
    is_missing,
    is_unlabelled,
    label_parts,
    label_text,
    looks_like_set,
    names_of_marks,
    read_label,
    read_marks,
)
from ..formats.lines import LineErrors, listed, listed_numbers, numbered_lines, quote, raise_data_error
from ..formats.read_counts import skipped_sentences
from ..formats.records import ANSWER, REJECTED, json_records
from ..formats.spreadsheets import named_rows, table_rows
from ..task import Example, Task
from .arguments import number as as_number

_NO_LABEL = re.compile(  # names of what is noted about a row
    r"(?i)^(is|was|in|use|for)[_ ]?(train|dev|val|valid|test|gold|dup)|^(train|test|dev|val|split|fold|id|index|flag)$"
    r"|review|check|verif|annotat|exclu|inclu|duplic|adjudic|confirm|approved|validated|[_ ]id$"
)
_ID = re.compile(r"(?i)[_ ]id$|^(split|fold|index)$")
_SIZE = re.compile(  # names of numbers that tell of a text, not of what it is about
    r"(?i)(^|[_ ])(year|month|date|len|length|words|tokens|chars|characters|sentences|count|num|number|size|page|line)$"
)
Record = tuple[int, JsonMapping]  # number of its first line; column or key -> value
NumberedExample = tuple[int, Example]  # number of its first line; the example


def read_records_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The examples of a TSV, CSV or JSONL file (by Task.reader) with their lines."""
    errors = LineErrors(path)
    return _examples(path, annotated_records(path, task, errors), task, errors)


def first_fields(path: Path, form: str) -> list[str]:
    """The column names (or first row) of a table, or the keys of a JSONL file's objects; form: tsv | csv | jsonl.

    Raises:
        DataError: the file is missing, empty or not UTF-8.
    """
    errors, skipped = LineErrors(path), Counter()
    if form == "jsonl":
        records = json_records(path, errors, skipped=skipped)
        fields = list(dict.fromkeys(name for _, record in records for name in record))
    else:
        fields = next(_rows(path, form, errors), None)
    if not fields:
        errors.raise_first()
        without = "; ".join(skipped_sentences(skipped))
        actual = f"no examples{f' ({without})' if without else ''}"
        raise_data_error(str(path), actual, "one example per line", "annotate some" if without else "check the path")
    return [name.strip() for name in fields]


def column_values(path: Path, form: str, names: Sequence[str], *, header: bool = True) -> list[list[Any]]:
    """The values of columns (keys) by row; None where a row has none. Errors are left to the readers of examples."""
    errors = LineErrors(path)
    if form == "jsonl":
        return [[record.get(name) for name in names] for _, record in json_records(path, errors)]
    rows = list(_rows(path, form, errors))
    known = [name.strip() for name in rows.pop(0)] if header and rows else []
    positions = [known.index(name) if header else int(name) - 1 for name in names]
    return [[fields[position] if position < len(fields) else None for position in positions] for fields in rows]


def marked_columns(path: Path, form: str, fields: Sequence[str], others: Collection[str]) -> list[str]:
    """The columns (keys) with only 1 and 0 that represent one label each, if there are at least two.

    Args:
        fields: all columns.
        others: those with another role.

    Raises:
        DataError: some of them may be no labels.
    """
    names = [name for name in fields if name not in others]
    columns = {name: [] for name in names}
    for row in column_values(path, form, names):
        for name, value in zip(names, row, strict=True):
            columns[name].append(label_text(value).lower())
    marked = [name for name in names if set(columns[name]) <= BOOLEAN_VALUES.keys() and any(columns[name])]
    if len(marked) < 2:
        return []
    variables = [  # a column of different texts or numbers in each row names it, as do ids, years and lengths
        name
        for name in names
        if name and name not in marked and len(set(columns[name])) < len(columns[name]) and not _ID.search(name)
        if not (_SIZE.search(name) and all(not value or as_number(value) is not None for value in columns[name]))
    ]
    doubtful = [name for name in marked if _NO_LABEL.search(name) or not any(map(FALSE.__contains__, columns[name]))]
    positions = [fields.index(name) for name in marked]
    separated = [] if positions[-1] - positions[0] < len(positions) else marked
    if doubt := doubtful or variables or separated:
        labels = "+".join(name for name in marked if name not in doubtful) or "NAME+NAME"
        why = (
            f"{'as' if doubtful else 'beside'} {listed(doubt)}" if doubt is not separated else "since they stand apart"
        )
        actual = f"columns of 1 and 0 ({listed(marked)}) that may be no labels, {why}"
        raise_data_error(str(path), actual, "labels only", f"name those that are labels (--columns label={labels})")
    return marked


def marks_of_column(path: Path, form: str, task: Task) -> tuple[str, ...]:
    """The names of the labels that marks such as [1, 0, 0] in the label's column stand for; () if there are none."""
    header = task.form.header
    rows = []
    for (value,) in column_values(path, form, [task.columns[-1]], header=header):
        parts = label_parts(value, task.form.separator)
        if isinstance(parts, list) and not is_missing(value, (), of_sets=True, drop=True):
            rows.append(parts)
    count = count_marks(rows)
    return names_of_marks(task.columns[-1] if header else "", count) if count else ()


def _label_values(path: Path, task: Task) -> list[Any]:
    """The values of the label's column."""
    form = task.reader.rpartition("_")[2]
    return [value for (value,) in column_values(path, form, [task.columns[-1]], header=task.form.header)]


def flag_names(path: Path, task: Task) -> list[str]:
    """The sorted keys of flags in the label's column."""
    flags = [label_parts(value, task.form.separator) for value in _label_values(path, task)]
    return sorted({name for named in flags if isinstance(named, dict) for name in named})


def separated_labels(path: Path, task: Task) -> set[str]:
    """The labels in cells of the label's column that are no lists."""
    cells = [value for value in _label_values(path, task) if isinstance(value, str) and not looks_like_set(value)]
    return {label_text(label) for cell in cells for label in label_parts(cell, task.form.separator) or ()}


def count_unlabelled(path: Path, task: Task) -> int:
    """The rows that Task.form.drop_unlabelled leaves out."""
    if not task.form.drop_unlabelled:
        return 0
    if task.form.one_hot:
        rows = column_values(path, task.reader.rpartition("_")[2], task.form.one_hot, header=task.form.header)
        return sum(map(bool, empty_marks(rows, task.form.one_hot)))
    return sum(is_unlabelled(value, task) for value in _label_values(path, task))


def annotated_records(
    path: Path, task: Task, errors: LineErrors, skipped: Counter[str] | None = None
) -> Iterator[Record]:
    """The records of a table or JSON file whose annotation was accepted; the others are counted in `skipped`."""
    skipped = Counter() if skipped is None else skipped
    is_json = task.reader.endswith("jsonl")
    records = json_records(path, errors, skipped=skipped) if is_json else _table_records(path, task, errors)
    for number, record in records:
        if record.get(ANSWER) in REJECTED and task.columns[-1] != ANSWER:
            skipped["that were not accepted (answer: reject or ignore)"] += 1
        else:
            yield number, record


def skipped_records(path: Path, task: Task) -> Counter[str]:
    """The records of a table or JSON file that are passed over, by reason."""
    skipped: Counter[str] = Counter()
    for _ in annotated_records(path, task, LineErrors(path), skipped):
        pass
    return skipped


def _table_records(path: Path, task: Task, errors: LineErrors) -> Iterator[Record]:
    """The rows of a TSV or CSV file by column; what is none is noted."""
    form, required = task.reader.rpartition("_")[2], _required_columns(task)
    for row, record in named_rows(numbered_lines(path), form, str(path), lambda _: task.form.header):
        if row.error:
            errors.add(row.number, *row.error)
            continue
        if missing := [name for name in required if name not in record]:
            remedy = "name the file's columns under columns: or --columns"
            raise_data_error(str(path), f"columns {listed(list(record))}", ", ".join(map(quote, missing)), remedy)
        yield row.number, record


def _required_columns(task: Task) -> list[str]:
    """The columns that the task reads."""
    custom = task.form
    named = list(task.columns if task.output == "token_labels" else task.columns[1:])
    if custom.one_hot:
        named[-1:] = custom.one_hot
    return [*named, *filter(None, (custom.id, custom.document, custom.start, custom.end, custom.mention))]


def _rows(path: Path, form: str, errors: LineErrors) -> Iterator[list[str]]:
    """The fields of a table's nonempty rows."""
    for row in table_rows(numbered_lines(path), form):
        if row.error:
            errors.add(row.number, *row.error)
        else:
            yield row.fields


def _examples(path: Path, records: Iterable[Record], task: Task, errors: LineErrors) -> list[NumberedExample]:
    examples: list[NumberedExample] = []
    lines: dict[str, int] = {}
    unlabelled: list[tuple[int, str]] = []  # line, what is in place of a label
    records, marks = list(records), task.form.one_hot
    unset = empty_marks([[record.get(name, 0) for name in marks] for _, record in records], marks)
    for (number, record), empty in zip(records, unset, strict=True):
        if empty and not task.form.drop_unlabelled:
            remedy = "write 0 where it is not set, or leave such rows out (--drop-unlabelled)"
            errors.add(number, f"an empty {empty}, which has 0 in other rows", "1 or 0", remedy)
        if empty:
            continue
        value = record.get(task.columns[-1], None if task.form.drop_unlabelled else ABSENT)
        if value is not ABSENT and not task.form.one_hot and is_unlabelled(value, task):
            unlabelled.append((number, label_text(value)))
            continue
        example = _example(number, record, task, errors, count=len(examples) + 1)
        if example is None:
            continue
        if example.id in lines:
            actual = f"{task.form.id} {quote(example.id)} a second time, after line {lines[example.id]}"
            errors.add(number, actual, "unique ids", "remove or rename one, or use no id column (--columns id=)")
        lines.setdefault(example.id, number)
        examples.append((number, example))
    if unlabelled and not task.form.drop_unlabelled:
        _refuse_unlabelled(unlabelled, task, errors)
    errors.raise_first()
    if not examples:
        raise_data_error(str(path), "no examples", "one example per line", "check the path")
    return examples


ABSENT = object()


def _refuse_unlabelled(unlabelled: Sequence[tuple[int, str]], task: Task, errors: LineErrors) -> None:
    counts = Counter(text for _, text in unlabelled)
    forms = ", ".join(f"{quote(text) if text else 'empty'} {n}" for text, n in counts.items())
    classes = [quote(text) for text in counts if text in ("-", "-1") and task.output != "score"]
    if_class = f"; or name all labels (labels: in a YAML file) if {' or '.join(classes)} is one" if classes else ""
    rows = f"; {errors.unit}s {listed_numbers([line for line, _ in unlabelled])}" if len(unlabelled) > 1 else ""
    actual = f"{count_of(len(unlabelled), 'row')} without {task.columns[-1]} ({forms}{rows})"
    remedy = f"add it, or leave such rows out (--drop-unlabelled){if_class}"
    errors.add(unlabelled[0][0], actual, "one in each row", remedy)


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
        marked, wrong = read_marks(record, custom.one_hot)
        if wrong:
            return errors.add(number, f"{wrong} {quote(str(record[wrong]))}", "1 or 0", "correct the mark")
        record = {**record, label_column: marked}
    label, wrong = read_label(record[label_column], task)
    if wrong:
        return errors.add(number, f"{label_column} {quote(str(record[label_column]))}", wrong, "correct the label")
    name = str(record[custom.id]).strip() if custom.id else str(count)
    if not name:
        return errors.add(number, f"an empty {custom.id}", "a unique id", "add an id, or use no id column")
    unit = str(record[custom.document]).strip() if custom.document else name
    if not unit:
        return errors.add(number, f"an empty {custom.document}", "a document's id", "give the line one")
    return Example(name, unit, tuple(texts), label)


def join_texts(value: Any) -> tuple[str, str]:
    """A text or list of texts joined by spaces, and its problem or ""."""
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str) for part in parts):
        return "", check_text(value)
    text = " ".join(parts)
    wrong = check_text(text)
    return "" if wrong else text, wrong


def check_text(value: object) -> str:
    """The problem with a text, or ""."""
    if not isinstance(value, str):
        return "no" if value is None else f"a JSON {type(value).__name__} as"
    if not value.strip():
        return "an empty"
    if value.strip().lower() in MISSING_NAMES:
        return f"{value.strip()!r}, as programs write a missing value, as"
    if "\0" in value:  # JSON can escape it
        return "a NUL character in"
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half a surrogate pair, which tokenizers refuse
        return "half a Unicode character in"
    return ""
