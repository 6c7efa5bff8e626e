"""The command line's `recommend`: the recipe that the evidence speaks for, with reasons and what may be expected."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import paths
from ..errors import ParameterError
from .task_options import task_of_words


def recommend(
    task: Annotated[str, typer.Option(help="As for finetune: a BLURB task, a YAML file, or a kind with your files.")],
    encoder: Annotated[str, typer.Option(help="Checkpoint directory, Hub id or hub:NAME.")],
    data: Annotated[str | None, typer.Option(help="As for finetune.")] = None,
    train: Annotated[Path | None, typer.Option(help="With a kind.")] = None,
    dev: Annotated[Path | None, typer.Option(help="With a kind.")] = None,
    test: Annotated[Path | None, typer.Option(help="With a kind.")] = None,
    columns: Annotated[str | None, typer.Option(help="With a kind: text=NAME,label=NAME.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", help="With a kind.")] = None,
    scheme: Annotated[str | None, typer.Option(help="With a kind: of tags.")] = None,
    sentence_tuned: Annotated[
        bool | None,
        typer.Option(
            "--sentence-tuned/--not-sentence-tuned",
            help="Whether the encoder was tuned to compare sentences (default: as its files say).",
        ),
    ] = None,
    store: Annotated[
        Path, typer.Option(help="Run store whose runs count as evidence, and that finetune goes on with.")
    ] = Path("runs/finetune"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; of the plain cosine.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Recommend a recipe for a task and an encoder, as a YAML file that `finetune --recipe` takes; nothing is trained.
    Every choice has its reason and source in a comment: the paper, your own runs, this study's, or judgement.
    """
    from ..api.recommend.recommend import recommend as recommended

    known = task_of_words(
        task, data=data, files={"train": train, "dev": dev, "test": test}, columns=columns, format=file_format,
        scheme=scheme,
    )  # fmt: skip
    folder = data or paths.data_folder()
    if folder is None and not known.custom:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_ENV}")
    with contextlib.redirect_stdout(sys.stderr):
        found = recommended(known, encoder, data=str(folder), store=store, sentence_tuned=sentence_tuned, device=device)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else found.text())
