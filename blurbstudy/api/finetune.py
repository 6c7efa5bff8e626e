"""Fine-tune an encoder on a task with several seeds (blurbstudy finetune)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import RECIPE_PRESETS, JsonMapping, Recipe, RunConfig, recipe_from_dict
from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import EncoderSource, Sources, checkpoint_without_weights
from ..engine.sweep import run_missing
from ..engine.zero_shot import zero_shot_by_split
from ..errors import ParameterError, StudyError
from ..inference.model_directory.check import check_target, exported_run_id, is_unchanged
from ..inference.model_directory.heads import head_layout, missing_in_transformers
from ..inference.model_directory.settings import settings_of
from ..models import load_checkpoint
from ..paths import models_folder
from ..stats.calibration.stored import keep_calibration
from ..stats.classes.class_report import class_report_of_runs
from ..stats.references import GoldReference, load_gold
from ..stats.status import judge_run
from ..stats.summary import summarize
from ..store.caveats import put_caveats, stored_caveats
from ..store.run_store import RunStore, safe_filename
from ..store.run_weights import prune_other_seeds
from ..study.parameters import hub_id
from ..tasks import Task, get_task, read_split, read_task
from ..tasks.caveats import Caveat, find_caveats
from ..tasks.custom.audit import CustomTaskAudit, audit_custom_task, check_trainable
from ..training.recipe_checks import check_length, check_recipe
from ..training.run_record import RunRecord
from .caveats import caveats_of_runs
from .export_model import export_run
from .finetune_result import FinetuneResult
from .model_facts import best_by_dev, select_by_dev
from .recommend.decision import SEEDS
from .recommend.recommend import recommendation_of
from .retrain import ensure_weights
from .seeds import curve_configs, seeds_report, train_curve

RECOMMENDED, DEFAULT = RECIPE_PRESETS

# Long training with bias correction at a small learning rate, which Mosbach et al. (2021) found stable, with more
# epochs for tasks whose epochs have few steps.
DEFAULT_RECIPES = {
    "similarity": {"epochs": 40, "learning_rate": 5e-5, "max_length": 256, "center_scores": True},
    "question": {"epochs": 10, "learning_rate": 3e-5, "max_length": 512},
    "ner": {"epochs": 10, "learning_rate": 5e-5, "max_length": 256},  # longer sentences are split, not truncated
    "pico": {"epochs": 5, "learning_rate": 5e-5, "max_length": 256},
    "relation": {"epochs": 10, "learning_rate": 3e-5, "max_length": 256},
    "document": {"epochs": 20, "learning_rate": 3e-5, "max_length": 512},
}


def print_to_stderr(line: str) -> None:
    """The default log."""
    print(line, file=sys.stderr)


def fine_tune(
    task: str | Task,
    encoder: str,
    *,
    data: str = "",
    seeds: Sequence[int],
    store: Path,
    recipe: Recipe | str | None = None,
    device: str = "auto",
    progress: str = "auto",
    export_model: bool = True,
    model_dir: Path | None = None,
    overwrite: bool = False,
    learning_curve: bool = False,
    log: Callable[[str], object] = print_to_stderr,
) -> FinetuneResult:
    """Fine-tune an encoder on a task, once per seed. Runs that the store already has are not repeated. The files of a
    custom task are audited first.

    Args:
        task: a task, or the name of a BLURB task.
        data: folder of the BLURB datasets, or mini; ignored for a custom task.
        recipe: a recipe, "recommended" (the default for custom tasks), or "default", one per kind of task.
        export_model: whether the best run on dev is exported as a model directory.
        model_dir: that directory (default: one next to the store, named by task and run).
        overwrite: replace the model directory whatever it contains.
        learning_curve: also train on 1/8, 1/4 and 1/2 of train, in as many steps, a subset by seed.
        log: receives the lines of the audit and the recommended recipe.

    Raises:
        StudyError: a parameter, the data, the encoder or the store is invalid.
    """
    known_task, run_store = task if isinstance(task, Task) else get_task(task), RunStore(store)
    if export_model and model_dir is not None:
        check_target(model_dir, overwrite=overwrite)
    sources, resolved = prepare(known_task, encoder, data=data, store=run_store, recipe=recipe, device=device, log=log)
    zero_shot = zero_shot_by_split(known_task, encoder, sources=sources, store=run_store, device=device)
    audit = _audit(known_task, sources.encoders[encoder], resolved, log=log) if known_task.custom else None
    configs = [sources.run_config(known_task.name, encoder, recipe=resolved, seed=seed) for seed in seeds]
    caveats = audit.caveats if audit else _known_caveats(run_store, configs[0], sources=sources)
    put_caveats(run_store, configs[0], caveats)
    by_share = curve_configs(configs, known_task, run_store) if learning_curve else {}
    engine = LocalEngine(device=device, keep_weights="best" if export_model else "none")
    sweep = run_missing(configs, run_store, sources=sources, engine=engine, progress=progress, label=known_task.name)
    references = load_gold(run_store, sources.fingerprints)
    records, reference = list(sweep.values()), references[known_task.name]
    has_test = "test" in known_task.splits
    split = "test" if has_test else "dev"
    best = select_by_dev(records, reference)
    model = ExportedModel()
    if export_model:
        model = _export_best(
            run_store,
            records,
            reference,
            sources=sources,
            model_dir=model_dir,
            overwrite=overwrite,
            device=device,
            recipe_source=_recipe_source(recipe, known_task),
        )
    return FinetuneResult(
        task=known_task,
        encoder=sources.encoders[encoder],
        recipe=resolved,
        store=store,
        sweep=sweep,
        judgements={record.id: judge_run(record, reference) for record in records},
        best=best,
        dev=summarize(records, references, split="dev"),
        test=summarize(records, references) if has_test else None,
        by_class=class_report_of_runs(records, reference, split=split, chosen=best.record if best else None),
        seeds=seeds_report(records, reference, split=split),
        curve=train_curve(by_share, reference, sources=sources, store=run_store, device=device, progress=progress)
        if by_share
        else None,
        audit=audit,
        caveats=caveats_of_runs(caveats, records, reference),
        zero_shot=zero_shot,
        model=model.folder,
        model_notes=model.notes,
        model_problem=model.problem,
        calibration=model.calibration,
    )


def prepare(
    task: Task,
    encoder: str,
    *,
    data: str,
    store: RunStore,
    recipe: Recipe | str | None,
    device: str,
    log: Callable[[str], object],
) -> tuple[Sources, Recipe]:
    """Data and encoder, in the store's metadata too, and the recipe; arguments as of `fine_tune`."""
    if isinstance(recipe, Recipe):
        check_recipe(recipe, task)  # before anything is loaded
    if task.custom:
        log(f"{task.name}: reading and auditing the files")  # which takes a minute for 20 MB
        check_trainable(task)  # before an encoder is loaded or anything is written
        data = str(Path(task.files["train"]).parent)
    sources = resolve_sources(store, tasks=[task], encoders={encoder: hub_id(encoder)}, data=data)
    if isinstance(recipe, Recipe):  # other recipes keep to it
        check_length(recipe, encoder, positions=sources.encoders[encoder].architecture.max_positions)
    if path := sources.encoders[encoder].path:
        load_checkpoint(path)  # refuses incomplete or damaged weights before the audit and any training
    resolved = _resolve_recipe(recipe, task, encoder, sources=sources, store=store, device=device, log=log)
    return sources, resolved


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """The outcome of an export."""

    folder: Path | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""
    calibration: JsonMapping | None = None  # see stats.calibration


