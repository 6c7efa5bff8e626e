"""One encoder fine-tuned on one task with several seeds, for people who bring their own (blurbstudy finetune)."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Recipe, recipe_from_dict
from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import EncoderSource, Sources, checkpoint_outline
from ..engine.sweep import SweepResult, run_missing
from ..engine.zero_shot import ZeroShotScore, describe_zero_shot, zero_shot_by_split
from ..errors import ParameterError, StudyError
from ..inference.model_directory.heads import head_form, lack
from ..inference.model_directory.settings import settings_of
from ..models import Architecture
from ..paths import models_folder
from ..stats.collapse import Reference, failure, is_unscored, load_references
from ..stats.summary import CellSummary, summarize
from ..store.run_store import RunStore, file_name
from ..store.run_weights import drop_rivals
from ..study.parameters import hub_id
from ..tables.score_table import score_details
from ..tables.table import Table, number
from ..tasks import Task, get_task
from ..tasks.custom.audit import OwnAudit, audit_own, check_learnable
from ..training.run_record import RunRecord
from .export_model import check_target, ensure_weights, export_run
from .model_facts import best_by_dev, summary_values
from .recommend.recommend import recommendation_of
from .recommend.rules import SEEDS
from .score import scores_by_class

RECOMMENDED, DEFAULT = "recommended", "default"  # words for a recipe

# Long training with bias correction at a small rate: the settings that Mosbach et al. 2021 found safe, with more epochs
# where an epoch is only a handful of steps.
DEFAULT_RECIPES = {
    "similarity": {"epochs": 40, "learning_rate": 5e-5, "max_length": 256},
    "question": {"epochs": 10, "learning_rate": 3e-5, "max_length": 512},
    "ner": {"epochs": 10, "learning_rate": 5e-5, "max_length": 256},  # longer sentences are split, never cut
    "pico": {"epochs": 5, "learning_rate": 5e-5, "max_length": 256},
    "relation": {"epochs": 10, "learning_rate": 3e-5, "max_length": 256},
    "document": {"epochs": 20, "learning_rate": 3e-5, "max_length": 512},
}


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """The runs of one encoder on one task, and what they say."""

    task: Task
    encoder: EncoderSource
    recipe: Recipe
    store: Path
    sweep: SweepResult
    reasons: dict[str, str | None]  # run id -> why it failed, judged on dev
    dev: CellSummary
    test: CellSummary | None  # None: there is no test set
    classes: Mapping[str, float]  # entity type or PICO class -> mean F1 over seeds, of test or else of dev
    audit: OwnAudit | None = None  # of a task of one's own
    plain: Mapping[str, ZeroShotScore] = field(default_factory=dict)  # split -> of a similarity task, nothing trained
    model: Path | None = None  # directory of the best run by dev
    model_notes: tuple[str, ...] = ()  # what is to be known of it, or why there is none
    model_problem: str = ""  # what hindered its being written

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; scores are fractions."""
        runs = [
            {
                "seed": record.config.seed,
                "dev": record.scores["dev"],
                "test": record.scores["test"],
                "failed": self.reasons[run_id] is not None,
                "reason": self.reasons[run_id],
                "seconds": round(record.seconds, 3),
                "id": run_id,
            }
            for run_id, record in self.sweep.items()
        ]
        test = None if self.test is None else summary_values(self.test)
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "recipe": self.recipe.to_dict(),
            "store": str(self.store),
            "trained": self.sweep.trained,
            "reused": self.sweep.reused,
            "runs": runs,
            "summary": {"dev": summary_values(self.dev), "test": test},
            "classes": dict(self.classes),
            "model": None if self.model is None else str(self.model),
            "model_notes": [*self.model_notes, *filter(None, [self.model_problem])],
            "audit": None if self.audit is None else dataclasses.asdict(self.audit),
            "plain_cosine": {split: dataclasses.asdict(own) for split, own in self.plain.items()},
        }

    def text(self) -> str:
        """A table for people; scores times 100."""
        lines = [f"{self.task.name} ({self.task.metric}, times 100), {self.encoder.description}"]
        lines.append(f"{'seed':>6} {'dev':>8} {'test':>8} {'seconds':>8}  failed")
        for run in self.to_dict()["runs"]:
            dev, test = (number(None if run[split] is None else run[split] * 100) for split in ("dev", "test"))
            lines.append(f"{run['seed']:>6} {dev:>8} {test:>8} {run['seconds']:>8.1f}  {run['reason'] or 'no'}")
        for name, summary in (("dev", self.dev), ("test", self.test)):
            if summary is not None:
                lines.append(f"{name}: " + ", ".join(f"{label} {value}" for label, value in score_details(summary)))
        if self.test is None:
            lines.append("test: none, the scores are of dev alone")
        if self.plain:
            lines.append(f"nothing trained, plain cosine of the encoder: {describe_zero_shot(self.plain.values())}")
            if "dev" in self.plain and self.dev.mean is not None and self.dev.mean < self.plain["dev"].score:
                lines.append("by dev these runs are worse than that: take the encoder as it is, or head: cosine")
        if self.classes:
            of = ", ".join(f"{name} {number(100 * score)}" for name, score in self.classes.items())
            lines.append(f"mean F1 by class ({'dev' if self.test is None else 'test'}): {of}")
        lines.append(f"{self.sweep.trained} runs trained, {self.sweep.reused} reused from {self.store}")
        lines += self.model_notes
        if self.model is not None:
            lines.append(f"model: {self.model}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            (str(run["seed"]), *(number(None if run[s] is None else 100 * run[s]) for s in ("dev", "test")),
             f"{run['seconds']:.1f}", run["reason"] or "no")
            for run in self.to_dict()["runs"]
        ]  # fmt: skip
        notes = self.text().splitlines()[2 + len(rows) :]
        notes += [f"warning: {said}" for said in (self.audit.warnings if self.audit else ())]
        title, columns = (
            f"{self.task.name} ({self.task.metric}, times 100)",
            ("Seed", "Dev", "Test", "Seconds", "Failed"),
        )
        table = Table(title=title, columns=columns, rows=rows, caption=self.encoder.description, notes=notes)
        return table._repr_html_()


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
    keep_model: bool = True,
    model_folder: Path | None = None,
    say: Callable[[str], object] = lambda line: print(line, file=sys.stderr),
) -> FineTuning:
    """Fine-tune an encoder on a task, once per seed; runs that the store holds are not made again. A task of one's own
    is audited first, and what was found printed.

    Args:
        task: BLURB's by name, or a task.
        data: the folder of BLURB's datasets, or mini; of no meaning to a task of one's own.
        recipe: one, or "recommended" (of a task of one's own the default) or "default", one per kind of task.
        keep_model: the best run by dev becomes a model directory.
        model_folder: that directory (default: one beside the store, named by task and run).
        say: is given the audit line by line.

    Raises:
        StudyError: a parameter, the data, the encoder or the store is wrong; the message says which and what to do.
    """
    known, kept = task if isinstance(task, Task) else get_task(task), RunStore(store)
    if keep_model and model_folder is not None:
        check_target(model_folder, replace=True)
    if known.custom:
        check_learnable(known)  # before an encoder is loaded, or anything written
        data = str(Path(known.files["train"]).parent)
    sources = resolve_sources(kept, tasks=[known], encoders={encoder: hub_id(encoder)}, data=data)
    chosen = _chosen(recipe, known, encoder, sources=sources, store=kept, device=device, say=say)
    if chosen.join_dev and "test" not in known.splits:
        raise ParameterError(
            f"join_dev=True leaves nothing to score, since {known.name} has no test set; set it to false"
        )
    plain = zero_shot_by_split(known, encoder, sources=sources, store=kept, device=device)
    audit = _audit(known, sources.encoders[encoder], chosen, say=say) if known.custom else None
    configs = [sources.run_config(known.name, encoder, recipe=chosen, seed=seed) for seed in seeds]
    engine = LocalEngine(device=device, keep_weights="best" if keep_model else "none")
    sweep = run_missing(configs, kept, sources=sources, engine=engine, progress=progress, label=known.name)
    references = load_references(kept, sources.fingerprints)
    records = list(sweep.values())
    scored = "test" if "test" in known.splits else "dev"
    made = _Made()
    if keep_model:
        made = _kept_model(
            kept,
            records,
            references[known.name],
            sources=sources,
            folder=model_folder,
            device=device,
            recipe_source=_recipe_source(recipe, known),
        )
    return FineTuning(
        task=known,
        encoder=sources.encoders[encoder],
        recipe=chosen,
        store=store,
        sweep=sweep,
        reasons={record.id: failure(record, references[known.name]) for record in records},
        dev=summarize(records, references, split="dev"),
        test=summarize(records, references) if scored == "test" else None,
        classes=_mean_by_class(records, references[known.name], split=scored),
        audit=audit,
        plain=plain,
        model=made.folder,
        model_notes=made.notes,
        model_problem=made.problem,
    )


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What became of the model."""

    folder: Path | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def _kept_model(
    store: RunStore,
    records: Sequence[RunRecord],
    reference: Reference,
    *,
    sources: Sources,
    folder: Path | None,
    device: str,
    recipe_source: str,
) -> _Made:
    """The best run by dev as a model directory; what hinders that is told, since the runs themselves are done."""
    best = best_by_dev(records, reference)
    if best is None:
        return _Made(notes=("no model: no run has a score",))
    place = folder or models_folder(store.folder) / f"{file_name(reference.task.name)}-{best.id[:8]}"
    notes = []
    if failure(best, reference) is not None:
        notes.append("warning: all runs failed; the model is the best of them by dev, and not to be relied on")
    try:
        difference = ensure_weights(store, best, sources=sources, device=device)
        drop_rivals(store, best.config)
        export_run(store, best, place, seeds=records, replace=True, recipe_source=recipe_source)
    except StudyError as error:
        return _Made(notes=tuple(notes), problem=f"the runs are done, but no model was written: {error}")
    if difference:
        notes.append(f"warning: the model was trained again and is not exactly the run: {difference}")
    head = settings_of(reference.task, best.config.recipe).head
    form = head_form(Architecture(**sources.encoder_of(best.config).architecture), head)
    notes += filter(None, [lack(form, head)])
    said = f"the model is of seed {best.config.seed}, the best by dev"
    return _Made(folder=place, notes=(*notes, said))


def _audit(task: Task, encoder: EncoderSource, recipe: Recipe, *, say: Callable[[str], object]) -> OwnAudit:
    """Made and said: warnings last, where they are seen."""
    audit = audit_with(encoder, task, max_length=recipe.max_length)
    for line in (*audit.facts, *(f"warning: {warning}" for warning in audit.warnings)):
        say(line)
    return audit


def audit_with(encoder: EncoderSource, task: Task, *, max_length: int) -> OwnAudit:
    """The audit of a task's files with the encoder's tokenizer."""
    tokenizer = dataclasses.replace(checkpoint_outline(encoder), path=Path(encoder.path)).tokenizer()
    return audit_own(task, tokenizer.backend_tokenizer, max_length=max_length)


def _mean_by_class(records: Sequence[RunRecord], reference: Reference, *, split: str) -> dict[str, float]:
    """Entity type or PICO class -> mean F1 over the runs that have a score; 0 where a run has found none of it."""
    truth = reference.gold[split].gold
    found = [
        scores_by_class(reference.task, truth, record.predictions[split])
        for record in records
        if not is_unscored(record, split)
    ]
    names = dict.fromkeys(name for own in found for name in own)
    return {name: sum(own[name].f1 for own in found if name in own) / len(found) for name in names}


def _chosen(
    recipe: Recipe | str | None,
    task: Task,
    encoder: str,
    *,
    sources: Sources,
    store: RunStore,
    device: str,
    say: Callable[[str], object],
) -> Recipe:
    """The recipe that is given, recommended, or the default of its kind; a recommended one is told."""
    if isinstance(recipe, Recipe):
        return recipe
    word = _recipe_word(recipe, task)
    if word == DEFAULT:
        return default_recipe(task, positions=sources.encoders[encoder].architecture["max_positions"])
    if word != RECOMMENDED:
        raise ParameterError(f"recipe={word!r} is unknown; use {RECOMMENDED}, {DEFAULT}, or a YAML file of fields")
    found = recommendation_of(task, encoder, sources=sources, store=store, device=device)
    told = ", ".join(f"{choice.field} {choice.value}" for choice in found.choices if choice.field != SEEDS)
    say(f"recommended recipe: {told}; {found.seeds} seeds are recommended (blurbstudy recommend gives the reasons)")
    return found.recipe


def _recipe_word(recipe: str | None, task: Task) -> str:
    return recipe or (RECOMMENDED if task.custom else DEFAULT)


def _recipe_source(recipe: Recipe | str | None, task: Task) -> str:
    """Where the recipe is from, for the model card."""
    if isinstance(recipe, Recipe):
        return "As it was given by whoever trained it; every setting that acts on this task."
    if _recipe_word(recipe, task) == RECOMMENDED:
        return "What blurbstudy recommends for this kind, size and encoder (`blurbstudy recommend` gives the reasons)."
    return f"blurbstudy's default for tasks of kind {task.task_type}."


def default_recipe(task: Task, *, positions: int) -> Recipe:
    """The recipe for a task where none is given; no sequence is longer than the encoder's positions."""
    fields = DEFAULT_RECIPES[task.task_type]
    return recipe_from_dict(fields | {"max_length": min(fields["max_length"], positions)})
