"""Fine-tune an encoder on all folds of resampled splits: how well a recipe does on a task, not a model of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import JsonObject, Recipe
from ..engine.engine import LocalEngine
from ..engine.sources.sources import EncoderSource, checkpoint_without_weights
from ..engine.sweep import SweepResult, run_missing
from ..errors import ParameterError
from ..inference.model_directory.card_results import describe_statuses
from ..stats.classes.class_report import ClassReport
from ..stats.classes.class_scores import class_scores
from ..stats.references import GoldReference, load_gold, with_gold
from ..stats.resampled.intervals import NADEAU_BENGIO, ResampledMean
from ..stats.status import Judgement, judge_run
from ..stats.summary import CellSummary, summarize
from ..store.run_store import Gold, RunStore
from ..tables.class_scores import report_lines, report_tables
from ..tables.formatting import format_count, format_interval, format_number
from ..tables.score_table import percent, percents
from ..tables.table import Table
from ..tasks import Task, read_task
from ..tasks.caveats import POOLED, Caveat, find_pooled_caveats
from ..tasks.folds import ResampledSplits, check_resampled, pooled_names
from ..tasks.task import describe_scoring
from ..training.run_record import RunRecord
from .caveats import caveat_lines, caveats_of_folds, selection_caveats, selection_lines
from .finetune import prepare, print_to_stderr
from .model_facts import dev_choices, judgement_values, status_counts

NO_MODEL = (
    "no model is exported: each run was tested on examples that the other folds train on; for a model, fine-tune on "
    "the official split"
)
CLASS_NOTE = (
    "by class: each example as the run predicts that was not trained on it; intervals over examples, not over "
    "trainings; no ROC AUC, since the probabilities are of several models"
)


@dataclass(frozen=True, kw_only=True)
class ResampledResult:
    """The runs of one encoder on resampled splits of one task, and their mean."""

    task: Task
    encoder: EncoderSource
    recipe: Recipe
    store: Path
    splits: ResampledSplits
    sweep: SweepResult
    judgements: Mapping[str, Judgement]  # run id -> status, judged by training loss and on the fold's dev
    summary: CellSummary
    by_class: ClassReport | None = None  # None: no repeat has predictions on every fold
    caveats: tuple[Caveat, ...] = ()  # of all examples
    model: None = None  # see NO_MODEL

    @property
    def mean(self) -> ResampledMean | None:
        """The mean with its intervals; None where no repeat has a score on every fold."""
        return self.summary.resampled

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        runs = [
            {
                "repeat": record.config.repeat + 1,
                "fold": record.config.fold + 1,
                "seed": record.config.seed,
                "dev": record.scores["dev"],
                "test": record.scores["test"],
                **judgement_values(self.judgements[run_id]),
                **dev_choices(record),
                "seconds": round(record.seconds, 3),
                "id": run_id,
            }
            for run_id, record in self.sweep.items()
        ]
        mean, records = self.mean, list(self.sweep.values())
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "scored_on": {split: self.task.scored_on(split) for split in self.task.splits},
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "recipe": self.recipe.to_dict(),
            "store": str(self.store),
            "splits": str(self.splits),
            "trained": self.sweep.trained,
            "reused": self.sweep.reused,
            "runs": runs,
            "sizes": None if mean is None else dict(mean.sizes),
            "mean": None if mean is None else mean.mean,
            "repeats": 0 if mean is None else mean.n_repeats,
            "interval": None if mean is None else mean.interval,
            "interval_by": self.summary.example_method,
            "nadeau_bengio_interval": None if mean is None else mean.nadeau_bengio,
            "trivial": self.summary.trivial,
            **({"classes": {}} if self.by_class is None else self.by_class.to_dict()),
            "caveats": [caveat.to_dict() for caveat in (*self.caveats, *selection_caveats(self.recipe, records))],
            "statuses": status_counts(self.summary.statuses),
            "collapse_interval": self.summary.collapse_interval,
            "model": None,
            "model_notes": [NO_MODEL],
        }

    def text(self) -> str:
        """A table for the terminal; scores times 100."""
        head = f"{'repeat':>6} {'fold':>5} {'seed':>5} {'dev':>8} {'test':>8}  status"
        rows = [
            f"{repeat:>6} {fold:>5} {seed:>5} {dev:>8} {test:>8}  {status}"
            for repeat, fold, seed, dev, test, status in self._rows()
        ]
        return "\n".join([f"{self._title()}, {self.encoder.description}", head, *rows, *self._notes(by_class=True)])

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        runs = Table(
            title=self._title(),
            columns=("Repeat", "Fold", "Seed", "Dev", "Test", "Status"),
            rows=list(self._rows()),
            caption=self.encoder.description,
            notes=self._notes(),
        )
        classes = report_tables(self.by_class) if self.by_class else []
        return "".join(table._repr_html_() for table in (runs, *classes))

    def _title(self) -> str:
        return f"{self.task.name}, all examples in {self.splits} folds ({self.task.metric}, times 100)"

    def _rows(self) -> Iterator[tuple[str, str, str, str, str, str]]:
        for run_id, record in self.sweep.items():
            config = record.config
            dev, test = (format_number(percent(record.scores[split])) for split in ("dev", "test"))
            repeat, fold, seed = str(config.repeat + 1), str(config.fold + 1), str(config.seed)
            yield repeat, fold, seed, dev, test, str(self.judgements[run_id])

    def _notes(self, *, by_class: bool = False) -> list[str]:
        summary = self.summary
        rate = format_interval(percents(summary.collapse_interval))
        notes = [f"status: {describe_statuses(status_counts(summary.statuses))}; rate of collapse in %, 95% {rate}"]
        notes += selection_lines(self.recipe, list(self.sweep.values()))
        notes += describe_scoring(self.task, self.task.splits)
        mean = self.mean
        if mean is None:
            notes.append("no repeat has a score on every fold, so there is no mean")
        else:
            sizes = "/".join(f"{n:,}" for n in mean.sizes.values())
            with_collapsed = ", collapsed runs included" if summary.collapsed else ""
            interval = "" if mean.interval is None else f" {format_interval(percents(mean.interval))}"
            notes += [
                f"mean {format_number(percent(mean.mean))} over {format_count(mean.n_repeats, 'repeat')} of "
                f"{mean.n_folds} test folds{with_collapsed}, train/dev/test {sizes}; trivial "
                f"{format_number(percent(summary.trivial))}",
                f"95%{interval} ({mean.method}); {NADEAU_BENGIO} {format_interval(percents(mean.nadeau_bengio))}",
            ]
        notes += caveat_lines(self.caveats, POOLED)
        if self.by_class and self.by_class.classes:
            notes += report_lines(self.by_class) if by_class else []
            notes.append(CLASS_NOTE)
        notes.append("not comparable with scores on the official split, which is another question")
        notes.append(f"{format_count(self.sweep.trained, 'run')} trained, {self.sweep.reused} reused from {self.store}")
        return [*notes, NO_MODEL]


def fine_tune_resampled(
    task: str | Task,
    encoder: str,
    *,
    splits: ResampledSplits,
    data: str = "",
    store: Path,
    recipe: Recipe | str | None = None,
    device: str = "auto",
    progress: str = "auto",
    model_dir: Path | None = None,
    log: Callable[[str], object] = print_to_stderr,
) -> ResampledResult:
    """Fine-tune an encoder on every fold of a task, whose own splits are pooled. Runs in the store are not repeated.

    Args:
        model_dir: must be None; see NO_MODEL.

    Other arguments as of `fine_tune`.

    Raises:
        StudyError: a parameter, the data, the encoder or the store is invalid.
    """
    if model_dir is not None:
        raise ParameterError(f"model_dir={str(model_dir)!r} with splits={str(splits)!r}: {NO_MODEL}")
    run_store = RunStore(store)
    known_task = task if isinstance(task, Task) else Task.load(task)
    check_resampled(known_task)
    sources, resolved = prepare(known_task, encoder, data=data, store=run_store, recipe=recipe, device=device, log=log)
    configs = sources.resampled_configs(known_task.name, encoder, recipe=resolved, splits=splits)
    engine = LocalEngine(device=device)
    sweep = run_missing(configs, run_store, sources=sources, engine=engine, progress=progress, label=known_task.name)
    references = load_gold(run_store, sources.fingerprints)
    reference, records = references[known_task.name], list(sweep.values())
    examples = [e for split in read_task(known_task, sources.data_folder or "").values() for e in split]
    tokenizer = checkpoint_without_weights(sources.encoders[encoder]).tokenizer().backend_tokenizer
    units = pooled_names(reference.gold)[1]
    caveats = find_pooled_caveats(known_task, examples, units, tokenizer, max_length=resolved.max_length)
    return ResampledResult(
        task=known_task,
        encoder=sources.encoders[encoder],
        recipe=resolved,
        store=store,
        splits=splits,
        sweep=sweep,
        judgements={record.id: judge_run(record, reference) for record in records},
        summary=summarize(records, references),
        by_class=_class_report(records, reference),
        caveats=caveats_of_folds(caveats, records, reference),
    )


def _class_report(records: Sequence[RunRecord], reference: GoldReference) -> ClassReport | None:
    """The scores by class of the predictions for all examples, means over the repeats that have them."""
    ids, units = pooled_names(reference.gold)
    gold = tuple(label for split in reference.gold.values() for label in split.gold)
    by_repeat: dict[int, dict[str, str | float]] = {}
    for record in records:
        names = with_gold(reference.of_run(record)).gold["test"].ids
        by_repeat.setdefault(record.config.repeat, {}).update(
            zip(names, record.predictions.get("test") or (), strict=False)
        )
    complete = [[found[name] for name in ids] for found in by_repeat.values() if len(found) == len(ids)]
    if not complete:
        return None
    pooled = dataclasses.replace(reference, gold={"test": Gold(ids=tuple(ids), units=tuple(units), gold=gold)})
    classes = class_scores(pooled, complete, split="test")
    whose = f"mean of {format_count(len(complete), 'repeat')}"
    return ClassReport(split=POOLED, whose=whose, classes=classes, ranking=None)
