"""The model card of a directory with an ONNX model: the source's, with the comparison and another way of use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from ...metrics import METRICS
from ...tasks import Task
from ..model_directory.directory import ModelDirectory
from .directory import MODEL_FILE
from .parity import Parity, ParityTexts

INT8_CAVEAT = (
    "With so few texts, a score may rise or fall by chance; the predictions that differ are what int8 changes. A "
    "text's prediction depends a little on the texts in its batch, and processors round differently. "
)
USAGE = re.compile(r"^## How to use\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def onnx_card(
    card: Path, source: ModelDirectory, texts: ParityTexts, parities: Mapping[str, Parity], *, directory_name: str
) -> str:
    """The card as Markdown.

    Args:
        card: the source's.
        parities: precision -> agreement; the last precision is that of the model.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    section = "\n".join([*_comparison(source.task, texts, parities), *_usage(source, directory_name), ""])
    text, replaced = USAGE.subn(lambda _: section, text, count=1)
    text = text if replaced else f"{text.rstrip()}\n\n{section}"
    return re.sub(r"^library_name: .*$", "library_name: onnx", text, count=1, flags=re.MULTILINE).strip() + "\n"


def summary(task: Task, texts: ParityTexts, parities: Mapping[str, Parity]) -> list[str]:
    """Lines for the terminal, one per precision."""
    columns = [_column(task, parity) for parity in parities.values()]
    values = [", ".join(f"{row.lower()} {value}" for row, value in column.items()) for column in columns]
    return [f"{name} against torch on {texts.origin}: {line}" for name, line in zip(parities, values, strict=True)]


def _comparison(task: Task, texts: ParityTexts, parities: Mapping[str, Parity]) -> list[str]:
    *_, precision = parities
    columns = [_column(task, parity) for parity in parities.values()]
    how = " (weights and matrix products; dynamic quantization of onnxruntime)" if precision == "int8" else ""
    weak = [
        "Text of this kind shows that both compute the same function. It does not show how often predictions differ on "
        "real text.",
        "",
    ]
    return [
        "## ONNX",
        "",
        f"`{MODEL_FILE}` computes the model in {precision}{how}. It was compared with the model in torch on "
        f"{texts.origin}:",
        "",
        f"| | {' | '.join(parities)} |",
        f"| --- | {' | '.join('---' for _ in parities)} |",
        *(f"| {row} | {' | '.join(column[row] for column in columns)} |" for row in columns[0]),
        "",
        *(weak if texts.generated else []),
        f"{INT8_CAVEAT if precision == 'int8' else ''}The scores above are those of the model in torch, and so is a "
        "calibration.",
        "",
    ]


def _column(task: Task, parity: Parity) -> dict[str, str]:
    """Row -> value."""
    rows = {
        "Largest difference of an output": f"{parity.largest_difference:.2g}",
        "Mean difference of an output": f"{parity.mean_difference:.2g}",
    }
    if parity.equal is not None:
        what = "entities" if task.output == "token_labels" else "predictions"
        share = f" ({parity.equal / parity.predictions:.1%})" if parity.predictions else ""
        rows[f"Equal {what}"] = f"{parity.equal} of {parity.predictions}{share}"
    if parity.score is not None and parity.torch_score is not None:
        title = METRICS[task.metric].title
        rows[f"{title} on them (torch: {100 * parity.torch_score:.2f})"] = f"{100 * parity.score:.2f}"
    return rows


def _usage(source: ModelDirectory, directory_name: str) -> list[str]:
    words = source.settings.head == "token"
    output = (
        "`sentence_embedding` (texts, width), the mean over a text's sub-words; the prediction is the cosine of two"
        if source.settings.head == "cosine"
        else f"`logits` (texts, {'sequence, ' if words else ''}labels), labels as in `config.json`"
    )
    return [
        "## How to use",
        "",
        "With blurbstudy and onnxruntime; torch is not needed:",
        "",
        "```",
        f"blurbstudy predict --model {shlex.quote(directory_name)} FILE",
        "```",
        "",
        f"Inputs of `{MODEL_FILE}`: `input_ids`, `attention_mask` and, if the encoder has segments, `token_type_ids`, "
        f"each int64 (texts, sequence), at most {source.settings.max_length} sub-words. Output: {output}.",
        "",
    ]
