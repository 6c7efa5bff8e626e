"""The help of commands: examples at its end, and flags without a type."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

EXAMPLES = {
    "": (
        "blurbstudy run",
        "blurbstudy finetune --task ner --train train/ --encoder hub:PubMedBERT-BASE",
        "blurbstudy predict texts/ --model model --to predictions.html",
    ),
    "run": (
        "blurbstudy run",
        "blurbstudy run --scale small --data blurb --only 02_optimization_ablation",
        "blurbstudy run -p seeds 3 --minutes 60",
    ),
    "work": ("blurbstudy work --store shared/small", "blurbstudy work --scale small --minutes 230"),
    "report": ("blurbstudy report --scale small",),
    "finetune": (
        "blurbstudy finetune --task BIOSSES --encoder encoders/pubmed-bert --data blurb",
        "blurbstudy finetune --task ner --train train/ --encoder hub:PubMedBERT-BASE",
    ),
    "export": (
        "blurbstudy export 7dcc729e --to model",
        "blurbstudy export model --onnx --to model-onnx --texts abstracts.txt",
    ),
    "plan": ("blurbstudy plan --scale small --data blurb", "blurbstudy plan -p seeds 10"),
    "predict": (
        "blurbstudy predict texts/ --model model --to predictions.html",
        'echo "Aspirin inhibits COX-2." | blurbstudy predict --model model',
    ),
    "compare": ("blurbstudy compare default.json frozen.json",),
    "pretrain": (
        "blurbstudy pretrain --objective bert --corpus my.txt --out encoder",
        "blurbstudy pretrain --objective bert --corpus my.txt --out encoder --resume",
    ),
    "recommend": ("blurbstudy recommend --task BIOSSES --encoder encoders/pubmed-bert --data mini",),
    "repeat": (
        "blurbstudy repeat 7dcc729e --data blurb",
        'blurbstudy repeat --notebook 05_pruning --cell "BERT, GAD, 2 of 4"',
    ),
    "score": (
        "blurbstudy score --task GAD --predictions predictions.tsv --data blurb",
        "blurbstudy score --run 7dcc729e --store runs/small",
    ),
    "data": ("blurbstudy data list", "blurbstudy data check --data blurb"),
    "data list": ("blurbstudy data list --task BIOSSES",),
    "data check": ("blurbstudy data check --data blurb",),
    "data download": ("blurbstudy data download --to blurb --task BIOSSES --accept-terms",),
    "store": ("blurbstudy store export small.zip --scale small",),
    "store export": ("blurbstudy store export small.zip --scale small",),
    "store import": ("blurbstudy store import small.zip --scale small",),
    "store publish": ("blurbstudy store publish --scale small",),
}


def examples(command: str) -> str:
    """The examples of a command as Markdown."""
    lines = EXAMPLES[command]
    return "\n".join([f"Example{'s' * (len(lines) > 1)}:", "", "```", *lines, "```"])


class _PlainFlags:
    """Lists flags such as --version and --help without `<bool>`: they take no value."""

    def get_params(self, ctx: typer.Context) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # pyright: ignore[reportAttributeAccessIssue]
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters


class Command(_PlainFlags, TyperCommand):
    """A command."""


class Group(_PlainFlags, TyperGroup):
    """A group of commands."""
