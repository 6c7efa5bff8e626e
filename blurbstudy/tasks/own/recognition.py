"""Which format a file of tagged text has, where its ending leaves several: by what its first line holds."""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import DataError
from ..lines import lines_of
from .tabular import first_fields

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
