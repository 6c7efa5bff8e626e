"""The command `blurbstudy recommend`: a recipe for a task and an encoder, with reasons and evidence."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..config import check_device
from .task_options import TaskOptions, check_encoder, with_task_options


@with_task_options
def recommend(
    options: TaskOptions,
    encoder: Annotated[str, typer.Option(help="Checkpoint directory, Hub id or hub:NAME.")],
    sentence_tuned: Annotated[
        bool | None,
        typer.Option(
            "--sentence-tuned/--not-sentence-tuned",
            help="Whether the encoder was trained to compare sentences (default: detected from its files).",
        ),
    ] = None,
    store: Annotated[Path, typer.Option(help="Run store whose runs count as evidence, as for finetune.")] = Path(
        "runs/finetune"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; for the zero-shot cosine.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Recommend a recipe for a task and an encoder, as a YAML file for `finetune --recipe`. Nothing is trained.

    Each setting has its reason and source as a comment: the paper, your own runs, runs of this study, or judgement.
    """
    check_device(device)
    known_task, folder = options.load()
    check_encoder(encoder)
    from ..api.recommend import recommend as api  # with torch: after all checks

    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result
        recommendation = api.recommend(
            known_task, encoder, data=folder, store=store, sentence_tuned=sentence_tuned, device=device
        )
    as_text = recommendation.text
    typer.echo(json.dumps(recommendation.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else as_text())