def _export_best(
    store: RunStore,
    records: Sequence[RunRecord],
    reference: GoldReference,
    *,
    sources: Sources,
    model_dir: Path | None,
    overwrite: bool,
    device: str,
    recipe_source: str,
) -> ExportedModel:
    """Export the best run on dev. Errors are returned, since the runs themselves are complete."""
    best = best_by_dev(records, reference)
    if best is None:
        return ExportedModel(notes=("no model: no run has a score",))
    folder = model_dir or models_folder(store.folder) / f"{safe_filename(reference.task.name)}-{best.id[:8]}"
    notes = []
    if judge_run(best, reference).status.failed:
        notes.append("warning: all runs failed; the model is the best of them on dev, do not rely on it")
    if exported_run_id(folder) == best.id and not is_unchanged(folder) and not overwrite:
        notes.append(f"{folder} already has this model and was edited, so it is not replaced (--overwrite replaces it)")
        return ExportedModel(folder=folder, notes=tuple(notes))
    try:
        difference = ensure_weights(store, best, sources=sources, device=device)
        prune_other_seeds(store, best.config)
        calibrated = keep_calibration(
            store,
            best,
            reference,
            examples=lambda split: read_split(sources.task(best.config.task), sources.data_folder or "", split=split),
            device=device,
        )
        export_run(store, best, folder, seeds=records, overwrite=overwrite, recipe_source=recipe_source)
    except StudyError as error:
        return ExportedModel(notes=tuple(notes), problem=f"the runs are complete, but no model was exported: {error}")
    if difference:
        notes.append(f"warning: the model was trained again and differs from the run: {difference}")
    head = settings_of(reference.task, best.config.recipe).head
    layout = head_layout(sources.encoder_of(best.config).architecture, head)
    notes += filter(None, [missing_in_transformers(layout, head)])
    notes.append(f"the model has seed {best.config.seed}, the best on dev")
    return ExportedModel(folder=folder, notes=tuple(notes), calibration=calibrated)


