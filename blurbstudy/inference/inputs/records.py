"""Documents in records: JSON and BioC in every layout of tasks.formats.records; CSV and TSV with or without
a line of column names.

In TSV, quote characters are text. In CSV they quote (RFC 4180), and the separator is a comma or a semicolon.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from ...config import JsonMapping
from ...errors import DataError, ParameterError
from ...tasks import Task
from ...tasks.custom.columns import COLUMN_ALIASES
from ...tasks.custom.tabular import join_texts
from ...tasks.formats.bioc import Malformed
from ...tasks.formats.lines import MAX_BYTES, quote
from ...tasks.formats.records import numbered_records
from .documents import Document, Item, Line, ReadError, decode_lines, error_at, read_error, text_count

ROLES = ("text", "text2", "id", "words")  # words: for tagged text, the list of words to tag
USUAL_TEXTS = COLUMN_ALIASES["text"]

Record = tuple[str, JsonMapping | ReadError, int]  # its place, for messages; values; bytes read
Fields = tuple[int, list[str] | ReadError, int]  # number of its first line; cells; bytes read


def read_records(
    file: BinaryIO, where: str, task: Task, columns: Mapping[str, str], *, format_name: str
) -> Iterator[Item]:
    """The documents of a JSON, BioC, CSV or TSV file. Without an id column, ids count from 1.

    Raises:
        ParameterError: a role in `columns` is unknown.
        DataError: the file has no column for a text.
    """
    if unknown := [role for role in columns if role not in ROLES]:
        raise ParameterError(f"--columns: unknown role {unknown[0]!r}; use {', '.join(ROLES)}")
    records = _json_records(file, where) if format_name == "jsonl" else _rows(file, where, columns, format_name)
    roles: dict[str, str] | None = None
    for count, (place, record, bytes_read) in enumerate(records, 1):
        if isinstance(record, ReadError):
            yield Item(record, bytes_read)
            continue
        roles = roles or _assign_columns(list(record), where, task, columns)
        yield Item(_document(place, record, roles, task, count=count), bytes_read)


def _assign_columns(fields: list[str], where: str, task: Task, columns: Mapping[str, str]) -> dict[str, str]:
    """Role -> column: as named by the user, else the task's own column, else one with a usual name."""
    roles = dict(columns)
    if missing := [name for name in roles.values() if name not in fields]:
        raise DataError(f"{where}: no column {quote(missing[0])}; it has {', '.join(map(quote, fields))}")
    task_columns = (
        dict(zip(("id", "text", "text2"), task.columns[:-1], strict=False)) if task.output != "token_labels" else {}
    )
    texts = ("text", "text2")[: text_count(task)]
    for role in ("id", *texts, *(("words",) if task.output == "token_labels" else ())):
        first = [task_columns[role]] if role in task_columns else []
        by_name = {name.lower(): name for name in fields if name not in roles.values()}
        candidates = [by_name[name.lower()] for name in (*first, *COLUMN_ALIASES[role]) if name.lower() in by_name]
        if role not in roles and candidates:
            roles[role] = candidates[0]
    if "words" in roles and ("words" in columns or "text" not in roles):
        return {role: name for role, name in roles.items() if role in ("id", "words")}
    for role in texts:
        if role not in roles:
            listed = ", ".join(map(quote, fields))
            raise DataError(f"{where}: which column is the {role}? It has {listed}; pass --columns {role}=NAME")
    return {role: name for role, name in roles.items() if role in ("id", *texts)}


def _document(
    place: str, record: JsonMapping, roles: Mapping[str, str], task: Task, *, count: int
) -> Document | ReadError:
    if missing := [name for name in roles.values() if name not in record]:
        expected = f"an object with {', '.join(roles.values())}"
        return error_at(place, f"no {missing[0]}", expected, "restore the line")
    name = str(record[roles["id"]]).strip() if "id" in roles else str(count)
    if not name or not is_valid_text(name):
        return error_at(place, f"{roles['id']} {quote(name)}", "an id", "give the line one")
    if "words" in roles:
        return _from_tokens(place, name, record[roles["words"]], roles["words"])
    texts = []
    for role in ("text", "text2")[: text_count(task)]:
        value = record[roles[role]]
        if task.output == "token_labels" and (value in ("", []) or (isinstance(value, str) and not value.strip())):
            texts.append(value or "")  # a text without words has no entities
            continue
        text, problem = join_texts(value)
        if problem:
            return error_at(place, f"{problem} {roles[role]}", "text", "restore it or remove the line")
        texts.append(text)
    return Document(name, tuple(texts))


