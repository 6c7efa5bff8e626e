"""What combining seeds gains: the mean of the runs' probabilities or scores, or their majority vote, against the mean
score of the same runs one by one, on the same test examples.

Members are all runs that did not collapse; none is chosen by its dev score, which would make the gain look larger.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ..metrics import METRICS
from ..tasks import Task, split_tags
from ..tasks.task import split_labels
from ..training.run_record import RunRecord
from .contrasts import MIN_UNITS, Comparison, contrast
from .crossed_seeds import Seed
from .intervals import Interval, student_interval
from .panels import ContrastGroup, ScoredTask
from .references import GoldReference
from .resampling import replicates_from_sums, unit_sums
from .scale import Scale
from .status import judge_run

SIZES = (1, 3, 5)  # and all runs
MAX_SUBSETS = 200  # more are drawn at random
MEAN_PROBABILITY, MEAN_SCORE, MAJORITY = "mean probability", "mean score", "majority vote"
_SUBSETS_SEED = 20210909


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Ensembles of one size; scores are fractions, means over subsets of the runs."""

    size: int  # runs
    subsets: int  # number of subsets averaged
    score: float
    members: float  # mean score of the subsets' runs one by one
    gain: float  # score - members
    interval: Interval | None = None  # 95% of the gain, over seeds and test examples; None without disjoint subsets
    example_interval: Interval | None = None  # of all runs together: over test examples alone, these seeds
    reason: str = ""  # why there is no interval over seeds


@dataclass(frozen=True, kw_only=True)
class Ensembles:
    """Ensembles of several sizes of one cell's runs."""

    method: str  # MEAN_PROBABILITY, MEAN_SCORE or MAJORITY
    n: int  # runs that did not collapse
    collapsed: int  # runs left out
    sizes: tuple[Ensemble, ...] = ()  # () below two runs


def ensembles(records: Sequence[RunRecord], reference: GoldReference, *, split: str = "test") -> Ensembles:
    """Ensembles of SIZES and of all runs that did not collapse.

    Scores and gains are means over all subsets of a size, or over MAX_SUBSETS random ones. Those share runs, so the
    variance of the gain is taken from as many disjoint subsets as there are (at least two: up to half of the runs), by
    the joint test of `contrasts`, which makes the interval rather too wide than too narrow. Correlations are averaged
    and compared on Fisher's z scale.

    Args:
        records: of one cell, that differ in their seed alone.

    Raises:
        StudyError: a record is of another task or other data.
    """
    used = [record for record in records if not judge_run(record, reference).status.collapsed]
    method = combination(used, reference.task, split)
    n = len(used)
    result = Ensembles(method=method, n=n, collapsed=len(records) - n)
    if n < 2:
        return result
    scorer = _Scorer(used, reference, split)
    sizes = [size for size in SIZES if size < n] + [n]
    return replace(result, sizes=tuple(_of_size(scorer, size, n=n) for size in sizes))


def combination(records: Sequence[RunRecord], task: Task, split: str) -> str:
    """How predictions are combined: by probabilities where all runs have them."""
    if task.output == "score":
        return MEAN_SCORE
    known = task.output != "token_labels" and all(record.probabilities.get(split) for record in records)
    return MEAN_PROBABILITY if known and records else MAJORITY


def combine(records: Sequence[RunRecord], task: Task, split: str) -> list[str] | list[float]:
    """The predictions of an ensemble, in the form of Example.label; of one run, its own.

    A label is that of the largest mean probability, or of most runs; ties go to the first of the task's labels, in tags
    of each word. A set has the labels with a mean probability above 1/2, or of more than half of the runs.
    """
    method = combination(records, task, split)
    rows = [record.predictions[split] for record in records]
    if len(rows) == 1:
        return list(rows[0])
    if method == MEAN_SCORE:
        return np.mean(np.asarray(rows, np.float64), axis=0).tolist()
    if method == MEAN_PROBABILITY:
        mean = np.mean([record.probabilities[split] for record in records], axis=0)  # (examples, labels)
        if task.output == "multi_label":
            return _label_sets(mean > 0.5, task)
        return [task.labels[index] for index in mean.argmax(axis=1)]
    if task.output == "multi_label":
        votes = [[[label in split_labels(str(one)) for label in task.labels] for one in row] for row in rows]
        return _label_sets(2 * np.sum(votes, axis=0) > len(rows), task)
    if task.output == "token_labels":
        return [
            votes[0]
            if len(set(votes)) == 1
            else " ".join(_majority(words, task) for words in zip(*map(split_tags, votes), strict=True))
            for votes in zip(*rows, strict=True)
        ]
    return [_majority(votes, task) for votes in zip(*rows, strict=True)]


def _majority(votes: Sequence[str], task: Task) -> str:
    counts = Counter(votes)
    return max(task.labels, key=lambda label: counts[label])


def _label_sets(chosen: np.ndarray, task: Task) -> list[str]:
    return [",".join(label for label, is_in in zip(task.labels, row, strict=True) if is_in) for row in chosen]


def subsets_of(n: int, size: int) -> list[tuple[int, ...]]:
    """All subsets of 0 to n - 1 of a size, or MAX_SUBSETS different random ones, always the same."""
    if math.comb(n, size) <= MAX_SUBSETS:
        return list(combinations(range(n), size))
    generator = np.random.default_rng([_SUBSETS_SEED, n, size])
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < MAX_SUBSETS:
        drawn.add(tuple(sorted(generator.choice(n, size, replace=False).tolist())))
    return sorted(drawn)


