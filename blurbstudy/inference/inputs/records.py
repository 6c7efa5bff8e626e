"""Documents in records: JSONL with an object a line, CSV and TSV with a line of column names or none.

In TSV quote characters are text; in CSV they quote (RFC 4180), and ; may separate instead of a comma.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from ...errors import DataError, ParameterError
from ...tasks import Task
from ...tasks.custom.columns import USUAL
from ...tasks.custom.tabular import joined_text
from ...tasks.formats.lines import LARGEST, shown
from .items import Document, Fault, Item, Line, decoded, fault, text_count

ROLES = ("text", "text2", "id", "words")  # words: of tagged text, a list of the words as they are to be taken
USUAL_TEXTS = USUAL["text"]

Record = tuple[int, Mapping[str, Any] | Fault, int]  # number of its first line; its values; bytes read


def read_records(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str], *, form: str) -> Iterator[Item]:
    """The documents of a file of records; form: jsonl | csv | tsv. Without a column of ids they are counted from 1.

    Raises:
        ParameterError: a role of a column is unknown.
        DataError: the file has no column for a text.
    """
    if unknown := [role for role in columns if role not in ROLES]:
        raise ParameterError(f"--columns: {unknown[0]!r} is no role; use {', '.join(ROLES)}")
    records = _objects(file, where) if form == "jsonl" else _rows(file, where, columns, form)
    roles: dict[str, str] | None = None
    for count, (number, record, read) in enumerate(records, 1):
        if isinstance(record, Fault):
            yield Item(record, read)
            continue
        roles = roles or _roles(list(record), where, task, columns)
        yield Item(_document(where, number, record, roles, task, count=count), read)


def _roles(fields: list[str], where: str, task: Task, given: Mapping[str, str]) -> dict[str, str]:
    """Role -> column: those given, the task's own, or those of usual names."""
    roles = dict(given)
    if wrong := [name for name in roles.values() if name not in fields]:
        raise DataError(f"{where}: has no column {shown(wrong[0])}; it has {', '.join(map(shown, fields))}")
    own = dict(zip(("id", "text", "text2"), task.columns[:-1], strict=False)) if task.output != "token_labels" else {}
    texts = ("text", "text2")[: text_count(task)]
    for role in ("id", *texts, *(("words",) if task.output == "token_labels" else ())):
        usual = [own[role]] if role in own else []
        by_name = {name.lower(): name for name in fields if name not in roles.values()}
        found = [by_name[name.lower()] for name in (*usual, *USUAL[role]) if name.lower() in by_name]
        if role not in roles and found:
            roles[role] = found[0]
    if "words" in roles and ("words" in given or "text" not in roles):
        return {role: name for role, name in roles.items() if role in ("id", "words")}
    for role in texts:
        if role not in roles:
            listed = ", ".join(map(shown, fields))
            raise DataError(f"{where}: which column is the {role}? It has {listed}; say so (--columns {role}=NAME)")
    return {role: name for role, name in roles.items() if role in ("id", *texts)}


def _document(
    where: str, number: int, record: Mapping[str, Any], roles: Mapping[str, str], task: Task, *, count: int
) -> Document | Fault:
    if missing := [name for name in roles.values() if name not in record]:
        expected = f"an object with {', '.join(roles.values())}"
        return fault(where, number, f"no {missing[0]}", expected, "restore the line")
    name = str(record[roles["id"]]).strip() if "id" in roles else str(count)
    if not name or not is_text(name):
        return fault(where, number, f"{roles['id']} {shown(name)}", "an id", "give the line one")
    if "words" in roles:
        return _of_words(where, number, name, record[roles["words"]], roles["words"])
    texts = []
    for role in ("text", "text2")[: text_count(task)]:
        value = record[roles[role]]
        nothing = task.output == "token_labels" and (
            value in ("", []) or (isinstance(value, str) and not value.strip())
        )
        text, wrong = (value or "", "") if nothing else joined_text(value)  # a text without a word has no entities
        if wrong:
            return fault(where, number, f"{wrong} {roles[role]}", "text", "restore it or remove the line")
        texts.append(text)
    return Document(name, tuple(texts))