def _from_tokens(place: str, name: str, words: Any, key: str) -> Document | ReadError:
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not is_list or not all(word.strip() and is_valid_text(word) and not set(word) & set("\t\r\n") for word in words):
        expected = "a list of non-empty strings without tabs or line breaks"
        return error_at(place, f"{key} that is not a list of words", expected, "restore it")
    return document_of_words(name, [words])


def document_of_words(name: str, sentences: Sequence[Sequence[str]], *, marked: bool = True) -> Document:
    """A document from words: joined by spaces, with a line break between sentences."""
    spans, start = [], 0
    for words in sentences:
        sentence = []
        for word in words:
            sentence.append((start, start + len(word)))
            start += len(word) + 1
        spans.append(tuple(sentence))
    return Document(name, ("\n".join(map(" ".join, sentences)),), tuple(spans), marked)


def is_valid_text(value: str) -> bool:
    """Whether a string has neither NUL characters nor lone surrogates."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _json_records(file: BinaryIO, where: str) -> Iterator[Record]:
    bytes_read = 0

    def texts() -> Iterator[tuple[int, str | ReadError]]:
        nonlocal bytes_read
        for line in decode_lines(file):
            bytes_read = line.bytes_read
            yield line.number, read_error(where, line.number, *line.error) if line.error else line.text

    for number, unit, record in numbered_records(texts(), annotated=False):
        place = f"{where}, {unit} {number}"
        yield place, error_at(place, *record) if isinstance(record, Malformed) else record, bytes_read


def _rows(file: BinaryIO, where: str, columns: Mapping[str, str], format_name: str) -> Iterator[Record]:
    has_header = not columns or not all(str(name).isdigit() for name in columns.values())
    names: list[str] = []
    for number, fields, bytes_read in (_csv_fields if format_name == "csv" else _tsv_fields)(file, where):
        if isinstance(fields, ReadError):
            yield where, fields, bytes_read
            continue
        if not names:
            names = [name.strip() for name in fields] if has_header else [str(i + 1) for i in range(len(fields))]
            if duplicate := next((name for name in names if names.count(name) > 1), None):
                raise DataError(f"{where}, line {number}: found column {quote(duplicate)} twice; rename one of the two")
            if has_header:
                continue
        if len(fields) != len(names):
            value = f"{len(fields)} column{'s' * (len(fields) != 1)} in {quote(fields[0])}"
            remedy = "quote fields with separators" if format_name == "csv" else "remove tabs from texts"
            expected = f"{len(names)} ({', '.join(names)})"
            yield where, read_error(where, number, value, expected, remedy), bytes_read
            continue
        yield f"{where}, line {number}", dict(zip(names, fields, strict=True)), bytes_read


def _tsv_fields(file: BinaryIO, where: str) -> Iterator[Fields]:
    for line in decode_lines(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        if line.error:
            yield line.number, read_error(where, line.number, *line.error), line.bytes_read
        elif text.strip():
            yield line.number, text.split("\t"), line.bytes_read


def _csv_fields(file: BinaryIO, where: str) -> Iterator[Fields]:
    current: list[Line] = []  # the lines of the row that is being parsed

    def texts() -> Iterator[str]:
        for line in decode_lines(file):
            current.append(line)
            yield line.text

    lines = texts()
    first = next(lines, "")
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(chain([first], lines), delimiter=separator, strict=True)
    old_limit = csv.field_size_limit(MAX_BYTES)  # the module's default of 131072 is too small for long documents
    try:
        while True:
            try:
                fields = next(rows, None)
            except csv.Error as error:
                expected, remedy = 'CSV with fields quoted by "', "close every quote, and double quotes inside fields"
                fields = read_error(where, current[0].number, f"broken quoting ({error})", expected, remedy)
            if fields is None:
                return
            if invalid := next((line for line in current if line.error), None):
                assert invalid.error is not None
                fields = read_error(where, invalid.number, *invalid.error)
            number, bytes_read = current[0].number, current[-1].bytes_read
            current.clear()
            if isinstance(fields, ReadError) or any(field.strip() for field in fields):
                yield number, fields, bytes_read
    finally:
        csv.field_size_limit(old_limit)
