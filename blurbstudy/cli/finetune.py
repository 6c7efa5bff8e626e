"""The command `blurbstudy finetune`: one encoder on one task, one run per seed."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..config import DEVICES, RECIPE_PRESETS, Recipe, load_recipe
from ..errors import ParameterError, StudyError, check_choice, count_of
from ..inference.model_directory.check import check_target
from ..store.run_store import RunStore
from .task_options import TaskOptions, check_encoder, with_task_options


@with_task_options
def finetune(
    options: TaskOptions,
    encoder: Annotated[str, typer.Option(help="Checkpoint directory, Hub id, hub:NAME or pretrain:bert.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="YAML file of recipe fields; recommended (see `blurbstudy recommend`; the default for your own task); "
            "or default, one recipe per kind of task (the default for BLURB tasks)."
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="How many, or which: 5, 1-5 or 1,3,7; with --splits, every fold has its own.")
    ] = "5",
    splits: Annotated[
        str,
        typer.Option(
            help="official; or FOLDSxREPEATS such as 5x4: all examples of BIOSSES, PubMedQA, BioASQ or your own task "
            "in test folds. Then no model is exported."
        ),
    ] = "official",
    store: Annotated[Path, typer.Option(help="Folder of the run store.")] = Path("runs/finetune"),
    model_dir: Annotated[
        Path | None,
        typer.Option(help="Directory for the best model on dev (default: a new one in the folder STORE-models)."),
    ] = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Do not export a model.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the model directory whatever it contains. Without this option, only a model directory that "
            "has not changed since it was exported is replaced.",
        ),
    ] = False,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="How many more labels? Also trains on 1/8, 1/4 and 1/2 of train, one draw per seed (5 seeds or more), "
            "which takes four times as long.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Fine-tune an encoder on a task, one run per seed, and report scores with confidence intervals.

    The best run on dev is exported as a Hugging Face directory with a model card, for transformers and for
    `blurbstudy predict`. Runs that the store already has are not repeated.
    """
    from ..study.parameter_types import read_seeds
    from ..tasks.folds import check_resampled, parse_splits
    from ..tasks.subsets import check_draws
    from ..training.recipe_checks import check_recipe

    if no_model and model_dir is not None:
        raise ParameterError("--no-model and --model-dir are mutually exclusive; remove one of them")
    check_choice("device", device, DEVICES)
    seed_list = read_seeds(seeds)
    resampled = parse_splits(splits)
    if resampled is not None and learning_curve:
        raise ParameterError("--learning-curve and --splits are mutually exclusive; a curve is of the official train")
    if resampled is not None and model_dir is not None:
        raise ParameterError("--model-dir and --splits are mutually exclusive; with --splits no model is exported")
    if learning_curve:
        check_draws(len(seed_list))
    chosen_recipe = recipe if recipe in (None, *RECIPE_PRESETS) else load_recipe(recipe)
    if model_dir is not None:
        check_target(model_dir, overwrite=overwrite)
    known_task, folder = options.load()
    if resampled is not None:
        check_resampled(known_task)
    if isinstance(chosen_recipe, Recipe):
        check_recipe(chosen_recipe, known_task)
    check_encoder(encoder)
    RunStore(store).check_writable()
    from ..api.finetune import fine_tune  # with torch: after all checks
    from ..api.resampled import fine_tune_resampled

    if resampled is not None:
        with contextlib.redirect_stdout(sys.stderr):
            found = fine_tune_resampled(
                known_task,
                encoder,
                splits=resampled,
                data=folder,
                store=store,
                recipe=chosen_recipe,
                device=device,
                model_dir=model_dir,
            )
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else found.text())
        return
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the result
        result = fine_tune(
            known_task,
            encoder,
            data=folder,
            seeds=seed_list,
            store=store,
            recipe=chosen_recipe,
            device=device,
            export_model=not no_model,
            model_dir=model_dir,
            overwrite=overwrite,
            learning_curve=learning_curve,
        )
    typer.echo(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else result.text())
    if result.model_problem:
        raise StudyError(result.model_problem)
    if not result.sweep.trained:
        typer.echo(f"nothing to train: {count_of(result.sweep.reused, 'run')} in {store}", err=True)
