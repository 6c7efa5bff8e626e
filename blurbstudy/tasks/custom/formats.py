"""File formats of custom tasks: their suffixes and readers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...errors import DataError
from ..formats.lines import read_lines
from ..task import Example, Task
from .spans import DOCUMENTS, read_spans_with_lines
from .tabular import NumberedExample, first_fields, read_jsonl_with_lines, read_table_with_lines
from .tagged import read_conll_with_lines, read_tagged_jsonl_with_lines

FORMATS = {  # name -> reader
    "tsv": "own_tsv",
    "csv": "own_csv",
    "jsonl": "own_jsonl",
    "conll": "own_conll",
    "tagged-jsonl": "own_tagged_jsonl",
    "brat": "own_brat",
    "pubtator": "own_pubtator",
    "span-jsonl": "own_span_jsonl",
    "span-csv": "own_span_csv",
    "span-tsv": "own_span_tsv",
}
FOLDERS = ("own_brat",)  # readers of folders
_TAGGED = dict.fromkeys((".conll", ".iob", ".iob1", ".iob2", ".bio", ".iobes", ".bioes"), ("", "conll"))
SUFFIXES = {  # suffix -> format of tables, format of tagged sentences; "": none
    ".tsv": ("tsv", "conll"),
    ".txt": ("tsv", "conll"),
    ".csv": ("csv", "span-csv"),
    ".pubtator": ("", "pubtator"),
    ".jsonl": ("jsonl", "tagged-jsonl"),
    ".ndjson": ("jsonl", "tagged-jsonl"),
    **_TAGGED,
}

NUMBERED_READERS: dict[str, Callable[[Path, Task], list[NumberedExample]]] = {  # readers of examples with their lines
    "own_tsv": read_table_with_lines,
    "own_csv": read_table_with_lines,
    "own_jsonl": read_jsonl_with_lines,
    "own_conll": read_conll_with_lines,
    "own_tagged_jsonl": read_tagged_jsonl_with_lines,
    **dict.fromkeys(DOCUMENTS, read_spans_with_lines),
}


def read_custom(path: Path, task: Task) -> list[Example]:
    """The examples of a custom task's file, in file order."""
    return [example for _, example in NUMBERED_READERS[task.reader](path, task)]


AS_SPANS = {"csv": "span-csv", "tsv": "span-tsv"}  # format as named -> format of tagged text
SPANS = ("entities", "spans", "annotations")  # columns (keys) of lists of entities
STARTS = ("start", "begin", "start_offset", "start_char")
ENDS = ("end", "stop", "end_offset", "end_char")
_TITLE = re.compile(r"[^|\t]+\|[ta]\|")  # first line of PubTator


def detect_tagged_format(path: Path, form: str) -> str:
    """The format of a file of tagged text, detected from its contents: words or spans in JSONL; CoNLL, PubTator or a
    table of spans.

    Args:
        form: the format that its suffix suggests.
    """
    if form == "tagged-jsonl":
        return "tagged-jsonl" if _has_words(path) else "span-jsonl"
    if form != "conll":
        return form
    first = next((line for line in read_lines(path) if line.strip()), "")
    if _TITLE.match(first):
        return "pubtator"
    names = {name.strip().lower() for name in first.split("\t")}
    listed = names & set(SPANS) and len(names) > 1
    return "span-tsv" if listed or (names & set(STARTS) and names & set(ENDS)) else form


def _has_words(path: Path) -> bool:
    try:
        names = {name.lower() for name in first_fields(path, "jsonl")}
    except DataError:
        return True  # its reader reports the problem
    text = names & {"text", "sentence", "abstract", "document_text"}
    return not text or bool(names & {"words", "tokens"} and not names & set(SPANS))  # Prodigy's records have both
