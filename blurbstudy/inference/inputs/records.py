"""Documents in records: JSON and BioC in every layout of tasks.formats.records; CSV and TSV with or without a line of
column names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from ...config import JsonMapping
from ...errors import DataError, ParameterError, did_you_mean
from ...tasks import Task
from ...tasks.custom.columns import COLUMN_ALIASES, is_header, matching_fields, without_doubt
from ...tasks.custom.formats import refuse_word_rows
from ...tasks.custom.tabular import join_texts
from ...tasks.formats.bioc import Malformed
from ...tasks.formats.lines import decode_lines, listed, quote
from ...tasks.formats.records import numbered_records
from ...tasks.formats.spreadsheets import named_rows
from .documents import Document, Item, ReadError, error_at, read_error, text_count

ROLES = ("text", "text2", "id", "words")  # words: for tagged text, the list of words to tag
USUAL_TEXTS = COLUMN_ALIASES["text"]
OTHER_TEXTS = (  # names of texts that may be meant beside one with a usual name
    *("title", "article_title", "abstract", "abstract_text", "body", "content", "full_text", "fulltext", "summary"),
    *("note", "notes", "report", "description", "comment", "question", "context", "answer"),
)

Record = tuple[str, JsonMapping | ReadError, int]  # its place, for messages; values; bytes read


def read_records(
    file: BinaryIO, where: str, task: Task, columns: Mapping[str, str], *, format_name: str
) -> Iterator[Item]:
    """The documents of a JSON, BioC, CSV or TSV file. Without an id column, ids count from 1, also those of records
    without a valid id.

    Raises:
        ParameterError: a role in `columns` is unknown.
        DataError: the file has no column for a text.
    """
    check_roles(columns)
    records = _json_records(file, where) if format_name == "jsonl" else _rows(file, where, columns, format_name)
    roles: dict[str, str] | None = None
    for count, (location, record, bytes_read) in enumerate(records, 1):
        if isinstance(record, ReadError):
            yield Item(record, bytes_read)
            continue
        roles = roles or _assign_columns(list(record), where, task, columns)
        if format_name != "jsonl" and "words" in roles:
            refuse_word_rows(where, record)
        name, is_valid = _id(record, roles, count)
        yield Item(_document(location, record, roles, task, name=name), bytes_read, renamed=not is_valid, columns=roles)


def check_roles(columns: Mapping[str, str]) -> None:
    """Check the roles of columns.

    Raises:
        ParameterError: one is unknown.
    """
    if unknown := [role for role in columns if role not in ROLES]:
        raise ParameterError(f"--columns: unknown role {unknown[0]!r}; {did_you_mean(unknown[0], ROLES)}")


def _assign_columns(fields: list[str], where: str, task: Task, columns: Mapping[str, str]) -> dict[str, str]:
    """Role -> column: as named by the user, else the task's own column, else one with a usual name."""
    unused = {role for role, name in columns.items() if not name}
    roles = {role: _column(name, fields) for role, name in columns.items() if name}
    if missing := [name for name in roles.values() if name not in fields]:
        advice = did_you_mean(missing[0], fields, otherwise=f"it has {listed([repr(name) for name in fields])}")
        raise DataError(f"{where}: no column {quote(missing[0])}; {advice}")
    task_roles: tuple[str, ...] = ("id", "text", "text2")
    if task.output == "token_labels":
        task_roles = ("text",) if task.reader.startswith("own_span") else ()
    task_columns: dict[str, str] = dict(zip(task_roles, task.columns[:-1], strict=False))
    texts = ("text", "text2")[: text_count(task)]
    for role in ("id", *texts, *(("words",) if task.output == "token_labels" else ())):
        free = [name for name in fields if name not in roles.values()]
        of_model = [name for name in free if name.lower() == task_columns.get(role, "").lower()]
        candidates = of_model or without_doubt(matching_fields(free, role), COLUMN_ALIASES[role][:1])
        if role not in roles and role not in unused and candidates:
            if len(candidates) > 1 and role in texts:
                raise DataError(f"{where}: {listed(candidates)} may each be the {role}; pass --columns {role}=NAME")
            more = [name for name in free if name.lower() in OTHER_TEXTS and name not in candidates]
            if role == "text" == texts[-1] and more and not of_model and candidates[0].lower() != "text":
                remedy = "pass --columns text=NAME, or join their texts in a column"
                raise DataError(f"{where}: {listed([*more, candidates[0]])} may each be the text; {remedy}")
            roles[role] = candidates[0]
    if "words" in roles and ("words" in columns or "text" not in roles):
        return {role: name for role, name in roles.items() if role in ("id", "words")}
    for role in texts:
        if role not in roles:
            listing = listed([repr(name) for name in fields])
            remedy = f"pass --columns {role}=NAME, or its number if the first row is no header"
            raise DataError(f"{where}: which column is the {role}? It has {listing}; {remedy}")
    return {role: name for role, name in roles.items() if role in ("id", *texts)}


def _column(name: str, fields: list[str]) -> str:
    """A column by its name, or by its number from 1."""
    is_number = name not in fields and name.isdigit() and 1 <= int(name) <= len(fields)
    return fields[int(name) - 1] if is_number else name


def _id(record: JsonMapping, roles: Mapping[str, str], count: int) -> tuple[str, bool]:
    """The id of a record, and whether the record has it."""
    if "id" not in roles:
        return str(count), True
    value = record.get(roles["id"])
    name = "" if value is None else str(value).strip()  # 0 is an id
    return (name, True) if name and is_valid_text(name) else (str(count), False)


def _document(
    location: str, record: JsonMapping, roles: Mapping[str, str], task: Task, *, name: str
) -> Document | ReadError:
    needed = [column for role, column in roles.items() if role != "id"]
    if missing := [column for column in needed if column not in record]:
        return error_at(location, f"no {missing[0]}", f"an object with {', '.join(needed)}", "restore the line")
    if "words" in roles:
        return _from_tokens(location, name, record[roles["words"]], roles["words"])
    texts = []
    for role in ("text", "text2")[: text_count(task)]:
        value = record[roles[role]]
        if task.output == "token_labels" and (value in ("", []) or (isinstance(value, str) and not value.strip())):
            texts.append(value or "")  # a text without words has no entities
            continue
        text, problem = join_texts(value)
        if problem:
            return error_at(location, f"{problem} {roles[role]}", "text", "restore it or remove the line")
        texts.append(text)
    return Document(name, tuple(texts))


def _from_tokens(location: str, name: str, words: Any, key: str) -> Document | ReadError:
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    if not is_list or not all(word.strip() and is_valid_text(word) and not set(word) & set("\t\r\n") for word in words):
        expected = "a list of non-empty strings without tabs or line breaks"
        return error_at(location, f"{key} that is not a list of words", expected, "restore it")
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
        location = f"{where}, {unit} {number}"
        yield location, error_at(location, *record) if isinstance(record, Malformed) else record, bytes_read


def _rows(file: BinaryIO, where: str, columns: Mapping[str, str], form: str) -> Iterator[Record]:
    numbers = [int(name) for name in columns.values() if name.isdigit()]
    is_numbered = bool(numbers) and len(numbers) == sum(map(bool, columns.values()))
    rows = named_rows(decode_lines(file), form, where, lambda fields: not is_numbered or is_header(fields, numbers))
    for row, record in rows:
        location = f"{where}, line {row.number}"
        yield location, error_at(location, *row.error) if row.error else record, row.bytes_read
