"""Prediction files: read, checked against their examples, and written.

Tags are in CoNLL format, `token<TAB>predicted` or `token<TAB>gold<TAB>predicted`, or with spaces instead of tabs, with
an empty line after each sentence. Other predictions are lines `id<TAB>prediction` (a label, a number, or labels
separated by commas), with or without that header, a CSV with columns `id` and `prediction` or `label`, or the TSV or
JSON lines of `blurbstudy predict`. An empty set of labels may lack the tab, since editors strip it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import JsonMapping
from ..errors import DataError, ParameterError, count_of
from ..filesystem import disk_errors, write_once
from .formats.lines import LineErrors, describe_columns, numbered_lines, quote, read_lines
from .formats.records import detect_content, json_records
from .formats.spreadsheets import named_rows
from .predicted_tags import WITHHELD, read_tags
from .task import Example, Task, split_labels, split_tags

HEADER = "id\tprediction"
WITHHELD_FILE = f"{WITHHELD}.tsv"  # in a brat folder: such entities
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


def read_predictions(
    path: Path | str,
    task: Task,
    examples: Sequence[Example],
    *,
    split: str = "examples",
    names: Mapping[str, str] | None = None,
) -> list[str | float]:
    """The predictions of a file in the order of the examples, in the form of Example.label.

    An I tag without a preceding B is allowed.

    Args:
        split: the examples' split, for messages.
        names: id as `predict` writes it -> id of the example, "" if it is none; used if the file has more of these.

    Raises:
        DataError: the file is missing, malformed or for other examples; names the first problem and how often it
            occurs.
    """
    path, of = Path(path), f"{task.name} {split}"
    if task.output == "token_labels":
        return read_tags(path, task, examples, of)
    return _read_by_id(path, task, examples, of, names or {})


def read_probabilities(
    path: Path, task: Task, examples: Sequence[Example], *, names: Mapping[str, str]
) -> list[list[float]] | None:
    """The probabilities of the task's labels in a file that `predict` wrote, in the order of the examples; None if it
    has none for some label or example. Arguments as of `read_predictions`, which has read the file.

    Raises:
        DataError: one is no number from 0 to 1.
    """
    errors = LineErrors(path)
    rows: dict[str, list[float]] = {}
    for number, name, values in _probabilities(path, task, errors):
        row = [_finite_number(str(values.get(label, ""))) for label in task.labels]
        known = [value for value in row if value is not None and 0 <= value <= 1]
        if len(known) < len(row):
            errors.add(number, f"probabilities {quote(str(values))}", "a number from 0 to 1 per label", "restore them")
        rows[name] = known
    errors.raise_first()
    names = fitting_names(rows, {example.id: example.id for example in examples}, names)
    by_example = {names.get(name, ""): row for name, row in rows.items()}
    found = [by_example.get(example.id) for example in examples]
    return [row for row in found if row is not None] if all(row is not None for row in found) else None


def _probabilities(path: Path, task: Task, errors: LineErrors) -> Iterator[tuple[int, str, JsonMapping]]:
    """Number, id and probabilities by label of each line that has some."""
    if task.output not in ("single_label", "multi_label"):
        return
    if detect_content(path) == "json":
        for number, record in json_records(path, errors):
            if isinstance(values := record.get("probabilities"), dict) and values.keys() >= set(task.labels):
                yield number, str(record.get("id")), values
        return
    header, *lines = [[*map(unescape, line.split("\t"))] for line in read_lines(path)] or [[]]
    n = len(task.labels)
    if header[:1] == ["id"] and tuple(header[-n:]) == task.labels and len(header) > n + 1:
        for number, cells in enumerate(lines, 2):
            yield number, cells[0], dict(zip(task.labels, cells[-n:], strict=False))


def fitting_names(ids: Iterable[str], own: Mapping[str, Any], predicted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ids name: examples by their own ids, or by those that `predict` gave if more of them are such."""
    known = set(ids)
    return own if len(known & own.keys()) >= len(known & predicted.keys()) else predicted


def write_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], predictions: Sequence[str | float]
) -> None:
    """Write predictions in the order of the examples, in the format of `read_predictions`.

    Raises:
        ParameterError: the numbers of predictions and examples, or of tags and words, differ; or the file exists.
        DiskError: the file cannot be written.
    """
    if len(predictions) != len(examples):
        raise ParameterError(
            f"{count_of(len(predictions), 'prediction')} for {count_of(len(examples), 'example')}; give one per example"
        )
    write = _tagged_sentence if task.output == "token_labels" else _line
    lines = [write(example, prediction) for example, prediction in zip(examples, predictions, strict=True)]
    header = "" if task.output == "token_labels" else HEADER + "\n"
    path = Path(path)
    with disk_errors(path, "name another file"):
        if not write_once(path, header + "".join(lines)):
            raise ParameterError(f"{path}: exists; name another file or remove it")


def _tagged_sentence(example: Example, prediction: str | float) -> str:
    tags = split_tags(str(prediction))
    if len(tags) != len(example.texts):
        raise ParameterError(
            f"sentence {example.id}: {count_of(len(tags), 'tag')} for {count_of(len(example.texts), 'word')}; "
            "give one per word"
        )
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(example.texts, tags, strict=True)) + "\n"


def _line(example: Example, prediction: str | float) -> str:
    return f"{example.id}\t{prediction if isinstance(prediction, str) else repr(float(prediction))}\n"