def _of_size(scorer: _Scorer, size: int, *, n: int) -> Ensemble:
    scale, subsets = Scale(is_z=scorer.is_z), subsets_of(n, size)
    single = scale.forward(np.array([scorer.score((run,)) for run in range(n)]))
    together = scale.forward(np.array([scorer.score(subset) for subset in subsets]))
    members = np.array([single[list(subset)].mean() for subset in subsets])
    means = float(together.mean()), float(members.mean())
    score, alone = (math.tanh(mean) if scorer.is_z else mean for mean in means)
    result = Ensemble(size=size, subsets=len(subsets), score=score, members=alone, gain=score - alone)
    if size == 1:
        return result
    middle = replace(scale, middle=sum(means) / 2)
    disjoint = [tuple(range(start, start + size)) for start in range(0, n - size + 1, size)]
    if len(disjoint) < 2:
        whole = _interval_over_examples(scorer, middle, length=means[0] - means[1]) if size == n else None
        return replace(result, example_interval=whole, reason=f"{n} runs hold no two disjoint ensembles of {size}")
    found = _contrast(scorer, disjoint, scale)
    return replace(
        result, interval=replace(found, length=means[0] - means[1], scale=middle).interval, reason=found.reason
    )


def _contrast(scorer: _Scorer, subsets: Sequence[tuple[int, ...]], scale: Scale) -> Comparison:
    """Ensembles against their members, paired by subset."""
    back = np.tanh if scale.is_z else np.asarray
    resampling, name = scorer.reference.resampling(scorer.split), scorer.task.name
    sides: list[tuple[dict[Seed, float], dict[Seed, np.ndarray]]] = [({}, {}), ({}, {})]
    for index, subset in enumerate(subsets):
        runs = [(run,) for run in subset]
        sides[0][0][index], sides[0][1][index] = scorer.score(subset), scorer.replicates(subset)
        sides[1][0][index] = float(back(scale.forward(np.array([scorer.score(run) for run in runs])).mean()))
        sides[1][1][index] = back(scale.forward(np.array([scorer.replicates(run) for run in runs])).mean(axis=0))
    groups = [
        ContrastGroup(
            tasks={name: ScoredTask(scores=scores, replicates=replicates, resampling=resampling)}, weights={name: 1.0}
        )
        for scores, replicates in sides
    ]
    return contrast([groups], is_z=scale.is_z)


def _interval_over_examples(scorer: _Scorer, scale: Scale, *, length: float) -> Interval | None:
    """95% of the gain of all runs together; None where units are few."""
    resampling, runs = scorer.reference.resampling(scorer.split), range(len(scorer.records))
    if resampling.n_units < MIN_UNITS:
        return None
    members = np.mean([scale.forward(scorer.replicates((run,))) for run in runs], axis=0)
    variance = resampling.variance(scale.forward(scorer.replicates(tuple(runs))) - members)
    low, high = student_interval(length, error=math.sqrt(variance), df=resampling.n_units - 1)
    return scale.points(low), scale.points(high)


class _Scorer:
    """Scores of subsets of runs; what the metric counts in an example is computed once per prediction."""

    def __init__(self, records: Sequence[RunRecord], reference: GoldReference, split: str) -> None:
        self.records, self.reference, self.split = records, reference, split
        self.task, self.gold, self.units = reference.task, reference.gold[split].gold, reference.units(split)
        self.is_z = self.task.metric == "pearson"
        self._terms: dict[tuple[int, str | float], np.ndarray] = {}
        self._scores: dict[tuple[int, ...], float] = {}

    def predictions(self, subset: Sequence[int]) -> list[str] | list[float]:
        """Of the ensemble of some runs."""
        return combine([self.records[run] for run in subset], self.task, self.split)

    def score(self, subset: tuple[int, ...]) -> float:
        """Of the ensemble of some runs, a fraction."""
        if subset not in self._scores:
            predicted = self.predictions(subset)
            metric = METRICS[self.task.metric]
            if self.is_z:  # its terms depend on all examples
                self._scores[subset] = self.reference.score(self.gold, predicted)
            else:
                self._scores[subset] = float(metric.from_sums(sum(self._terms_of(predicted), np.zeros(()))))
        return self._scores[subset]

    def _terms_of(self, predicted: Sequence[str | float]) -> Iterator[np.ndarray]:
        new = [key for key in enumerate(predicted) if key not in self._terms]
        if new:
            gold, guesses = [self.gold[i] for i, _ in new], [guess for _, guess in new]
            rows = METRICS[self.task.metric].terms(gold, guesses, tuple(self.task.positive_labels))
            self._terms |= dict(zip(new, rows, strict=True))
        return (self._terms[key] for key in enumerate(predicted))

    def replicates(self, subset: Sequence[int]) -> np.ndarray:
        """Scores of the ensemble on replicates of the split; a single 0 below two units."""
        positives = tuple(self.task.positive_labels)
        predicted = tuple(self.predictions(subset))
        sums = unit_sums(self.task.metric, tuple(self.gold), predicted, tuple(self.units), positives)
        return replicates_from_sums(sums, METRICS[self.task.metric].from_sums) if len(sums) > 1 else np.zeros(1)
