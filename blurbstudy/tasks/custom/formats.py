"""Formats of one's own files: by which endings they are known, and the reader of each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...errors import DataError
from ..formats.lines import lines_of
from ..task import Example, Task
from .spans import DOCUMENTS, located_spans
from .tabular import Located, first_fields, located_jsonl, located_table
from .tagged import located_conll, located_tagged_jsonl

FORMATS = {  # as one says -> reader
    "tsv": "own_tsv", "csv": "own_csv", "jsonl": "own_jsonl", "conll": "own_conll", "tagged-jsonl": "own_tagged_jsonl",
    "brat": "own_brat", "pubtator": "own_pubtator", "span-jsonl": "own_span_jsonl", "span-csv": "own_span_csv",
    "span-tsv": "own_span_tsv",
}  # fmt: skip
FOLDERS = ("own_brat",)  # readers of a folder
_TAGGED = dict.fromkeys((".conll", ".iob", ".iob1", ".iob2", ".bio", ".iobes", ".bioes"), ("", "conll"))
SUFFIXES = {  # ending -> format of tables, of tagged sentences; "": none has that ending
    ".tsv": ("tsv", "conll"),
    ".txt": ("tsv", "conll"),
    ".csv": ("csv", "span-csv"),
    ".pubtator": ("", "pubtator"),
    ".jsonl": ("jsonl", "tagged-jsonl"),
    ".ndjson": ("jsonl", "tagged-jsonl"),
    **_TAGGED,
}

LOCATED: dict[str, Callable[[Path, Task], list[Located]]] = {  # examples with the lines where they stand
    "own_tsv": located_table,
    "own_csv": located_table,
    "own_jsonl": located_jsonl,
    "own_conll": located_conll,
    "own_tagged_jsonl": located_tagged_jsonl,
    **dict.fromkeys(DOCUMENTS, located_spans),
}


def read_own(path: Path, task: Task) -> list[Example]:
    """The examples of a file of one's own, in file order.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    return [example for _, example in LOCATED[task.reader](path, task)]


AS_SPANS = {"csv": "span-csv", "tsv": "span-tsv"}  # format as it is named -> that of tagged text
SPANS = ("entities", "spans", "annotations")  # columns (keys) of entities in a list
STARTS = ("start", "begin", "start_offset", "start_char")
ENDS = ("end", "stop", "end_offset", "end_char")
_TITLE = re.compile(r"[^|\t]+\|[ta]\|")  # PubTator's first line


def recognized_tags(path: Path, form: str) -> str:
    """The format of a file whose ending tells `form`: a list of words or of spans in JSON lines; PubTator or a table
    of spans, which may end as CoNLL files do.

    Raises:
        DataError: the file cannot be read.
    """
    if form == "tagged-jsonl":
        return "tagged-jsonl" if _has_words(path) else "span-jsonl"
    if form != "conll":
        return form
    first = next((line for line in lines_of(path) if line.strip()), "")
    if _TITLE.match(first):
        return "pubtator"
    names = {name.strip().lower() for name in first.split("\t")}
    listed = names & set(SPANS) and len(names) > 1
    return "span-tsv" if listed or (names & set(STARTS) and names & set(ENDS)) else form


def _has_words(path: Path) -> bool:
    try:
        names = {name.lower() for name in first_fields(path, "jsonl")}
    except DataError:
        return True  # its reader says what is wrong
    text = names & {"text", "sentence", "abstract", "document_text"}
    return not text or bool(names & {"words", "tokens"} and not names & set(SPANS))  # Prodigy's lines have both
