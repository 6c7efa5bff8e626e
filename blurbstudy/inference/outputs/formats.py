"""Predictions written: JSON lines, TSV, CoNLL, a page of HTML, or brat's files, a pair a document.

Offsets count characters (Unicode code points) of the document's own text. A writer gives text piece by piece, so that
an output can be written while the input is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...errors import ParameterError
from ...tasks import Task
from ..predictor import Prediction
from .html import html_begin, html_document, html_end

LONGEST_NAME = 200  # bytes of a document's file name; file systems take 255, endings included
DIGITS = 4  # of probabilities and scores
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv", ".conll": "conll", ".html": "html", ".htm": "html"}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Writer:
    """One format of a file: what stands at its beginning, for each document, at its end."""

    begin: Callable[[Task], str]
    document: Callable[[Prediction, Task], str]
    end: Callable[[Task], str]
    entities_alone: bool = False  # it says nothing but entities


def as_plain(prediction: Prediction, task: Task) -> dict[str, object]:
    """A prediction as plain values: one line of the JSON lines."""
    if task.output == "token_labels":
        found = [
            {"start": e.start, "end": e.end, "type": e.type, "text": e.text, "probability": rounded(e.probability)}
            for e in prediction.entities
        ]
        return {"id": prediction.id, "text": prediction.text, "entities": found}
    if task.output == "score":
        return {"id": prediction.id, "score": rounded(prediction.score)}
    probabilities = {label: rounded(one) for label, one in prediction.probabilities.items()}
    said = {"label": prediction.label} if task.output == "single_label" else {"labels": list(prediction.labels)}
    return {"id": prediction.id, **said, "probabilities": probabilities}


def rounded(value: float) -> float:
    """To DIGITS decimal places, without the zero's sign."""
    return round(value, DIGITS) + 0.0


def brat_files(prediction: Prediction) -> dict[str, str]:
    """The two files of a document, by name: NAME.txt, its text as it stands, and NAME.ann, its entities."""
    name, lines = brat_name(prediction.id), []
    for number, entity in enumerate(prediction.entities, 1):
        pieces = [(m.start() + entity.start, m.end() + entity.start) for m in re.finditer(r"[^\r\n]+", entity.text)]
        where = ";".join(f"{start} {end}" for start, end in pieces)
        surface = " ".join(prediction.text[start:end] for start, end in pieces)
        lines.append(f"T{number}\t{brat_type(entity.type)} {where}\t{surface}\n")
    return {f"{name}.txt": prediction.text, f"{name}.ann": "".join(lines)}


def brat_name(name: str) -> str:
    """A document's id as a file's name, one for each: what no file system takes is written as %20 in an address, and of
    an id that is too long only its beginning stands, with a digest of the whole.
    """
    written = re.sub(r"[^\w.-]|^\.", lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), name)
    if len(written.encode()) <= LONGEST_NAME:
        return written
    digest = hashlib.sha256(name.encode()).hexdigest()[:20]
    return written.encode()[: LONGEST_NAME - 21].decode(errors="ignore") + f"%{digest}"


def brat_type(name: str) -> str:
    """A type as brat takes it: without spaces."""
    return re.sub(r"\s+", "_", name)


def output_format(named: str | None, to: str | None) -> str:
    """Key of FORMATS: the one named, else by the ending of the output, else JSON lines.

    Raises:
        ParameterError: it is unknown.
    """
    if named is None:
        ending = re.search(r"\.\w+$", to or "")
        return SUFFIXES.get(ending[0].lower(), "jsonl") if ending else "jsonl"
    if named not in FORMATS:
        raise ParameterError(f"--format {named!r} is unknown; use {', '.join(FORMATS)}")
    return named


def check_fits(form: str, task: Task) -> None:
    """Refuses a format of entities for a task without any.

    Raises:
        ParameterError: it does not fit.
    """
    if task.output != "token_labels" and (form == BRAT or WRITERS[form].entities_alone):
        fitting = ", ".join(name for name, writer in WRITERS.items() if not writer.entities_alone)
        raise ParameterError(f"--format {form} is of entities, and {task.name} has none; use {fitting}")


def _json_line(prediction: Prediction, task: Task) -> str:
    return json.dumps(as_plain(prediction, task), ensure_ascii=False, allow_nan=False) + "\n"


def _tsv_begin(task: Task) -> str:
    columns = {
        "token_labels": ["id", "start", "end", "type", "text", "probability"], "score": ["id", "score"],
        "single_label": ["id", "label", "probability", *task.labels], "multi_label": ["id", "labels", *task.labels],
    }[task.output]  # fmt: skip
    return "\t".join(one.translate(_ESCAPES) for one in columns) + "\n"


def _tsv_lines(prediction: Prediction, task: Task) -> str:
    values: list[list[object]]
    if task.output == "token_labels":
        values = [[e.start, e.end, e.type, e.text, f"{e.probability:.{DIGITS}f}"] for e in prediction.entities]
    elif task.output == "score":
        values = [[f"{rounded(prediction.score):.{DIGITS}f}"]]
    else:
        all_of_them = [f"{one:.{DIGITS}f}" for one in prediction.probabilities.values()]
        if task.output == "single_label":
            values = [[prediction.label, f"{prediction.probabilities[prediction.label]:.{DIGITS}f}", *all_of_them]]
        else:
            values = [[",".join(prediction.labels), *all_of_them]]
    rows = [[str(one).translate(_ESCAPES) for one in (prediction.id, *own)] for own in values]
    return "".join("\t".join(row) + "\n" for row in rows)


def _conll_lines(prediction: Prediction, task: Task) -> str:
    head = f"-DOCSTART- ({' '.join(prediction.id.split())})\n\n" if prediction.document.marked else ""
    lines = [
        "".join(f"{prediction.text[a:b]}\t{tag}\n" for (a, b), tag in zip(own.words, own.tags, strict=True))
        for own in prediction.sentences
    ]
    return head + "".join(f"{own}\n" for own in lines)


def _nothing(task: Task) -> str:
    return ""


WRITERS: Mapping[str, Writer] = {
    "jsonl": Writer(_nothing, _json_line, _nothing),
    "tsv": Writer(_tsv_begin, _tsv_lines, _nothing),
    "conll": Writer(_nothing, _conll_lines, _nothing, entities_alone=True),
    "html": Writer(html_begin, html_document, html_end),
}
BRAT = "brat"
FORMATS = (*WRITERS, BRAT)
