"""Formats of one's own files: by which endings they are known, and the reader of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..task import Example, Task
from .spans import DOCUMENTS, located_spans
from .tabular import Located, located_jsonl, located_table
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