def _audit(task: Task, encoder: EncoderSource, recipe: Recipe, *, log: Callable[[str], object]) -> CustomTaskAudit:
    """Audit and log; warnings come last, where they are seen."""
    audit = audit_with(encoder, task, max_length=recipe.max_length, train_on_dev=recipe.train_on_dev)
    for line in (*audit.facts, *(f"warning: {warning}" for warning in audit.warnings)):
        log(line)
    return audit


def audit_with(encoder: EncoderSource, task: Task, *, max_length: int, train_on_dev: bool = False) -> CustomTaskAudit:
    """The audit of a custom task's files with the encoder's tokenizer."""
    tokenizer = checkpoint_without_weights(encoder).tokenizer()
    return audit_custom_task(task, tokenizer.backend_tokenizer, max_length=max_length, train_on_dev=train_on_dev)


def _known_caveats(store: RunStore, config: RunConfig, *, sources: Sources) -> tuple[Caveat, ...]:
    """The caveats of a BLURB task's scores, from the store or its files."""
    if (kept := stored_caveats(store, config)) is not None:
        return kept
    task, tokenizer = sources.task(config.task), checkpoint_without_weights(sources.encoder_of(config)).tokenizer()
    splits, recipe = read_task(task, sources.data_folder or ""), config.recipe
    return find_caveats(
        task, splits, tokenizer.backend_tokenizer, max_length=recipe.max_length, train_on_dev=recipe.train_on_dev
    )


def _resolve_recipe(
    recipe: Recipe | str | None,
    task: Task,
    encoder: str,
    *,
    sources: Sources,
    store: RunStore,
    device: str,
    log: Callable[[str], object],
) -> Recipe:
    """The recipe itself, the recommended one (which is logged), or the default of the task's kind."""
    if isinstance(recipe, Recipe):
        return recipe
    preset = _recipe_preset(recipe, task)
    if preset == DEFAULT:
        return default_recipe(task, positions=sources.encoders[encoder].architecture.max_positions)
    if preset != RECOMMENDED:
        raise ParameterError(f"recipe={preset!r} is unknown; use {RECOMMENDED}, {DEFAULT}, or a YAML file of fields")
    recommendation = recommendation_of(task, encoder, sources=sources, store=store, device=device)
    values = ", ".join(f"{item.field} {item.value}" for item in recommendation.decisions if item.field != SEEDS)
    log(f"recommended recipe: {values}; recommended seeds: {recommendation.seeds} (reasons: blurbstudy recommend)")
    return recommendation.recipe


def _recipe_preset(recipe: str | None, task: Task) -> str:
    return recipe or (RECOMMENDED if task.custom else DEFAULT)


def _recipe_source(recipe: Recipe | str | None, task: Task) -> str:
    """The origin of the recipe, for the model card."""
    if isinstance(recipe, Recipe):
        return "Chosen by the user. All settings that affect this task:"
    if _recipe_preset(recipe, task) == RECOMMENDED:
        return "As recommended by `blurbstudy recommend`, which also states the reasons:"
    return f"The default of blurbstudy for tasks of kind {task.task_type}:"


def default_recipe(task: Task, *, positions: int) -> Recipe:
    """The default recipe for the task's kind; `max_length` is at most the encoder's positions."""
    values = DEFAULT_RECIPES[task.task_type]
    return recipe_from_dict(values | {"max_length": min(values["max_length"], positions)})
