"""Read documents to predict for: text files, folders of them, one text per line, JSON, CSV, TSV, CoNLL, PubTator, BioC.

Readers stream: only a plain text file, which is one document, is read whole. An unreadable part of the input becomes a
ReadError with its file and line, and reading continues after it. Texts are unchanged, line endings included: offsets
count the characters of the file's own text without a byte-order mark.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import DataError, ParameterError, check_choice
from ...tasks import Task
from ...tasks.custom.formats import NAMES, refuse_unreadable
from ...tasks.formats.lines import decode_lines, raise_data_error, read_text, refuse_binary, without_end
from ...tasks.formats.python_records import json_lines
from ...tasks.formats.records import JSON_SUFFIXES, detect_content
from ...tasks.formats.standoff import standoff_files
from .conll_pubtator import read_conll_words, read_pubtator
from .documents import Document, Item, ReadError, error_at, read_error, text_count
from .records import USUAL_TEXTS, read_records

STDIN = "-"
_HEAD = 64  # bytes that tell whether a file is text
TEXT = "text"
# Suffix -> format; "": depends on the task, since BLURB's tagged sentences are .tsv files.
SUFFIXES = {
    ".txt": TEXT,
    ".xml": "jsonl",  # BioC
    **dict.fromkeys(JSON_SUFFIXES, "jsonl"),
    ".csv": "csv",
    ".tsv": "",
    ".pubtator": "pubtator",
    **dict.fromkeys((".conll", ".iob", ".iob1", ".iob2", ".bio", ".iobes", ".bioes"), "conll"),
}


def read_documents(
    where: Path | str, task: Task, *, format_name: str = "auto", columns: Mapping[str, str] | None = None
) -> Iterator[Item]:
    """The documents of a file, a folder of text files or standard input (`-`), in order.

    Args:
        format_name: a key of FORMATS, or auto: by content and suffix; standard input is one text.
        columns: for JSONL, CSV, TSV and CoNLL: role -> column name, or number from 1 (see records.ROLES).

    Raises:
        ParameterError: the format is unknown or does not fit the task.
        DataError: the input cannot be read, or lacks a column that the task needs.
    """
    format_name, is_empty = input_format(where, task, format_name), True
    if columns and format_name not in WITH_COLUMNS:
        raise ParameterError(f"--columns works with {', '.join(WITH_COLUMNS)}, not with {format_name}; remove it")
    for item in _with_unique_ids(_read(where, task, format_name, columns or {})):
        document, is_empty = item.content, False
        if task.output != "token_labels" and isinstance(document, Document) and not all(map(str.strip, document.texts)):
            place = f"{display_name(where)}, document {document.id}"
            item = replace(item, content=error_at(place, "an empty text", "a text to predict for", "remove it"))
        yield item
    if is_empty:
        raise_data_error(display_name(where), "no texts", "at least one to predict for", "check the input")


def read_python_records(value: Any, task: Task, columns: Mapping[str, str] | None = None) -> Iterator[Item]:
    """The documents of a data frame, dataset, mapping or list of mappings, read as JSON lines are.

    Raises:
        ParameterError: a role in `columns` is unknown, or a value is no data.
        DataError: there is no column that the task needs.
    """
    file, where = io.BytesIO(json_lines(value).encode()), type(value).__name__
    yield from _with_unique_ids(read_records(file, where, task, columns or {}, format_name="jsonl"))


def input_size(where: Path | str) -> int | None:
    """Bytes of all input files; None for standard input."""
    if str(where) == STDIN:
        return None
    path = Path(where)
    return sum(file.stat().st_size for file in (_text_files(path).values() if path.is_dir() else [path]))


def input_format(where: Path | str, task: Task, format_name: str = "auto") -> str:
    """The key of FORMATS to read with; auto: by content and suffix.

    Raises:
        ParameterError: the format is unknown, or has one text per document where the task needs pairs.
        DataError: the file does not exist.
    """
    check_input_format(format_name)
    format_name = NAMES.get(format_name, format_name)
    path = Path(where)
    is_folder = str(where) != STDIN and path.is_dir()
    check_exists(where)
    if is_folder and format_name not in ("auto", TEXT):
        raise ParameterError(
            f"{where}: a folder is read as .txt files, one document each, not as {format_name}; name a {format_name} "
            "file"
        )
    if format_name == "auto":
        format_name = TEXT if is_folder or str(where) == STDIN else _detect_format(path, task)
    if format_name == "conll" and task.output != "token_labels":
        raise ParameterError(
            f"{task.name} does not tag words, so it cannot read CoNLL files; use {' or '.join(_other_formats(task))}"
        )
    if format_name in ONE_TEXT and text_count(task) > 1:
        raise ParameterError(
            f"{task.name} reads pairs of texts; name a JSONL, CSV or TSV file with a column for each text"
        )
    return format_name


def check_input_format(format_name: str) -> None:
    """Check the name of an input format.

    Raises:
        ParameterError: it is unknown.
    """
    check_choice("input-format", format_name, ("auto", *FORMATS))


def check_exists(where: Path | str) -> None:
    """Check that the input exists.

    Raises:
        DataError: it does not.
    """
    if str(where) != STDIN and not Path(where).exists():
        raise DataError(f"{where}: no such file; name a file, a folder of .txt files, or - for standard input")


def display_name(where: Path | str) -> str:
    """The name of the input in messages."""
    return "standard input" if str(where) == STDIN else str(where)


def _other_formats(task: Task) -> list[str]:
    return [name for name in FORMATS if name != "conll" and not (name in ONE_TEXT and text_count(task) > 1)]


def _detect_format(path: Path, task: Task) -> str:
    refuse_unreadable(path)
    if content := detect_content(path):
        return NAMES.get(content, content)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(
            f"{path}: suffix {suffix!r} is not a known format; pass --input-format {', '.join(FORMATS)}"
        )
    if format_name := SUFFIXES[suffix]:
        return format_name
    return "conll" if task.output == "token_labels" and not _has_text_column(path) else "tsv"


def _has_text_column(path: Path) -> bool:
    with path.open("rb") as file:
        line = next(decode_lines(file), None)
    return line is not None and any(name.strip().lower() in USUAL_TEXTS for name in line.text.split("\t"))


def _read(where: Path | str, task: Task, format_name: str, columns: Mapping[str, str]) -> Iterator[Item]:
    name, path = display_name(where), Path(where)
    if str(where) == STDIN:
        yield from FORMATS[format_name](sys.stdin.buffer, name, task, columns)
    elif path.is_dir():
        yield from _read_folder(path)
    elif format_name == TEXT:
        yield _read_text_file(path, path.stem, bytes_before=0)
    else:
        try:
            with path.open("rb") as file:
                refuse_binary(path, file.peek(_HEAD)[:_HEAD])
                yield from FORMATS[format_name](file, name, task, columns)
        except OSError as error:
            raise_data_error(
                name, f"a file that cannot be read ({error.strerror})", "a readable file", "check permissions"
            )


def _with_unique_ids(items: Iterator[Item]) -> Iterator[Item]:
    """The items; a document whose id another had before gets the number of its occurrence, as in P7.2."""
    seen: dict[bytes, int] = {}  # by 8-byte hashes instead of ids: inputs may be long
    for item in items:
        if isinstance(item.content, Document):
            name = first = item.content.id
            while (key := _digest(name)) in seen:
                seen[_digest(first)] += 1
                name = f"{first}.{seen[_digest(first)]}"
            seen[key] = 1
            if name != first:
                item = replace(item, content=replace(item.content, id=name), renamed=True)
        yield item


def _digest(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _read_folder(folder: Path) -> Iterator[Item]:
    files = _text_files(folder)
    if not files:
        raise DataError(f"{folder}: no .txt files; save each document as one, or name a file of another format")
    bytes_before = 0
    for name, path in files.items():
        item = _read_text_file(path, name, bytes_before=bytes_before)
        bytes_before = item.bytes_read
        yield item


def _text_files(folder: Path) -> dict[str, Path]:
    """Id -> file, of the folder and its sub-folders."""
    return standoff_files(folder).texts


def passed_over(where: Path | str) -> Counter[str]:
    """The files of a folder that are not read: suffix -> number."""
    if str(where) == STDIN or not Path(where).is_dir():
        return Counter()
    files = standoff_files(Path(where))
    return files.passed_over + Counter({".ann": len(files.annotations)})


def _read_text_file(path: Path, name: str, *, bytes_before: int) -> Item:
    size = path.stat().st_size
    try:
        return Item(Document(name, (read_text(path),)), bytes_before + size)
    except DataError as error:
        return Item(ReadError(str(error)), bytes_before + size)


def _single_document(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """All of standard input as one document."""
    texts: list[str] = []
    error, bytes_read = None, 0
    for line in decode_lines(file):
        texts.append(line.text)
        bytes_read = line.bytes_read
        if line.error and error is None:
            error = read_error(where, line.number, *line.error)
    yield Item(error or Document("stdin", ("".join(texts),)), bytes_read)


def _text_lines(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    for line in decode_lines(file):
        text = without_end(line.text)
        if line.error:
            content: Document | ReadError = read_error(where, line.number, *line.error)
        elif task.output != "token_labels" and not text.strip():
            content = read_error(where, line.number, "an empty line", "a text to predict for", "remove it")
        else:
            content = Document(str(line.number), (text,))
        yield Item(content, line.bytes_read)


FORMATS: dict[str, Callable[[BinaryIO, str, Task, Mapping[str, str]], Iterator[Item]]] = {
    TEXT: _single_document,
    "lines": _text_lines,
    **{name: partial(read_records, format_name=name) for name in ("jsonl", "csv", "tsv")},
    "conll": read_conll_words,
    "pubtator": read_pubtator,
}
ONE_TEXT = (TEXT, "lines", "pubtator")  # formats with one text per document
WITH_COLUMNS = ("jsonl", "csv", "tsv", "conll")