def _of_words(where: str, number: int, name: str, words: Any, key: str) -> Document | Fault:
    right = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not right or not all(word.strip() and is_text(word) and not set(word) & set("\t\r\n") for word in words):
        expected = "a list of strings, none empty or with tabs or line breaks"
        return fault(where, number, f"{key} that are no list of words", expected, "restore it")
    return document_of_words(name, [words])


def document_of_words(name: str, sentences: list[list[str]], *, marked: bool = True) -> Document:
    """A document of words as they are given: a space between two, a line break between sentences."""
    spans, at = [], 0
    for words in sentences:
        own = []
        for word in words:
            own.append((at, at + len(word)))
            at += len(word) + 1
        spans.append(tuple(own))
    return Document(name, ("\n".join(map(" ".join, sentences)),), tuple(spans), marked)


def is_text(value: str) -> bool:
    """Whether it holds neither NUL nor half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _objects(file: BinaryIO, where: str) -> Iterator[Record]:
    for line in decoded(file):
        if line.wrong:
            yield line.number, fault(where, line.number, *line.wrong), line.read
            continue
        if not line.text.strip():
            continue
        try:
            record = json.loads(line.text)
        except (ValueError, RecursionError) as error:
            said = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            record = fault(where, line.number, f"invalid JSON ({said})", "one JSON object a line", "restore the line")
        else:
            if not isinstance(record, dict):
                found = f"a JSON {type(record).__name__}"
                record = fault(where, line.number, found, "one JSON object a line", "write each document as an object")
        yield line.number, record, line.read


def _rows(file: BinaryIO, where: str, columns: Mapping[str, str], form: str) -> Iterator[Record]:
    header = not columns or not all(str(name).isdigit() for name in columns.values())
    names: list[str] = []
    for number, fields, read in (_csv_fields if form == "csv" else _tsv_fields)(file, where):
        if isinstance(fields, Fault):
            yield number, fields, read
            continue
        if not names:
            names = [name.strip() for name in fields] if header else [str(i + 1) for i in range(len(fields))]
            if double := next((name for name in names if names.count(name) > 1), None):
                raise DataError(f"{where}, line {number}: found column {shown(double)} twice; rename one of the two")
            if header:
                continue
        if len(fields) != len(names):
            found = f"{len(fields)} column{'s' * (len(fields) != 1)} in {shown(fields[0])}"
            remedy = "quote a field that holds a separator" if form == "csv" else "no text may hold a tab"
            yield number, fault(where, number, found, f"{len(names)} ({', '.join(names)})", remedy), read
            continue
        yield number, dict(zip(names, fields, strict=True)), read


def _tsv_fields(file: BinaryIO, where: str) -> Iterator[tuple[int, list[str] | Fault, int]]:
    for line in decoded(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        if line.wrong:
            yield line.number, fault(where, line.number, *line.wrong), line.read
        elif text.strip():
            yield line.number, text.split("\t"), line.read


def _csv_fields(file: BinaryIO, where: str) -> Iterator[tuple[int, list[str] | Fault, int]]:
    current: list[Line] = []  # the lines of the row that is being read

    def texts() -> Iterator[str]:
        for line in decoded(file):
            current.append(line)
            yield line.text

    lines = texts()
    first = next(lines, "")
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(_from(first, lines), delimiter=separator, strict=True)
    before = csv.field_size_limit(LARGEST)  # the module's own limit, 131072, is less than a long document
    try:
        while True:
            try:
                fields = next(rows, None)
            except csv.Error as error:
                expected, remedy = 'CSV with fields quoted by "', "close every quote, and double a quote inside one"
                fields = fault(where, current[0].number, f"broken quoting ({error})", expected, remedy)
            if fields is None:
                return
            wrong = next((line for line in current if line.wrong), None)
            if wrong:
                fields = fault(where, wrong.number, *wrong.wrong)
            number, read = current[0].number, current[-1].read
            current.clear()
            if isinstance(fields, Fault) or any(field.strip() for field in fields):
                yield number, fields, read
    finally:
        csv.field_size_limit(before)


def _from(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