# Predictions by id


def _read_by_id(
    path: Path, task: Task, examples: Sequence[Example], of: str, predicted_names: Mapping[str, str]
) -> list[str | float]:
    expected = {example.id: example.id for example in examples}
    predictions: dict[str, str | float] = {}
    errors = LineErrors(path)
    own_ids = set(expected)
    if predicted_names:
        lines = _lines_by_id(path, task, own_ids, LineErrors(path))
        expected = fitting_names((line.split("\t")[0].strip() for _, line in lines), expected, predicted_names)
    for number, line in _lines_by_id(path, task, own_ids, errors):
        name, tab, value = line.partition("\t")
        name = name.strip()
        no_label = task.output == "multi_label" and name in expected  # editors strip the tab that ends such a line
        if "\t" in value or not (tab or no_label):
            remedy = "write a tab between them, or a header id,prediction" if "," in line else "correct the line"
            errors.add(number, describe_columns(line), "id<TAB>prediction", remedy)
        elif name not in expected:
            errors.add(number, f"unknown id {quote(name)}", f"the ids of {of}", "correct or remove the line")
        elif name in predictions:
            errors.add(number, f"id {quote(name)} a second time", f"one line per example of {of}", "remove a line")
        else:
            value = value.strip()
            prediction = _prediction(value, task)
            if prediction is None:
                abstained = value in ("", "None") and task.output == "single_label"
                remedy = "correct the line" + ", or predict without --min-confidence" * abstained
                errors.add(number, f"prediction {quote(value)}", _expected_value(task, value), remedy)
            predictions[name] = value if prediction is None else prediction
    errors.raise_first()
    predictions = {expected[name]: prediction for name, prediction in predictions.items()}
    if missing := [example.id for example in examples if example.id not in predictions]:
        raise DataError(
            f"{path}: {len(missing)} of {len(examples)} predictions are missing, the first for id {quote(missing[0])}; "
            f"give one line per example of {of}"
        )
    return [predictions[example.id] for example in examples]


def _lines_by_id(path: Path, task: Task, expected: set[str], errors: LineErrors) -> Iterator[tuple[int, str]]:
    """Numbered lines `id<TAB>prediction`, also from a CSV, and from what predict wrote: JSON lines, or a TSV with more
    columns.
    """
    usual = {"multi_label": ("labels", "label"), "score": ("score",)}.get(task.output, ("label",))
    names = ("prediction", *usual)  # in this order: beside predictions, labels are those of the gold file
    if detect_content(path) == "json":
        for number, record in json_records(path, errors):
            name = next((name for name in names if name in record), None)
            if name is None or "id" not in record:
                errors.add(number, f"keys {', '.join(record)}", f"id and {usual[0]}", "restore the line")
                continue
            value = record[name]
            yield number, f"{record['id']}\t{','.join(map(str, value)) if isinstance(value, list) else value}"
        return
    lines = read_lines(path)
    header = lines[0].split("\t") if lines else []
    if len(header) == 1 and "id" in re.findall(r"\w+", header[0]) and "id" not in expected:
        yield from _rows_by_id(path, names, errors)
        return
    column = header.index("prediction") if "prediction" in header else 1
    if len(header) < 2 or header[0] != "id" or header[column] not in names or "id" in expected:
        yield from enumerate(lines, 1)
        return
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(header) > 2 and len(cells) != len(header):
            errors.add(number, describe_columns(line), f"{len(header)} as in the header", "restore the line")
            continue
        yield number, f"{unescape(cells[0])}\t{unescape(cells[column])}" if len(header) > 2 else line


def _rows_by_id(path: Path, names: Sequence[str], errors: LineErrors) -> Iterator[tuple[int, str]]:
    """The same from a CSV with a header; other columns are passed over."""
    for row, record in named_rows(numbered_lines(path), "csv", str(path), lambda _: True):
        name = next((name for name in names if name in record), None)
        if row.error:
            errors.add(row.number, *row.error)
        elif name is None or "id" not in record:
            raise DataError(f"{path}: columns {', '.join(record)}, expected id and {names[1]}; name the columns so")
        else:
            yield row.number, f"{record['id']}\t{record[name]}"


def unescape(cell: str) -> str:
    """A cell of a TSV of `blurbstudy predict`, whose tabs, line breaks and backslashes are escaped."""
    return re.sub(r"\\([tnr\\])", lambda match: _ESCAPED[match[1]], cell)


def _prediction(value: str, task: Task) -> str | float | None:
    """A prediction in the form of Example.label, or None if it is invalid."""
    if task.output == "score":
        return _finite_number(value)
    if task.output == "multi_label":
        labels = _parts(value)
        return ",".join(label for label in task.labels if label in labels) if labels <= set(task.labels) else None
    return value if value in task.labels else None


def _finite_number(value: str) -> float | None:
    if "_" in value or not value.isascii():  # number formats that only Python accepts, such as 1_0
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parts(value: str) -> set[str]:
    return {part.strip() for part in split_labels(value)}


def _expected_value(task: Task, value: str) -> str:
    """A description of valid predictions, for a message about an invalid value."""
    if task.output == "score":
        return "a finite number"
    if task.output == "multi_label":
        if "" in _parts(value):
            return "a label on both sides of each comma; remove the extra comma or add the missing label"
        return f"nothing, or labels separated by commas: {', '.join(task.labels)}"
    return " or ".join(task.labels)
