"""`blurbstudy finetune`: one encoder on one task, a run per seed."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import paths
from ..errors import ParameterError, StudyError
from .task_options import task_of_words


def finetune(
    task: Annotated[
        str,
        typer.Option(
            help="Name of a BLURB task, such as BIOSSES; or of your own: a YAML file, or a kind (ner, classification, "
            "relation, pairs, question, similarity, multi-label, pico) with --train or --data."
        ),
    ],
    encoder: Annotated[str, typer.Option(help="Checkpoint directory, Hub id, hub:NAME or pretrain:bert.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder of the datasets, or mini (default: BLURBSTUDY_DATA); with a kind, the directory of your own "
            "train.*, dev.*, test.*."
        ),
    ] = None,
    train: Annotated[Path | None, typer.Option(help="With a kind: TSV, CSV, JSONL, CoNLL, PubTator or brat.")] = None,
    dev: Annotated[Path | None, typer.Option(help="With a kind (default: a part of train, as is then said).")] = None,
    test: Annotated[Path | None, typer.Option(help="With a kind (default: none, and scores are of dev alone).")] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="With a kind: text=NAME,label=NAME, also text2, id, document, start, end (default: by usual names)."
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="With a kind: tsv, csv, jsonl, conll, brat or pubtator (default: by the ending)."
        ),
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="With a kind: of tags, iob1, iob2, iobes or io (default: recognized).")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="With a kind (default: the usual one).")] = None,
    negative: Annotated[str | None, typer.Option(help="With a kind: the label that an F1 leaves out.")] = None,
    discontinuous: Annotated[
        str | None, typer.Option(help="With a kind: refuse (default) or skip entities in several pieces.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="YAML file of recipe fields; recommended (see `blurbstudy recommend`; the default for your own task); "
            "or default, one per kind of task (the default for BLURB's)."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="1-5 or 1,3,7.")] = "1-5",
    out: Annotated[Path, typer.Option(help="Folder of the run store.")] = Path("runs/finetune"),
    keep_model: Annotated[
        Path | None,
        typer.Option(help="Directory for the best model by dev (default: a new one in the folder OUT-models)."),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Keep no model.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fine-tune one encoder on one task, a run per seed, and say how sure its score is. The best run by dev becomes a
    Hugging Face directory with a model card, for transformers and for `blurbstudy predict`.
    """
    from ..api.finetune import DEFAULT, RECOMMENDED, fine_tune
    from ..config import load_recipe
    from ..study.parameter_types import read_seeds

    if no_model and keep_model is not None:
        raise ParameterError("--no-model keeps none, --keep-model one; give one of them")
    said = {"format": file_format, "scheme": scheme, "metric": metric, "negative": negative}
    said |= {"discontinuous": discontinuous}
    files = {"train": train, "dev": dev, "test": test}
    known = task_of_words(task, data=data, files=files, columns=columns, **said)
    folder = data or paths.data_folder()
    if folder is None and not known.custom:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_ENV}")
    drawn = read_seeds(seeds)
    chosen = recipe if recipe in (None, RECOMMENDED, DEFAULT) else load_recipe(recipe)
    model = {"keep_model": not no_model, "model_folder": keep_model}
    with contextlib.redirect_stdout(sys.stderr):  # stdout carries the answer alone
        found = fine_tune(
            known, encoder, data=str(folder), seeds=drawn, store=out, recipe=chosen, device=device, **model
        )
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else found.text())
    if found.model_problem:
        raise StudyError(found.model_problem)
    if not found.sweep.trained:
        typer.echo(f"nothing trained: all {found.sweep.reused} runs reused from {out}", err=True)
