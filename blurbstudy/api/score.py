"""Predictions scored with the study's metrics, whoever made them (blurbstudy score): score, interval, trivial score."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ParameterError, StoreError, StudyError
from ..metrics import (
    COUNTING,
    METRICS,
    Convention,
    PrecisionRecallF1,
    entity_scores,
    is_correlated,
    pico_scores,
    precision_recall_f1,
    scoring_conventions,
)
from ..stats.collapse import Reference, is_unscored, load_references
from ..stats.intervals import (
    FEW_UNITS,
    PERFECT,
    Interval,
    all_right,
    fisher_interval,
    percentile_interval,
    wilson_interval,
)
from ..store.custom_tasks import task_of
from ..store.run_store import Gold, RunStore
from ..tables.table import Table, interval, number
from ..tasks import SPLITS, Example, Task, data_fingerprint, read_split
from ..tasks.prediction_files import read_predictions, write_predictions
from ..training.run_record import RunRecord

TRIVIAL = {  # output -> what the trivial score is the score of
    "token_labels": "nothing tagged",
    "single_label": "the majority label of train",
    "multi_label": "the labels that most documents of train have",
    "score": "no correlation",
}
OTHERS = {"document_f1": ("example_based_f1",)}  # metric -> others of the same predictions, which are other numbers


@dataclass(frozen=True, kw_only=True)
class ScoredPredictions:
    """One set of predictions and what it scores; scores are fractions."""

    task: Task
    split: str
    origin: str  # the predictions' file, or the run
    score: float  # by the task's metric
    n: int  # examples
    unit: str  # what the bootstrap draws: document, sentence, ...
    units: int  # how many of them there are
    interval: Interval | None  # 95% over examples; None where there is none
    method: str  # of the interval, or "none: " and why
    trivial: float  # what reads nothing scores
    precision_recall: PrecisionRecallF1 | None  # None where the metric has none
    classes: Mapping[str, PrecisionRecallF1]  # of a PICO task, and of entities of several types
    conventions: Sequence[Convention]  # of entity recognition: other ways to count, strict first
    others: Mapping[str, float]  # other metrics by name

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; scores are fractions."""
        return {
            "task": self.task.name,
            "split": self.split,
            "predictions": self.origin,
            "metric": self.task.metric,
            "title": METRICS[self.task.metric].title,
            "score": self.score,
            "n": self.n,
            "unit": self.unit,
            "units": self.units,
            "interval": None if self.interval is None else list(self.interval),
            "interval_by": self.method,
            "trivial": self.trivial,
            "precision_recall": None if self.precision_recall is None else dataclasses.asdict(self.precision_recall),
            "classes": {name: dataclasses.asdict(scores) for name, scores in self.classes.items()},
            "conventions": [dataclasses.asdict(convention) for convention in self.conventions],
            "others": dict(self.others),
        }

    def text(self) -> str:
        """The same for people; scores times 100."""
        drawn = f", {self.units} {self.unit}{'s' * (self.units > 1)}" if self.units != self.n else ""
        lines = [
            f"{self.task.name} {self.split}: {METRICS[self.task.metric].title} (times 100) of {self.origin}",
            f"score {_percent(self.score)}, 95% interval {self._interval()}, n = {self.n}{drawn}",
            f"trivial score {_percent(self.trivial)} ({TRIVIAL[self.task.output]})",
        ]
        if self.precision_recall is not None:
            found = self.precision_recall
            lines.append(
                f"precision {_percent(found.precision)} ({found.right} of {found.predicted} predicted), "
                f"recall {_percent(found.recall)} ({found.found} of {found.gold} gold)"
            )
        lines += [f"{METRICS[name].title}, another metric: {_percent(value)}" for name, value in self.others.items()]
        for name, scores in self.classes.items():
            lines.append(_row(name, scores.precision, scores.recall, scores.f1, scores.gold, scores.predicted))
        if self.classes:
            lines.insert(-len(self.classes), HEAD.format("class"))
        if self.conventions:
            lines += ["", "The same predictions by every convention; numbers of different ones are not comparable:"]
            lines.append(HEAD.format("convention"))
        for c in self.conventions:
            lines.append(_row(c.name, c.precision, c.recall, c.f1, c.gold_mentions, c.predicted_mentions))
            lines.append(f"    {c.meaning}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(METRICS[self.task.metric].title, _percent(self.score), self._interval(), f"{self.n}")]
        rows += [(f"F1 of {name}", _percent(one.f1), "–", f"{one.gold}") for name, one in self.classes.items()]
        rows += [(METRICS[name].title, _percent(value), "–", f"{self.n}") for name, value in self.others.items()]
        rows.append((f"trivial: {TRIVIAL[self.task.output]}", _percent(self.trivial), "–", f"{self.n}"))
        title, columns = f"{self.task.name}, {self.split} (times 100)", ("Score", "Value", "95% over examples", "n")
        return Table(title=title, columns=columns, rows=rows, caption=self.origin)._repr_html_()

    def _interval(self) -> str:
        if self.interval is None:
            return self.method
        low, high = self.interval
        few = self.units < FEW_UNITS and self.task.metric != "pearson"  # Fisher's z knows how few there are
        warning = f"; too narrow, as {self.units} {self.unit}s are few" if few else ""
        return f"{interval((100 * low, 100 * high))} ({self.method}{warning})"


def score_file(path: Path, task: Task, folder: Path, *, split: str = "test") -> ScoredPredictions:
    """Score a file of predictions against the task's files in a folder.

    Raises:
        ParameterError: the split is unknown.
        DataError: the data or the predictions are missing, malformed, or do not fit each other.
    """
    _check_split(split)
    examples = read_split(task, folder, split=split)
    predicted = read_predictions(path, task, examples, split=split)
    return score_examples(predicted, examples, task, folder, split=split, origin=str(path))


def score_examples(
    predicted: Sequence[str | float], examples: Sequence[Example], task: Task, folder: Path, *, split: str, origin: str
) -> ScoredPredictions:
    """Score predictions for the examples of a split, in their order.

    Raises:
        DataError: the train file, which the trivial score may ask for, is missing or malformed.
    """
    gold = {split: _gold(examples)}
    if task.output in ("single_label", "multi_label"):  # the others' trivial score asks for no training labels
        gold["train"] = _gold(read_split(task, folder, split="train"))
    gold.setdefault("train", Gold(ids=(), units=(), gold=()))
    reference = Reference(task=task, data="", gold=gold)
    return score_predictions(predicted, reference, split=split, origin=origin)


def score_run(run_id: str, store: RunStore, *, split: str = "test", task: Task | None = None) -> ScoredPredictions:
    """Score the predictions of a run in a store, which holds the gold labels too.

    Raises:
        ParameterError: the split is unknown, or the run is of another task than the one named.
        StoreError: the store has no such run, or not its gold labels.
        StudyError: the run has no score there.
    """
    record = _scored_record(run_id, store, split=split, task=task)
    reference = load_references(store, [record])[record.config.task]
    reference.check(record)
    return score_predictions(record.predictions[split], reference, split=split, origin=f"run {run_id}")


def export_run(run_id: str, store: RunStore, *, folder: Path, file: Path, split: str = "test") -> None:
    """Write a run's predictions as `score_file` reads them; no file is overwritten. A store keeps no words, so the
    task's files in a folder are needed: the very ones of the run.

    Raises:
        ParameterError: the split is unknown, or the file is there already or cannot be written.
        StoreError: the store has no such run.
        StudyError: the run has no score there, or is of other data.
        DataError: the data are missing or malformed.
    """
    record = _scored_record(run_id, store, split=split)
    task = task_of(store, record.config.task, record.config.data)
    found = data_fingerprint(task, folder)
    if found != record.config.data:
        raise StudyError(
            f"run {run_id} is of {task.name} ({record.config.data}), {folder} holds another version of it ({found}); "
            "name the folder of the data that the run was made on (--data DIR)"
        )
    write_predictions(file, task, read_split(task, folder, split=split), record.predictions[split])


def _scored_record(run_id: str, store: RunStore, *, split: str, task: Task | None = None) -> RunRecord:
    """The record of a run that has a score on a split."""
    _check_split(split)
    record = store.get(run_id) if run_id in store.ids() else None
    if record is None:
        raise StoreError(
            f"{store.folder}: no run {run_id[:40]!r} of this version of blurbstudy there; check --run and --store"
        )
    if task is not None and task.name != record.config.task:
        raise ParameterError(f"run {run_id} is of {record.config.task}, not of {task.name}; leave --task out")
    if missing := _why_unscored(record, split):
        raise StudyError(f"run {run_id} has no score on {split}: {missing}")
    return record


def _why_unscored(record: RunRecord, split: str) -> str:
    """Why a run has no score on a split; "" where it has one."""
    if split == "train":
        return "a store keeps predictions on dev and test alone; use --split dev or test"
    if split == "test" and record.status == "finished" and "test" not in record.predictions:
        return "its task has no test set; use --split dev"
    if split == "dev" and record.config.recipe.join_dev:
        return "dev joined train; use --split test"
    return "its loss, or a prediction, left the finite numbers" if is_unscored(record, split) else ""


def score_predictions(
    predicted: Sequence[str | float], reference: Reference, *, split: str, origin: str
) -> ScoredPredictions:
    """Score predictions that stand in the order of the gold labels."""
    task, truth = reference.task, reference.gold[split]
    score = reference.score(truth.gold, predicted)
    bounds, method = _interval_over_examples(score, predicted, reference, split=split)
    counts = {"positives": task.positive_labels}
    return ScoredPredictions(
        task=task,
        split=split,
        origin=origin,
        score=score,
        n=len(truth.gold),
        unit=reference.unit(split),
        units=reference.n_units(split),
        interval=bounds,
        method=method,
        trivial=reference.trivial(split),
        precision_recall=(
            precision_recall_f1(task.metric, truth.gold, predicted, **counts) if task.metric in COUNTING else None
        ),
        classes=scores_by_class(task, truth.gold, predicted),
        conventions=tuple(scoring_conventions(truth.gold, predicted)) if task.metric == "entity_f1" else (),
        others={name: METRICS[name].score(truth.gold, predicted, **counts) for name in OTHERS.get(task.metric, ())},
    )


def scores_by_class(
    task: Task, gold: Sequence[str | float], predicted: Sequence[str | float]
) -> dict[str, PrecisionRecallF1]:
    """Of each PICO class by words, of each entity type by mentions where there are types; of all other tasks none."""
    if task.metric == "pico_f1":
        return pico_scores(gold, predicted, positives=task.positive_labels)
    is_typed = task.task_type == "ner" and any("-" in label for label in task.labels)
    return entity_scores(gold, predicted) if is_typed else {}


def _interval_over_examples(
    score: float, predicted: Sequence[str | float], reference: Reference, *, split: str
) -> tuple[Interval | None, str]:
    """The 95% interval of a score and its method; None and why where there is none."""
    truth, method = reference.gold[split].gold, reference.interval_method(split)
    if reference.task.metric != "pearson":
        found = percentile_interval(reference.resampled(predicted, split=split))
        if found == PERFECT:
            n = reference.n_units(split)
            return wilson_interval(n, n), all_right(method)
        return found, method
    if not is_correlated(truth, predicted):
        side = "predictions" if is_correlated(truth, truth) else "gold scores"
        return None, f"none: r is undefined where all {side} are the same"
    return fisher_interval(score, len(truth)), method


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise ParameterError(f"split={split[:40]!r} is unknown; use {' or '.join(SPLITS)}")


def _gold(examples: Sequence[Example]) -> Gold:
    return Gold(
        ids=tuple(example.id for example in examples),
        units=tuple(example.unit for example in examples),
        gold=tuple(example.label for example in examples),
    )


HEAD = "{:<24}" + f"{'precision':>10} {'recall':>8} {'F1':>8} {'gold':>8} {'predicted':>10}"


def _row(name: str, precision: float, recall: float, f1: float, gold: int, predicted: int) -> str:
    scores = f"{_percent(precision):>10} {_percent(recall):>8} {_percent(f1):>8}"
    return f"{name:<24}{scores} {gold:>8} {predicted:>10}"


def _percent(fraction: float) -> str:
    return number(100 * fraction)
