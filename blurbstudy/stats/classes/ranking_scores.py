"""ROC AUC and average precision of the probabilities of labels, with intervals over examples.

Each label is ranked against the rest, and the mean over labels is taken. Of two labels of which one is negative, the
score is that of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import JsonObject
from ...metrics import RANKINGS, Ranking
from ...tasks import Task
from ...tasks.task import split_labels
from ..example_interval import MIN_COUNTING_UNITS, ROUNDING
from ..intervals import Interval, percentile_interval
from ..references import GoldReference
from ..resampling import bootstrap_counts
from ..status import count_units

Rows = Sequence[Sequence[float]]  # of each example, the probability of each label
DRAWS = 500  # of the bootstrap: the first of those of other scores
_PART = 50  # draws at once, which keeps memory low


@dataclass(frozen=True, kw_only=True)
class RankingScores:
    """The scores of probabilities, fractions: means over runs."""

    scores: Mapping[str, float]  # key of RANKINGS -> score
    intervals: Mapping[str, Interval | None]  # 95% over examples; None also if every draw has the same score
    method: str  # of the intervals, or "none: " and why
    of: str  # what is averaged
    labels: Mapping[str, Mapping[str, float]]  # label -> key of RANKINGS -> score
    left_out: Sequence[str]  # labels that all or no examples have, which have no score

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        return {
            **self.scores,
            "of": self.of,
            "intervals": dict(self.intervals),
            "intervals_by": self.method,
            "labels": {label: dict(scores) for label, scores in self.labels.items()},
            "left_out": list(self.left_out),
        }


def ranking_scores(reference: GoldReference, runs: Sequence[Rows], *, split: str) -> RankingScores | None:
    """The scores of the probabilities that runs give the labels of a split's examples; None without probabilities, or
    if no label has both positive and negative examples.
    """
    task = reference.task
    if task.output not in ("single_label", "multi_label") or not runs:
        return None
    marks = _marks(task, reference.gold[split].gold)
    defined = [i for i in range(len(task.labels)) if 0 < marks[:, i].sum() < len(marks)]
    if not defined:
        return None
    averaged, of = _averaged(task, defined)
    tables = [np.asarray(rows, np.float64) for rows in runs]
    rankings = {i: [Ranking(marks[:, i], table[:, i]) for table in tables] for i in defined}
    full_scores = {i: _mean(rankings[i], np.ones(len(marks))) for i in defined}
    _, unit_of = np.unique(np.asarray(reference.units(split)), return_inverse=True)
    counting = min(len(set(unit_of[marks[:, i] == side])) for i in averaged for side in (True, False))
    intervals: dict[str, Interval | None] = dict.fromkeys(RANKINGS)
    method = f"none: a label has or lacks only {count_units(counting, reference, split)}"
    if counting >= MIN_COUNTING_UNITS:
        counts = bootstrap_counts(reference.n_units(split))[:DRAWS]
        parts = [counts[start : start + _PART][:, unit_of] for start in range(0, DRAWS, _PART)]
        resampled = [[_mean(rankings[i], part) for i in averaged] for part in parts]
        for name in RANKINGS:
            values = np.concatenate([[scores[name] for scores in by_label] for by_label in resampled], axis=1)
            n_defined = (~np.isnan(values)).sum(axis=0)  # a draw may lack a label
            means = np.nansum(values, axis=0)[n_defined > 0] / n_defined[n_defined > 0]
            if np.ptp(means) > ROUNDING:  # else all draws are perfect, which says nothing of other examples
                intervals[name] = percentile_interval(means)
        method = f"bootstrap over {reference.resampling_units(split)}"
        if not any(intervals.values()):
            method = "none: every resampled test set has the same score"
    return RankingScores(
        scores={name: float(np.mean([full_scores[i][name] for i in averaged])) for name in RANKINGS},
        intervals=intervals,
        method=method,
        of=of,
        labels={task.labels[i]: {name: float(full_scores[i][name]) for name in RANKINGS} for i in defined},
        left_out=[label for i, label in enumerate(task.labels) if i not in defined],
    )


def _marks(task: Task, gold: Sequence[str | float]) -> np.ndarray:
    """Whether examples have labels: (examples, labels)."""
    sets = [set(split_labels(str(label))) if task.output == "multi_label" else {str(label)} for label in gold]
    return np.array([[label in labels for label in task.labels] for labels in sets])


def _averaged(task: Task, defined: Sequence[int]) -> tuple[list[int], str]:
    """The labels whose scores are averaged, and what they are in words."""
    if task.output == "single_label" and len(task.labels) == 2 and len(task.positive_labels) == 1:
        (positive,) = task.positive_labels
        return [task.labels.index(positive)], f"label {positive}"
    each = "each label" if task.output == "multi_label" else "each label against the rest"
    return list(defined), f"mean over {len(defined)} labels, {each}"


def _mean(rankings: Sequence[Ranking], weights: np.ndarray) -> dict[str, np.ndarray]:
    of_runs = [ranking.scores(weights) for ranking in rankings]
    return {name: np.mean([scores[name] for scores in of_runs], axis=0) for name in RANKINGS}
