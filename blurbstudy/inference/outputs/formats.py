"""Output formats of predictions: JSON lines, TSV, CoNLL, an HTML page, or brat's pairs of files.

Offsets count characters (Unicode code points) of the document's own text. An output format renders document by
document, so that output is written while the input is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import fingerprint
from ...errors import ParameterError, check_choice
from ...tasks import Task
from ...tasks.predicted_tags import WITHHELD
from .html import html_begin, html_document, html_end

if TYPE_CHECKING:
    from ..predictor import Prediction

MAX_NAME_BYTES = 200  # of a brat file without its suffix; file systems allow 255 with it
DIGITS = 4  # decimals of probabilities and scores
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv", ".conll": "conll", ".html": "html", ".htm": "html"}
NOT_WRITTEN = (".csv", ".xls", ".xlsx", ".ann", ".xml")  # endings by which other programs would take JSON lines wrongly
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class OutputFormat:
    """How a file of predictions begins, represents a document, and ends."""

    begin: Callable[[Task], str]
    document: Callable[[Prediction, Task], str]
    end: Callable[[Task], str]
    entities_only: bool = False  # it cannot represent labels and scores


def to_dict(prediction: Prediction, task: Task) -> dict[str, object]:
    """A prediction as JSON values: one line of a JSONL output."""
    if task.output == "token_labels":
        entities = [
            {
                "start": entity.start,
                "end": entity.end,
                "type": entity.type,
                "text": entity.text,
                "probability": round_probability(entity.probability),
            }
            for entity in prediction.entities
        ]
        withheld = {} if prediction.withheld is None else {"withheld": prediction.withheld}
        return {"id": prediction.id, "text": prediction.text, "entities": entities, **withheld}
    if prediction.score is not None:
        return {"id": prediction.id, "score": round_probability(prediction.score)}
    probabilities = {label: round_probability(value) for label, value in prediction.probabilities.items()}
    labels: dict[str, object] = {"label": prediction.label}
    if prediction.labels is not None:
        labels = {"labels": list(prediction.labels)}
    if prediction.withheld is not None:
        labels |= (
            {"abstained": prediction.label is None} if prediction.labels is None else {"withheld": prediction.withheld}
        )
    return {"id": prediction.id, **labels, "probabilities": probabilities}


def round_probability(value: float) -> float:
    """Rounded to DIGITS decimals; -0.0 becomes 0.0."""
    return round(value, DIGITS) + 0.0


def brat_files(prediction: Prediction) -> dict[str, str]:
    """File name -> content of a document's two files: NAME.txt, the unchanged text, and NAME.ann, the entities."""
    name, lines = brat_name(prediction.id), []
    for number, entity in enumerate(prediction.entities, 1):
        pieces = [(m.start() + entity.start, m.end() + entity.start) for m in re.finditer(r"[^\r\n]+", entity.text)]
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        surface = " ".join(prediction.text[start:end] for start, end in pieces)
        lines.append(f"T{number}\t{brat_type(entity.type)} {offsets}\t{surface}\n")
    return {f"{name}.txt": prediction.text, f"{name}.ann": "".join(lines)}


def brat_name(document_id: str) -> str:
    """A unique file name for a document id. Characters that file systems reject are percent-encoded; long ids are
    truncated and completed by a hash of the full id.
    """
    name = re.sub(r"[^\w.-]|^\.", lambda match: "".join(f"%{b:02X}" for b in match[0].encode()), document_id)
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    digest = fingerprint(document_id)
    return name.encode()[: MAX_NAME_BYTES - 21].decode(errors="ignore") + f"%{digest}"


def brat_type(name: str) -> str:
    """An entity type without spaces, which brat does not allow."""
    return re.sub(r"\s+", "_", name)


