"""Documents to predict for, read one after another: plain text (one a file, or one a line), folders of text files,
JSONL, CSV, TSV, CoNLL, PubTator; a path or standard input. No file is held whole but one that is one document.

What is no document is a Fault with its file and line, and reading goes on behind it. Texts are kept as they stand, line
ends included: offsets count the characters of the file's own text, a byte-order mark left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError, ParameterError
from ...tasks import Task
from ...tasks.formats.lines import fail, shown, text_of
from .conll_pubtator import read_conll_words, read_pubtator
from .items import Document, Fault, Item, decoded, fault, text_count
from .records import USUAL_TEXTS, read_records

STDIN = "-"
TEXT = "text"
# Ending -> format; "": by the kind of task, since BLURB's tagged sentences are .tsv files.
SUFFIXES = {
    ".txt": TEXT, ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "", ".pubtator": "pubtator",
    **dict.fromkeys((".conll", ".iob", ".iob1", ".iob2", ".bio", ".iobes", ".bioes"), "conll"),
}  # fmt: skip


def read_documents(
    where: Path | str, task: Task, *, form: str = "auto", columns: Mapping[str, str] | None = None
) -> Iterator[Item]:
    """The documents of a file, a folder of text files or standard input (`-`), in their order.

    Args:
        form: auto (by the ending; standard input is one text) or a key of FORMATS.
        columns: of JSONL, CSV, TSV, CoNLL: role -> name, or number from 1; see records.ROLES.

    Raises:
        ParameterError: the format is unknown, or does not fit the task.
        DataError: the input cannot be read at all, or its columns are not the task's.
    """
    form = input_format(where, task, form)
    if columns and form not in COLUMNED:
        raise ParameterError(f"--columns belong to {', '.join(COLUMNED)}, not to {form}")
    yield from _without_doubles(_located(where, task, form, columns or {}))


def input_size(where: Path | str) -> int | None:
    """Bytes of all files; None of standard input, whose end is not known."""
    if str(where) == STDIN:
        return None
    path = Path(where)
    return sum(file.stat().st_size for file in (_text_files(path) if path.is_dir() else [path]))


def input_format(where: Path | str, task: Task, form: str = "auto") -> str:
    """Key of FORMATS: the one named, or what the ending says.

    Raises:
        ParameterError: it is unknown, or holds no pairs where the task needs some.
        DataError: there is no such file.
    """
    if form != "auto" and form not in FORMATS:
        raise ParameterError(f"--input-format {form!r} is unknown; use auto, {', '.join(FORMATS)}")
    path = Path(where)
    folder = str(where) != STDIN and path.is_dir()
    if str(where) != STDIN and not path.exists():
        raise DataError(f"{where}: no such file; name a file, a folder of .txt files, or - for standard input")
    if folder and form not in ("auto", TEXT):
        raise ParameterError(f"{where}: of a folder, its .txt files are read, one document each; name a file of {form}")
    if form == "auto":
        form = TEXT if folder or str(where) == STDIN else _by_ending(path, task)
    if form == "conll" and task.output != "token_labels":
        raise ParameterError(
            f"{task.name} has no tags; CoNLL files hold tagged words: use {' or '.join(_others(task))}"
        )
    if form in PLAIN and text_count(task) > 1:
        raise ParameterError(
            f"{task.name} reads two texts at once: name a JSONL, CSV or TSV file with a column for each"
        )
    return form


def shown_name(where: Path | str) -> str:
    """The input's name in messages."""
    return "standard input" if str(where) == STDIN else str(where)


def _others(task: Task) -> list[str]:
    return [form for form in FORMATS if form != "conll" and not (form in PLAIN and text_count(task) > 1)]


def _by_ending(path: Path, task: Task) -> str:
    ending = path.suffix.lower()
    if ending not in SUFFIXES:
        raise ParameterError(f"{path}: its ending {ending!r} names no format; say --input-format {', '.join(FORMATS)}")
    if form := SUFFIXES[ending]:
        return form
    return "conll" if task.output == "token_labels" and not _has_text_column(path) else "tsv"


def _has_text_column(path: Path) -> bool:
    with path.open("rb") as file:
        line = next(decoded(file), None)
    return line is not None and any(name.strip().lower() in USUAL_TEXTS for name in line.text.split("\t"))


def _located(where: Path | str, task: Task, form: str, columns: Mapping[str, str]) -> Iterator[Item]:
    name, path = shown_name(where), Path(where)
    if str(where) == STDIN:
        yield from FORMATS[form](sys.stdin.buffer, name, task, columns)
    elif path.is_dir():
        yield from _folder(path)
    elif form == TEXT:
        yield _one_text(path, path.stem, before=0)
    else:
        try:
            with path.open("rb") as file:
                yield from FORMATS[form](file, name, task, columns)
        except OSError as error:
            fail(name, f"a file that cannot be read ({error.strerror})", "a readable file", "check path and rights")


def _without_doubles(items: Iterator[Item]) -> Iterator[Item]:
    seen: set[bytes] = set()  # of 8 bytes an id, not the ids: an input may be long
    for count, item in enumerate(items, 1):
        if isinstance(item.found, Document):
            key = blake2b(item.found.id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if key in seen:
                said = f"document {count}: found the id {shown(item.found.id)} a second time; expected unique ids"
                item = Item(Fault(f"{said}; remove or rename one, or name no id column"), item.read)
            seen.add(key)
        yield item


def _folder(folder: Path) -> Iterator[Item]:
    files = _text_files(folder)
    if not files:
        raise DataError(f"{folder}: has no .txt files; put a document into each, or name a file of another format")
    read = 0
    for path in files:
        item = _one_text(path, path.stem, before=read)
        read = item.read
        yield item


def _text_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.txt") if path.is_file())


def _one_text(path: Path, name: str, *, before: int) -> Item:
    size = path.stat().st_size
    try:
        return Item(Document(name, (text_of(path),)), before + size)
    except DataError as error:
        return Item(Fault(str(error)), before + size)


def _whole_text(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """All of standard input, as one document."""
    texts, wrong, read = [], None, 0
    for line in decoded(file):
        texts.append(line.text)
        read = line.read
        if line.wrong and wrong is None:
            wrong = fault(where, line.number, *line.wrong)
    yield Item(wrong or Document("stdin", ("".join(texts),)), read)


def _text_lines(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    for line in decoded(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        found = fault(where, line.number, *line.wrong) if line.wrong else Document(str(line.number), (text,))
        if not line.wrong and task.output != "token_labels" and not text.strip():
            found = fault(where, line.number, "an empty line", "a text to predict for", "remove it")
        yield Item(found, line.read)


FORMATS: dict[str, Callable[[BinaryIO, str, Task, Mapping[str, str]], Iterator[Item]]] = {
    TEXT: _whole_text,
    "lines": _text_lines,
    **{form: partial(read_records, form=form) for form in ("jsonl", "csv", "tsv")},
    "conll": read_conll_words,
    "pubtator": read_pubtator,
}
PLAIN = (TEXT, "lines", "pubtator")  # one text a document
COLUMNED = ("jsonl", "csv", "tsv", "conll")
