"""Precision, recall and F1 of each class with intervals, and which classes are taken for which.

A class is a label, an entity type (by exact mentions) or a PICO class (by words).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import JsonObject
from ...metrics import counts_by_class, entity_terms_by_type, pico_terms
from ...metrics.confusions import Confusions, entity_confusions, label_confusions
from ...metrics.counts import harmonic_mean
from ...metrics.metric import ratio
from ...tasks import Task
from ..example_interval import share_interval
from ..intervals import Interval
from ..references import GoldReference
from ..resampling import bootstrap_sums

Labels = Sequence[str | float]
MEASURES = ("precision", "recall", "f1")


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The scores of one class, fractions: means over runs. Counts of predictions are means too."""

    precision: float  # 0 if undefined, as are the others
    recall: float
    f1: float
    right: float
    gold: int
    predicted: float
    intervals: Mapping[str, Interval | None]  # of MEASURES: 95% over examples
    methods: Mapping[str, str]  # of the intervals, or "none: " and why

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        scores: JsonObject = {name: getattr(self, name) for name in MEASURES}
        counts: JsonObject = {"right": self.right, "gold": self.gold, "predicted": self.predicted}
        return scores | counts | {"intervals": dict(self.intervals), "intervals_by": dict(self.methods)}


def class_names(task: Task) -> tuple[str, ...]:
    """The classes that have scores; entities without types are one class, named as the task; () for scores."""
    if task.task_type == "pico":
        return task.positive_labels
    if task.task_type == "ner":
        return tuple(dict.fromkeys(label[2:] or task.name for label in task.labels if label != "O"))
    return task.labels


def class_scores(reference: GoldReference, runs: Sequence[Labels], *, split: str) -> dict[str, ClassScores]:
    """Class -> its scores, means over the predictions of runs for a split; {} without classes or runs."""
    names, gold = class_names(reference.task), reference.gold[split].gold
    if not names or not runs:
        return {}
    _, unit_of = np.unique(np.asarray(reference.units(split)), return_inverse=True)
    sums = []
    for predicted in runs:
        terms = _terms(reference.task, gold, predicted, names)
        by_unit = np.zeros((reference.n_units(split), *terms.shape[1:]))
        np.add.at(by_unit, unit_of, terms)
        sums.append(by_unit)
    of_runs = [_measures(by_unit.sum(axis=0)) for by_unit in sums]  # each (3, classes)
    draws = 0.0
    if reference.n_units(split) > 1:
        for by_unit in sums:
            resampled = bootstrap_sums(by_unit.reshape(len(by_unit), -1)).reshape(-1, len(names), 4)
            draws = draws + _measures(resampled) / len(sums)  # (3, draws, classes)
    counts = np.mean([by_unit.sum(axis=0) for by_unit in sums], axis=0)
    by_class = {}
    for i, name in enumerate(names):
        bounds = {
            measure: share_interval(
                [float(values[m, i]) for values in of_runs],
                max(int((by_unit[:, i, _COUNTING[measure]] > 0).any(axis=1).sum()) for by_unit in sums),
                lambda m=m, i=i: np.asarray(draws)[m, :, i],
                reference,
                split=split,
            )
            for m, measure in enumerate(MEASURES)
        }
        precision, recall, f1 = (float(np.mean([values[m, i] for values in of_runs])) for m in range(len(MEASURES)))
        by_class[name] = ClassScores(
            precision=precision,
            recall=recall,
            f1=f1,
            right=float(counts[i, 0]),
            gold=int(counts[i, 1]),
            predicted=float(counts[i, 3]),
            intervals={measure: interval for measure, (interval, _) in bounds.items()},
            methods={measure: method for measure, (_, method) in bounds.items()},
        )
    return by_class


_COUNTING = {"precision": [3], "recall": [1], "f1": [1, 3]}  # places in COUNTS of what can be right or wrong


def _terms(task: Task, gold: Labels, predicted: Labels, names: Sequence[str]) -> np.ndarray:
    """COUNTS of each example by class: (examples, classes, 4)."""
    sides = [str(label) for label in gold], [str(label) for label in predicted]
    if task.task_type == "pico":
        return pico_terms(*sides, names).reshape(len(gold), len(names), -1)
    if task.task_type == "ner":
        return entity_terms_by_type(*sides, ("",) if "B" in task.labels else names)
    return counts_by_class(*sides, labels=names, sets=task.output == "multi_label")


def _measures(counts: np.ndarray) -> np.ndarray:
    """MEASURES (3, ...) from COUNTS (..., 4)."""
    right, gold, _, predicted = np.moveaxis(counts, -1, 0)
    precision, recall = ratio(right, predicted), ratio(right, gold)
    return np.stack([precision, recall, harmonic_mean(precision, recall)])


def confusions(task: Task, gold: Labels, predicted: Labels) -> Confusions:
    """(gold, predicted) class -> number of examples or mentions; {} if classes do not exclude each other, or there is
    one only.
    """
    if len(class_names(task)) < 2 or task.output == "multi_label" or task.task_type == "pico":
        return {}
    count = label_confusions if task.output == "single_label" else entity_confusions
    return count([str(label) for label in gold], [str(label) for label in predicted])
