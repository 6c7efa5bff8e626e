"""The label of a row as files have it: one word, a set as a list (also printed as text), marks by position, or flags.

Marks such as [1, 0, 0] name their labels by position, flags such as {"pain": 1, "rash": 0} by key. A cell that may be
read in two ways is not read.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ...config import JsonMapping
from ..task import Task
from .lines import listed, quote

MISSING = ("", "-", "-1")  # what files have in place of a label; -1 and - may also be classes
MISSING_NAMES = ("nan", "<na>", "nat", "null")  # what programs write for a missing value
TRUE, FALSE = ("1", "1.0", "true"), ("0", "0.0", "false", "")
BOOLEAN_VALUES: dict[str, bool] = {value: value in TRUE for value in (*TRUE, *FALSE)}
EXPECTED_SET = "labels by a separator, or a list such as ['a', 'b']"
_MARK = r"[01](?:\.0*)?"
_MARKS = re.compile(rf"[\[(]?\s*({_MARK}(?:[\s,;|/]+{_MARK})+)\s*[\])]?")


def label_text(value: object) -> str:
    """A label as text, also from JSON booleans and numbers."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()


def is_missing(value: object, known: Sequence[str], *, of_sets: bool = False, drop: bool = False) -> bool:
    """Whether a cell has no label.

    Args:
        known: labels named by the user; of these, none is missing.
        of_sets: whether a cell has a set of labels, which may be empty.
        drop: whether rows without labels are to be left out; then nan as text is none either.
    """
    text = label_text(value)
    if text == "[]" and not of_sets:
        return True
    if isinstance(value, (list, Mapping)) or text in known:
        return False
    names = MISSING_NAMES if drop or isinstance(value, float) else ()
    return value is None or text.lower() in names or text in (MISSING[1:] if of_sets else MISSING)


def looks_like_set(value: object) -> bool:
    """Whether a cell has a list or a dictionary, also printed as text."""
    return isinstance(value, (list, Mapping)) or isinstance(evaluated(label_text(value)), (list, dict))


def is_unlabelled(value: object, task: Task) -> bool:
    """Whether a cell of the label's column has no label."""
    if task.output == "score" and label_text(value) == "-1":
        return False
    of_sets = task.output == "multi_label"
    return is_missing(value, task.labels, of_sets=of_sets, drop=task.form.drop_unlabelled)


def read_marks(record: JsonMapping, columns: Sequence[str]) -> tuple[list[str], str]:
    """The columns with 1, and a column with another value than 1 and 0, or ""."""
    marks = {name: BOOLEAN_VALUES.get(label_text(record[name]).lower()) for name in columns}
    wrong = next((name for name, mark in marks.items() if mark is None), "")
    return [name for name, mark in marks.items() if mark], wrong


