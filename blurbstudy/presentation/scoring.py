"""Predictions scored with the study's metrics, whoever made them (blurbstudy score): score, interval, trivial score."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ParameterError, StoreError, StudyError
from ..metrics import (
    METRICS,
    Convention,
    PrecisionRecallF1,
    pico_scores,
    precision_recall_f1,
    scoring_conventions,
)
from ..results.failure import Reference, is_unscored, load_references
from ..results.intervals import Interval, fisher_interval, percentile_interval
from ..results.store import Gold, RunStore
from ..tasks import SPLITS, Example, Task, get_task, read_split
from ..tasks.predictions import read_predictions
from .tables import interval, number

TRIVIAL = {  # output -> what the trivial score is the score of
    "tags": "nothing tagged",
    "label": "the majority label of train",
    "label_set": "the labels that most documents of train have",
    "score": "no correlation",
}
COUNTING = ("entity_f1", "micro_f1", "document_f1")  # metrics with one precision and one recall
OTHERS = {"document_f1": ("example_based_f1",)}  # metric -> others of the same predictions, which are other numbers


@dataclass(frozen=True, kw_only=True)
class ScoredPredictions:
    """One set of predictions and what it scores; scores are fractions."""

    task: Task
    split: str
    origin: str  # the predictions' file, or the run
    score: float  # by the task's metric
    n: int  # examples
    units: int  # what the bootstrap draws: documents, sentences, ...
    interval: Interval  # 95% over examples
    method: str  # of the interval
    trivial: float  # what reads nothing scores
    precision_recall: PrecisionRecallF1 | None  # None where the metric has none
    classes: Mapping[str, PrecisionRecallF1]  # of a PICO task
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
            "unit": self.task.unit,
            "units": self.units,
            "interval": list(self.interval),
            "interval_by": self.method,
            "trivial": self.trivial,
            "precision_recall": None if self.precision_recall is None else dataclasses.asdict(self.precision_recall),
            "classes": {name: dataclasses.asdict(scores) for name, scores in self.classes.items()},
            "conventions": [dataclasses.asdict(convention) for convention in self.conventions],
            "others": dict(self.others),
        }

    def text(self) -> str:
        """The same for people; scores times 100."""
        low, high = self.interval
        drawn = f", {self.units} {self.task.unit}s" if self.units != self.n else ""
        lines = [
            f"{self.task.name} {self.split}: {METRICS[self.task.metric].title} (times 100) of {self.origin}",
            f"score {_percent(self.score)}, 95% interval {interval((100 * low, 100 * high))} ({self.method}), "
            f"n = {self.n}{drawn}",
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


def score_file(path: Path, task: Task, folder: Path, *, split: str = "test") -> ScoredPredictions:
    """Score a file of predictions against the task's files in a folder.

    Raises:
        ParameterError: the split is unknown.
        DataError: the data or the predictions are missing, malformed, or do not fit each other.
    """
    _check_split(split)
    examples = read_split(task, folder, split=split)
    predicted = read_predictions(path, task, examples, split=split)
    gold = {split: _gold(examples)}
    if task.output in ("label", "label_set"):  # the others' trivial score asks for no training labels
        gold["train"] = _gold(read_split(task, folder, split="train"))
    gold.setdefault("train", Gold(ids=(), units=(), gold=()))
    reference = Reference(task=task, data="", gold=gold)
    return score_predictions(predicted, reference, split=split, origin=str(path))


def score_run(run_id: str, store: RunStore, *, split: str = "test", task: Task | None = None) -> ScoredPredictions:
    """Score the predictions of a run in a store, which holds the gold labels too.

    Raises:
        ParameterError: the split is unknown, or the run is of another task than the one named.
        StoreError: the store has no such run, or not its gold labels.
        StudyError: the run has no score there.
    """
    _check_split(split)
    record = store.get(run_id) if run_id in store.ids() else None
    if record is None:
        raise StoreError(
            f"{store.folder}: no run {run_id[:40]!r} of this version of blurbstudy there; check --run and --store"
        )
    of = get_task(record.config.task)
    if task is not None and task != of:
        raise ParameterError(f"run {run_id} is of {of.name}, not of {task.name}; leave --task out")
    if split not in record.predictions or is_unscored(record, split):
        raise StudyError(
            f"run {run_id} has no score on {split}: no predictions are kept, or its loss left the finite numbers"
        )
    reference = load_references(store, [record])[of.name]
    reference.check(record)
    return score_predictions(record.predictions[split], reference, split=split, origin=f"run {run_id}")


def score_predictions(
    predicted: Sequence[str | float], reference: Reference, *, split: str, origin: str
) -> ScoredPredictions:
    """Score predictions that stand in the order of the gold labels."""
    task, truth = reference.task, reference.gold[split]
    score = reference.score(truth.gold, predicted)
    if task.metric == "pearson":
        bounds, method = fisher_interval(score, len(truth.gold)), "Fisher's z"
    else:
        bounds = percentile_interval(reference.resampled(predicted, split=split))
        method = f"bootstrap over {task.unit}s"
    counts = {"positives": task.positives}
    return ScoredPredictions(
        task=task,
        split=split,
        origin=origin,
        score=score,
        n=len(truth.gold),
        units=len(set(truth.units)),
        interval=bounds,
        method=method,
        trivial=reference.trivial(split),
        precision_recall=(
            precision_recall_f1(task.metric, truth.gold, predicted, **counts) if task.metric in COUNTING else None
        ),
        classes=pico_scores(truth.gold, predicted, **counts) if task.metric == "pico_f1" else {},
        conventions=tuple(scoring_conventions(truth.gold, predicted)) if task.metric == "entity_f1" else (),
        others={name: METRICS[name].score(truth.gold, predicted, **counts) for name in OTHERS.get(task.metric, ())},
    )


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
