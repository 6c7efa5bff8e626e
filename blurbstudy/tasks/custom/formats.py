"""File formats of custom tasks: their suffixes and readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ...config import JsonMapping
from ...errors import DataError
from ..formats.lines import raise_data_error, read_lines
from ..formats.records import JSON_SUFFIXES, detect_content, first_record, record_unit
from ..task import Example, Task
from .span_records import ENDS, STARTS
from .spans import DOCUMENTS, read_spans_with_lines
from .tabular import NumberedExample, column_values, read_records_with_lines
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
    ".xml": ("", "tagged-jsonl"),  # BioC
    **dict.fromkeys(JSON_SUFFIXES, ("jsonl", "tagged-jsonl")),
    **_TAGGED,
}

NUMBERED_READERS: dict[str, Callable[[Path, Task], list[NumberedExample]]] = {  # readers of examples with their lines
    **dict.fromkeys(("own_tsv", "own_csv", "own_jsonl"), read_records_with_lines),
    "own_conll": read_conll_with_lines,
    "own_tagged_jsonl": read_tagged_jsonl_with_lines,
    **dict.fromkeys(DOCUMENTS, read_spans_with_lines),
}


def read_custom(path: Path, task: Task) -> list[Example]:
    """The examples of a custom task's file, in file order."""
    return [example for _, example in NUMBERED_READERS[task.reader](path, task)]


AS_SPANS = {"csv": "span-csv", "tsv": "span-tsv"}  # format as named -> format of tagged text
NAMES = {"json": "jsonl", "ndjson": "jsonl", "bioc": "jsonl"}  # other names of formats
TEXTS = {"text", "sentence", "abstract", "document_text", "data"}  # keys of texts
WORDS, TAGS = ("words", "tokens", "word", "token"), ("tags", "ner_tags", "labels")
SPANS = ("entities", "spans", "annotations", "ents")  # columns (keys) of lists of entities

WEBANNO = "#FORMAT=WebAnno"  # how a file of WebAnno or INCEpTION begins
FASTTEXT = "__label__"  # how a line of fastText begins
_HEAD = 64  # bytes that tell them
_EXPORT = "export it as CoNLL 2003, or convert it to BioC"
_TO_CSV = "save the sheet as CSV (UTF-8), or by pandas.read_excel(...).to_csv(..., index=False)"
_TO_TEXT = "save its text as .txt, in UTF-8"
_TO_JSON = "write it as JSON lines, in pandas and datasets by to_json(orient='records', lines=True)"
UNREADABLE = {  # suffix -> what the file is, remedy
    ".spacy": ("spaCy's binary data", "write text and entities of each Doc as JSON lines"),
    ".xmi": ("UIMA's XMI", _EXPORT),
    ".parquet": ("a Parquet file", _TO_JSON),
    ".arrow": ("an Arrow file", _TO_JSON),
    **dict.fromkeys((".pkl", ".pickle"), ("a pickle, which may run code", _TO_JSON)),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), ("a spreadsheet", _TO_CSV)),
    **dict.fromkeys((".docx", ".doc", ".pdf", ".rtf", ".html", ".htm"), ("a document with a layout", _TO_TEXT)),
    ".gz": ("a file packed by gzip", "unpack it (gunzip)"),
    **dict.fromkeys((".zip", ".bz2", ".xz", ".7z", ".tar", ".tgz"), ("a packed file", "unpack it")),
}


def refuse_unreadable(path: Path) -> None:
    """Raise a DataError if the suffix or first line of a file is of a kind that is not read; it names the way to
    convert.
    """
    if not path.is_file():
        return
    if (known := UNREADABLE.get(path.suffix.lower())) is not None:
        raise_data_error(str(path), known[0], "a format of docs/own-data.md", known[1])
    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "ignore").lstrip("\ufeff")
    if head.startswith(WEBANNO):
        raise_data_error(str(path), "a TSV of WebAnno or INCEpTION", "one word and its tag per line", _EXPORT)
    if head.startswith(FASTTEXT):
        write = f"sed -E 's/^{FASTTEXT}([^ ]+) /\\1\\t/' FILE > NEW.tsv, with --columns label=1,text=2"
        raise_data_error(str(path), "fastText's lines", "columns", f"where each line has one label: {write}")


