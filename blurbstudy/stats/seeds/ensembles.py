"""What combining seeds gains: the mean of the runs' probabilities or scores, or their majority vote, against the mean
score of the same runs one by one, on the same test examples.

Members are all runs that did not collapse; none is chosen by its dev score, which would make the gain look larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ...metrics import METRICS
from ...tasks import Task, split_tags
from ...tasks.task import split_labels
from ...training.run_record import RunRecord
from ..cells import replicate_scores
from ..contrasts import MIN_UNITS, Comparison, contrast
from ..crossed_seeds import Seed
from ..intervals import Interval, student_interval
from ..panels import ContrastGroup, ScoredTask
from ..references import GoldReference
from ..scale import Scale
from ..status import judge_run

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
    `records`: of one cell, that differ in their seed alone.
    Raises StudyError: a record is of another task or other data.
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


class Combiner:
    """The predictions of any ensemble of some runs, in the form of Example.label; of one run, its own.

    A label is that of the largest mean probability, or of most runs; ties go to the first of the task's labels, in tags
    of each word. A set has the labels with a mean probability above 1/2 (where dev chose the runs' thresholds:
    above their mean), or of more than half of the runs.
    """

    def __init__(self, records: Sequence[RunRecord], task: Task, split: str) -> None:
        self.task, self.method = task, combination(records, task, split)
        self.rows = [record.predictions[split] for record in records]
        index = {label: i for i, label in enumerate(task.labels)}
        self._thresholds = np.full(len(records), 0.5)
        if self.method == MEAN_SCORE:
            self._values = np.asarray(self.rows, np.float64)  # (runs, examples)
        elif self.method == MEAN_PROBABILITY:
            self._values = np.array([record.probabilities[split] for record in records])  # (runs, examples, labels)
            self._thresholds = np.array([record.threshold or 0.5 for record in records])
        elif task.output == "multi_label":
            sets = [[set(split_labels(str(labels))) for labels in row] for row in self.rows]
            self._values = np.array(
                [[[label in chosen_labels for label in task.labels] for chosen_labels in row] for row in sets]
            )
        else:
            words = (
                [[split_tags(str(tags)) for tags in row] for row in self.rows]
                if self.is_tagging
                else [[[str(label)] for label in row] for row in self.rows]
            )
            self._ends = np.cumsum([0, *map(len, words[0])])  # (examples + 1,)
            self._values = np.array([[index[tag] for tags in row for tag in tags] for row in words])  # (runs, words)

    @property
    def is_tagging(self) -> bool:
        return self.task.output == "token_labels"

    def predictions(self, subset: Sequence[int]) -> list[str] | list[float]:
        if len(subset) == 1:
            return list(self.rows[subset[0]])
        values, labels = self._values[list(subset)], np.array(self.task.labels)
        if self.method == MEAN_SCORE:
            return values.mean(axis=0).tolist()
        if self.task.output == "multi_label":  # shares of runs, or mean probabilities
            threshold = self._thresholds[list(subset)].mean()
            return [",".join(labels[row]) for row in values.mean(axis=0) > threshold]
        if self.method == MEAN_PROBABILITY:
            return labels[values.mean(axis=0).argmax(axis=1)].tolist()
        votes = np.stack([(values == label).sum(axis=0) for label in range(len(labels))])  # (labels, words)
        chosen, ends = labels[votes.argmax(axis=0)].tolist(), self._ends
        differ = np.concatenate([[0], np.cumsum((values != values[0]).any(axis=0))])[ends]
        first = self.rows[subset[0]]
        return [
            first[i] if differ[i] == differ[i + 1] else " ".join(chosen[ends[i] : ends[i + 1]])
            for i in range(len(first))
        ]


def subsets_of(n: int, size: int) -> list[tuple[int, ...]]:
    """All subsets of 0 to n - 1 of a size, or MAX_SUBSETS different random ones, always the same."""
    if math.comb(n, size) <= MAX_SUBSETS:
        return list(combinations(range(n), size))
    generator = np.random.default_rng([_SUBSETS_SEED, n, size])
    subsets: set[tuple[int, ...]] = set()
    while len(subsets) < MAX_SUBSETS:
        subsets.add(tuple(sorted(generator.choice(n, size, replace=False).tolist())))
    return sorted(subsets)


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
        over_examples = _interval_over_examples(scorer, middle, length=means[0] - means[1]) if size == n else None
        return replace(
            result, example_interval=over_examples, reason=f"{n} runs hold no two disjoint ensembles of {size}"
        )
    comparison = _contrast(scorer, disjoint, scale)
    # Even two disjoint ensembles are of many runs, so their interval is given.
    interval = replace(comparison, length=means[0] - means[1], scale=middle).interval_at(0.95)
    return replace(result, interval=interval, reason=comparison.reason if interval is None else "")


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
    """95% of the gain of all runs together; None where units are few or none matters."""
    resampling, runs = scorer.reference.resampling(scorer.split), range(scorer.n)
    if resampling.n_units < MIN_UNITS:
        return None
    members = np.mean([scale.forward(scorer.replicates((run,))) for run in runs], axis=0)
    variance = resampling.variance(scale.forward(scorer.replicates(tuple(runs))) - members)
    if variance <= 1e-18:
        return None
    low, high = student_interval(length, error=math.sqrt(variance), df=resampling.n_units - 1)
    return scale.points(low), scale.points(high)


class _Scorer:
    """Scores of ensembles of runs; what the metric counts in an example is computed once per prediction."""

    def __init__(self, records: Sequence[RunRecord], reference: GoldReference, split: str) -> None:
        self.n, self.reference, self.split = len(records), reference, split
        self.task, self.gold = reference.task, reference.gold[split].gold
        self.is_z = self.task.metric == "pearson"
        self._combiner = Combiner(records, reference.task, split)
        self._index: dict[tuple[int, str | float], int] = {}  # (example, prediction) -> row of terms
        self._terms: list[np.ndarray] = []
        self._scores: dict[tuple[int, ...], float] = {}

    def score(self, subset: tuple[int, ...]) -> float:
        """Of the ensemble of some runs, a fraction."""
        if subset not in self._scores:
            predicted = self._combiner.predictions(subset)
            self._scores[subset] = (
                self.reference.score(self.gold, predicted)
                if self.is_z  # its terms depend on all examples
                else float(METRICS[self.task.metric].from_sums(self._summed_terms(predicted)))
            )
        return self._scores[subset]

    def _summed_terms(self, predicted: Sequence[str | float]) -> np.ndarray:
        new = [key for key in enumerate(predicted) if key not in self._index]
        if new:
            gold, guesses = [self.gold[i] for i, _ in new], [guess for _, guess in new]
            self._index |= {key: len(self._terms) + row for row, key in enumerate(new)}
            self._terms += list(METRICS[self.task.metric].terms(gold, guesses, tuple(self.task.positive_labels)))
        return np.sum([self._terms[self._index[key]] for key in enumerate(predicted)], axis=0)

    def replicates(self, subset: Sequence[int]) -> np.ndarray:
        """Scores of the ensemble on replicates of the split; a single 0 below two units."""
        return replicate_scores(self.reference.score_of(self._combiner.predictions(subset), split=self.split))