def output_format(format_name: str | None, file_name: str | None) -> str:
    """The format as named, else by the suffix of the output file, else JSON lines.

    Raises:
        ParameterError: the format is unknown, or the suffix is that of another.
    """
    if format_name is None:
        suffix = Path(file_name or "").suffix.lower()
        if suffix in NOT_WRITTEN:
            remedy = f"use {', '.join(SUFFIXES)}, or --format"
            raise ParameterError(f"--to {file_name}: no predictions are written as {suffix}; {remedy}")
        return SUFFIXES.get(suffix, "jsonl")
    check_choice("format", format_name, FORMATS)
    return format_name


def check_fits(format_name: str, task: Task) -> None:
    """Refuse a format for entities if the task has none.

    Raises:
        ParameterError: the format does not fit.
    """
    if task.output != "token_labels" and (format_name == BRAT or OUTPUT_FORMATS[format_name].entities_only):
        fitting = ", ".join(name for name, output in OUTPUT_FORMATS.items() if not output.entities_only)
        raise ParameterError(f"--format {format_name} is for entities, and {task.name} has none; use {fitting}")


def _json_line(prediction: Prediction, task: Task) -> str:
    return json.dumps(to_dict(prediction, task), ensure_ascii=False, allow_nan=False) + "\n"


def tsv_begin(task: Task, *, withholds: bool = False) -> str:
    """The header of a TSV.

    Args:
        withholds: whether there is a minimum of confidence.
    """
    columns = {
        "token_labels": ["id", "start", "end", "type", "text", "probability"],
        "score": ["id", "score"],
        "single_label": ["id", "label", "probability", *task.labels],
        "multi_label": ["id", "labels", *([WITHHELD] if withholds else []), *task.labels],
    }[task.output]
    return _tsv_row(columns)


def tsv_lines(prediction: Prediction, task: Task) -> str:
    rows: list[list[object]]
    if task.output == "token_labels":
        pairs = prediction.entities_with_withheld()
        rows = [[e.start, e.end, kind, e.text, f"{e.probability:.{DIGITS}f}"] for e, kind in pairs]
    elif prediction.score is not None:
        rows = [[f"{round_probability(prediction.score):.{DIGITS}f}"]]
    else:
        probabilities = {label: f"{value:.{DIGITS}f}" for label, value in prediction.probabilities.items()}
        if prediction.labels is not None:
            withheld = [] if prediction.withheld is None else [prediction.withheld]
            rows = [[",".join(prediction.labels), *withheld, *probabilities.values()]]
        else:
            best = prediction.label or max(prediction.probabilities, key=prediction.probabilities.__getitem__)
            rows = [[prediction.label or "", probabilities[best], *probabilities.values()]]
    return "".join(_tsv_row([prediction.id, *row]) for row in rows)


def _tsv_row(values: list[object] | list[str]) -> str:
    return "\t".join(str(value).translate(_ESCAPES) for value in values) + "\n"


def _conll_lines(prediction: Prediction, task: Task) -> str:
    mark = f"-DOCSTART- ({' '.join(prediction.id.split())})\n\n" if prediction.document.marked else ""
    blocks = []
    for sentence in prediction.sentences:
        first, last = sentence.words[0][0], sentence.words[-1][1]
        withheld = sum(first <= entity.start < last for entity in prediction.withheld_entities)
        lines = [f"# {WITHHELD} = {withheld}\n"] if withheld else []
        pairs = zip(sentence.words, sentence.tags, strict=True)
        lines += [f"{prediction.text[start:end]}\t{tag}\n" for (start, end), tag in pairs]
        blocks.append("".join(lines))
    return mark + "".join(f"{block}\n" for block in blocks)


def _empty(task: Task) -> str:
    return ""


OUTPUT_FORMATS: Mapping[str, OutputFormat] = {
    "jsonl": OutputFormat(_empty, _json_line, _empty),
    "tsv": OutputFormat(tsv_begin, tsv_lines, _empty),
    "conll": OutputFormat(_empty, _conll_lines, _empty, entities_only=True),
    "html": OutputFormat(html_begin, html_document, html_end),
}
BRAT = "brat"
FORMATS = (*OUTPUT_FORMATS, BRAT)