def first_row(path: Path, fields: Sequence[str]) -> JsonMapping:
    """The first row (record) of a table with these column names, or keys."""
    form = "jsonl" if detect_content(path) == "json" else "tsv" if path.suffix.lower() == ".tsv" else "csv"
    return dict(zip(fields, next(iter(column_values(path, form, fields)), ()), strict=False))


def refuse_word_rows(path: Path | str, record: JsonMapping) -> None:
    """Raise a DataError if a table has a word, or a printed list of words, in each row; it names the way to convert.

    Args:
        record: the first row.
    """
    word = next((name for name in record if name.lower() in WORDS), None)
    if word is None or not isinstance(record[word], str):
        return
    if record[word].strip().startswith("["):
        raise_data_error(str(path), f"lists as text ({word})", "lists of words in JSON", _TO_JSON)
    else:
        fields = list(record)
        sentence = next((name for name in fields if re.match(r"(?i)sent|doc", name)), "SENTENCE")
        read = f'pandas.read_csv({str(path)!r}, na_values=[""], keep_default_na=False).ffill()'
        read = "frame" if str(path).endswith(JSON_SUFFIXES) else read
        write = 'agg(list).to_json("NEW.jsonl", orient="records", lines=True)'
        raise DataError(
            f"{path}: found a row per word ({word}); expected a text per row, CoNLL, or lists; to write lists: "
            f"{read}.groupby({sentence!r}, sort=False).{write}"
        )


def detect_format(path: Path, *, tags: bool) -> str:
    """The format of a file by its content, else by its suffix: key of FORMATS; "" if neither tells.

    Args:
        tags: whether the task tags words.

    Raises:
        DataError: it is of a tool whose files are not read, or cannot be read.
    """
    refuse_unreadable(path)
    content = detect_content(path)
    if content == "json":
        return detect_tagged_format(path, "tagged-jsonl") if tags else "jsonl"
    if content == "pubtator" and tags:
        return content
    form = SUFFIXES.get(path.suffix.lower(), ("", ""))[tags]
    return detect_tagged_format(path, form) if tags else form


def detect_tagged_format(path: Path, form: str) -> str:
    """The format of a file of tagged text, detected from its contents: words or spans in JSON; CoNLL or a table of
    spans.

    Args:
        form: the format that its suffix suggests.

    Raises:
        DataError: its tags are numbers, whose names are not in the file.
    """
    if form == "tagged-jsonl":
        return "tagged-jsonl" if _has_words(path) else "span-jsonl"
    if form != "conll":
        return form
    first = next((line for line in read_lines(path) if line.strip()), "")
    names = {name.strip().lower() for name in first.split("\t")}
    listed = names & set(SPANS) and len(names) > 1
    return "span-tsv" if listed or (names & set(STARTS) and names & set(ENDS)) else form


def _has_words(path: Path) -> bool:
    """Whether the records have lists of words and no spans; Prodigy's have both."""
    try:
        record = {name.lower(): value for name, value in first_record(path).items()}
    except DataError:
        return True  # its reader reports the problem
    words = [name for name in WORDS if isinstance(record.get(name), list)]
    if record.keys() & set(SPANS) or (not words and record.keys() & TEXTS):
        return False
    if not words:
        return any(isinstance(value, list) and value and isinstance(value[0], str) for value in record.values())
    for name, value in record.items():
        if name in TAGS and isinstance(value, list) and any(type(tag) is int for tag in value):
            raise_data_error(
                f"{path}, {record_unit(path)} 1",
                f"numbers as {name}",
                "tags by name, such as B-Drug",
                "write the names: in datasets, dataset.features[...].feature.int2str gives them",
            )
    return True