def empty_marks(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> list[str]:
    """By row a column without a mark, of those with 0 in other rows, or "": it may be 0 or not annotated."""
    marks = [dict(zip(columns, map(label_text, row), strict=True)) for row in rows]
    doubtful = [name for name in columns if any(row[name].lower() in FALSE[:-1] for row in marks)]
    return [next((name for name in doubtful if not row[name]), "") for row in marks]


def read_label(value: object, task: Task) -> tuple[str | float, str]:
    """The label in the form of Example.label, and the expected value if it is invalid, or ""."""
    if task.output == "score":
        return _score(value, task)
    if task.output == "multi_label":
        return _label_set(value, task)
    label = label_text(value)
    if looks_like_set(value):
        parts = label_parts(value, task.form.separator)
        parts = [name for name, flag in parts.items() if flag] if isinstance(parts, dict) else parts
        label = label_text(parts[0]) if parts and len(parts) == 1 else ""
    if not label:
        several = " (of a set of labels: --task multi-label)" if looks_like_set(value) else ""
        return "", f"one label{several}"
    if task.labels and label not in task.labels:
        return "", listed(task.labels, " or ")
    return label, ""


def _label_set(value: object, task: Task) -> tuple[str, str]:
    """The labels joined by commas, and the expected value if the set is invalid, or ""."""
    parts = label_parts(value, task.form.separator)
    if parts is None:
        return "", EXPECTED_SET
    if marks := task.form.marks:
        given = [] if isinstance(parts, dict) else [BOOLEAN_VALUES.get(label_text(part).lower()) for part in parts]
        if len(given) != len(marks) or None in given:
            return "", f"{len(marks)} marks of 1 or 0, as in other rows"
        parts = [name for name, mark in zip(marks, given, strict=True) if mark]
    elif isinstance(parts, dict):
        parts = [name for name, flag in parts.items() if flag]
    labels = dict.fromkeys(label_text(part) for part in parts)
    if len(labels) < len(parts) and not task.form.marks and all(word in BOOLEAN_VALUES for word in labels):
        return "", "different labels, or marks in each row"
    if any("," in label for label in labels):
        return "", "labels without commas, which separate them in predictions: replace each, as by a semicolon"
    if task.labels and (wrong := [label for label in labels if label not in task.labels]):
        return "", f"{listed(task.labels, ' or ')}, not {quote(wrong[0])}"
    order = task.labels or sorted(labels)
    return ",".join(label for label in order if label in labels), ""


def _score(value: Any, task: Task) -> tuple[float, str]:
    low, high = task.bounds or (-math.inf, math.inf)
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or not low <= number <= high:
        return 0.0, f"a number from {low:g} to {high:g}" if task.bounds else "a finite number"
    return number, ""


def label_parts(value: object, separator: str) -> list[object] | dict[str, bool] | None:
    """The labels (or marks) of a cell, or its flags; None if it cannot be read with certainty."""
    if isinstance(value, str):
        text = value.strip()
        if marks := _MARKS.fullmatch(text):
            return [mark[0] for mark in re.findall(_MARK, marks[1])]
        if text[:1] + text[-1:] in ("[]", "{}", "()"):
            value = evaluated(text)
            if value is None and text[0] != "(":
                return None
        value = _split(text, separator) if isinstance(value, str) or value is None else value
    if isinstance(value, Mapping):
        flags = {str(name).strip(): BOOLEAN_VALUES.get(label_text(flag).lower()) for name, flag in value.items()}
        return {name: bool(flag) for name, flag in flags.items()} if None not in flags.values() else None
    if isinstance(value, list):
        if value and all(isinstance(part, list) and len(part) == 1 for part in value):
            value = [one for part in value if isinstance(part, list) for one in part]
        are_plain = all(isinstance(part, (str, int, float)) and label_text(part) and part == part for part in value)
        return value if are_plain else None
    return None if value is None else [value]


def count_marks(rows: Iterable[Sequence[object]]) -> int:
    """How many marks each row has; 0 if the rows are no marks.

    Rows are marks if all of their values are 1 or 0, and all have the same number of them (two or more), or one has a
    value twice, as no set has; then the number is that of the longest row.
    """
    lengths, repeated = set(), False
    for row in rows:
        words = [label_text(part).lower() for part in row]
        if any(not word or word not in BOOLEAN_VALUES for word in words):
            return 0
        marks = [BOOLEAN_VALUES[word] for word in words]
        repeated |= len(set(marks)) < len(marks)
        lengths.add(len(marks))
    is_even = len(lengths) == 1 and max(lengths) > 1
    return max(lengths) if is_even or repeated else 0


def names_of_marks(column: str, count: int) -> tuple[str, ...]:
    """The names of marks: those in the column's name, such as "pain,fever,rash", or their positions."""
    names = [name.strip(" '\"") for name in re.split(r"[,;|]", column.strip("[]() "))]
    if len(set(names)) == len(names) == count and all(names):
        return tuple(names)
    return tuple(f"position {i}" for i in range(1, count + 1))


def _split(text: str, separator: str) -> list[object] | None:
    """The parts of a text, or None if a separator is inside brackets, or lines and separators are mixed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and any(separator in line for line in lines):
        return None
    parts = [part.strip() for part in (lines if len(lines) > 1 else text.split(separator))]
    if any(part.count(a) != part.count(b) for part in parts for a, b in ("[]", "{}", "()")):
        return None
    return [part for part in parts if part]


def evaluated(text: str) -> Any:
    """The list or dictionary that a text in the syntax of JSON or Python denotes, or None."""
    if text[:1] + text[-1:] not in ("[]", "{}", "()"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text)  # evaluates only literals
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            kinds = [token.type for token in tokens if token.type != tokenize.NL]
        except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
            return None
        if any(a == b == tokenize.STRING for a, b in pairwise(kinds)):
            return None  # Python would join ['a' 'b'], as numpy prints a list, to one label
    if isinstance(value, (tuple, set)):
        return list(value) if isinstance(value, tuple) else sorted(value, key=str)
    return value if isinstance(value, (list, dict)) else None
