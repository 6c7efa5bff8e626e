"""How far runs that differ in their seed alone agree on each test example: of labels the mean agreement of two runs and
Fleiss' kappa (1971), of mentions and PICO words the F1 between two runs, of scores ICC(A,1) (McGraw and Wong 1996).

Two runs with one score can be right on different examples; who deploys one of them wants to know how many predictions
another seed would have changed. Collapsed runs are left out and counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ...metrics.entities import gold_mentions, gold_words
from ...metrics.metric import ratio
from ...training.run_record import RunRecord
from ..intervals import Interval, clip_interval, student_interval
from ..references import GoldReference
from ..resampling import replicates_from_sums
from ..status import judge_run

MIN_RUNS = 3  # for an interval: the jackknife leaves out one run of each in turn
MEASURES = {  # Task.output -> what the agreement is
    "single_label": "same label from two seeds",
    "multi_label": "same set of labels from two seeds",
    "token_labels": "F1 between two seeds",
    "score": "ICC(A,1)",
}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of the runs that did not collapse; fractions."""

    measure: str  # one of MEASURES
    n: int  # runs compared
    collapsed: int  # runs left out
    value: float | None = None  # None below two runs
    interval: Interval | None = (
        None  # 95%, over seeds and examples; None below MIN_RUNS or two units, or without variance
    )
    kappa: float | None = None  # Fleiss', of labels; None where all runs give one label to all examples
    kappa_interval: Interval | None = None
    items: str = ""  # what is right or wrong below: examples, gold mentions, gold words; "": scores
    all_right: float | None = None  # share of the items that every run has right
    some_right: float | None = None  # that some runs have right, and some wrong
    none_right: float | None = None


def agreement(records: Sequence[RunRecord], reference: GoldReference, *, split: str = "test") -> Agreement:
    """Agreement of runs on a split.

    The interval is Student's around the estimate. Its variance is the sum of that over seeds (the jackknife over runs)
    and that over test examples (bootstrap or jackknife over units), which is rather too much than too little: what only
    run and example together explain is in both.

    Args:
        records: of one cell, that differ in their seed alone.
        split: whose predictions are compared.

    Raises:
        StudyError: a record is of another task or other data.
    """
    used = [record for record in records if not judge_run(record, reference).status.collapsed]
    output = reference.task.output
    result = Agreement(measure=MEASURES[output], n=len(used), collapsed=len(records) - len(used))
    if len(used) < 2:
        return result
    predicted = [record.predictions[split] for record in used]
    _, unit_of = np.unique(np.asarray(reference.units(split)), return_inverse=True)
    if output == "score":
        scores = np.asarray(predicted, np.float64)
        value, interval = _estimate(scores, lambda runs: icc_sums(runs, unit_of), icc_from_sums, reference, split)
        return replace(result, value=value, interval=clip_interval(interval, low=-1.0))
    if output == "token_labels":
        tagged = TaggedItems(predicted, reference, split)
        value, interval = _estimate(
            tagged.present, lambda runs: tagged.pair_sums(runs, unit_of), tagged.f1_from_sums, reference, split
        )
        result = replace(result, value=value, interval=clip_interval(interval, low=0.0))
        items = "gold words" if reference.task.task_type == "pico" else "gold mentions"
        return _with_shares(result, tagged.present[:, tagged.is_gold], items)
    gold = [str(label) for label in reference.gold[split].gold]
    _, codes = np.unique(np.asarray([gold, *predicted], dtype=str), return_inverse=True)
    codes = codes.reshape(1 + len(used), len(gold))
    rows = codes[1:]

    def sums(runs: np.ndarray) -> np.ndarray:
        return label_sums(runs, unit_of, n_labels=int(codes.max()) + 1)

    value, interval = _estimate(rows, sums, agreement_from_sums, reference, split)
    kappa, kappa_interval = _estimate(rows, sums, kappa_from_sums, reference, split)
    result = replace(result, value=value, interval=clip_interval(interval, low=0.0))
    result = replace(result, kappa=kappa, kappa_interval=clip_interval(kappa_interval, low=-1.0))
    return _with_shares(result, rows == codes[0], "examples")


def _estimate(
    runs: np.ndarray,
    sums_of: Callable[[np.ndarray], np.ndarray],
    from_sums: Callable[[np.ndarray], np.ndarray],
    reference: GoldReference,
    split: str,
) -> tuple[float | None, Interval | None]:
    """A statistic and its 95% interval; None where it is undefined.

    Args:
        runs: (runs, ...) predictions.
        sums_of: some of the runs -> additive terms by unit (units, terms).
    """
    sums, n = sums_of(runs), len(runs)
    value = float(from_sums(sums.sum(axis=0)))
    if not math.isfinite(value):
        return None, None
    if n < MIN_RUNS or len(sums) < 2:
        return value, None
    without = np.array([float(from_sums(sums_of(np.delete(runs, run, axis=0)).sum(axis=0))) for run in range(n)])
    seeds = (n - 1) * float(np.var(without))
    units = reference.resampling(split).variance(replicates_from_sums(sums, from_sums))
    variance = seeds + units
    if not math.isfinite(variance) or variance <= 1e-18:
        return value, None
    df = variance**2 / (seeds**2 / (n - 1) + units**2 / (len(sums) - 1))
    return value, student_interval(value, error=math.sqrt(variance), df=df)


def right_shares(right: np.ndarray) -> tuple[float, float, float] | None:
    """Shares of the items that all, some, and no runs have right, from (runs, items) bool; None without items."""
    if not right.shape[1]:
        return None
    by_all, by_none = float(right.all(axis=0).mean()), float((~right).all(axis=0).mean())
    return by_all, 1.0 - by_all - by_none, by_none


def _with_shares(result: Agreement, right: np.ndarray, items: str) -> Agreement:
    by_all, by_some, by_none = right_shares(right) or (None, None, None)
    return replace(result, items=items, all_right=by_all, some_right=by_some, none_right=by_none)


def _by_unit(values: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Sums (units, terms) of values (items, terms)."""
    sums = np.zeros((int(unit_of.max()) + 1, values.shape[1]))
    np.add.at(sums, unit_of, values)
    return sums


def label_sums(labels: np.ndarray, unit_of: np.ndarray, *, n_labels: int) -> np.ndarray:
    """Agreement of two runs, 1, and the share of runs per label, summed by unit: (units, 2 + labels).

    Args:
        labels: (runs, examples) int.
        unit_of: (examples,) index of each example's unit.
    """
    n, size = labels.shape
    counts = np.zeros((size, n_labels))
    for run in labels:
        counts[np.arange(size), run] += 1
    agree = (counts * (counts - 1)).sum(axis=1) / (n * (n - 1))
    return _by_unit(np.column_stack([agree, np.ones(size), counts / n]), unit_of)


def agreement_from_sums(sums: np.ndarray) -> np.ndarray:
    """Mean over examples of the share of pairs of runs that agree: (2 / (n (n - 1))) sum_(s < t) [y_s = y_t]."""
    return ratio(sums[..., 0], sums[..., 1])


def kappa_from_sums(sums: np.ndarray) -> np.ndarray:
    """Fleiss' kappa: agreement beyond that of runs which draw their labels by the labels' shares; nan where all runs
    give all examples one label.
    """
    chance = (ratio(sums[..., 2:], sums[..., 1:2]) ** 2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1 - 1e-12, (agreement_from_sums(sums) - chance) / (1 - chance), np.nan)


def icc_sums(scores: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
    """Terms of the mean squares of a table of runs by examples, summed by unit: (units, 3 + runs).
    `scores`: (runs, examples).
    """
    scores = scores - scores.mean()  # the statistic does not change, and sums of squares stay accurate
    means, squares = scores.mean(axis=0), (scores**2).sum(axis=0)
    return _by_unit(np.column_stack([np.ones(scores.shape[1]), means**2, squares, scores.T]), unit_of)


def icc_from_sums(sums: np.ndarray) -> np.ndarray:
    """ICC(A,1), two-way, absolute agreement of single scores: (MS_R - MS_E) / (MS_R + (k - 1) MS_E + k (MS_C - MS_E) /
    n), with examples as rows and k runs as columns; nan where all scores are equal.
    """
    n, means, squares, columns = sums[..., 0], sums[..., 1], sums[..., 2], sums[..., 3:]
    k = columns.shape[-1]
    grand = columns.sum(axis=-1) / (n * k)
    rows_ss = k * (means - n * grand**2)
    columns_ss = (columns**2).sum(axis=-1) / n - n * k * grand**2
    error = (squares - n * k * grand**2 - rows_ss - columns_ss) / ((n - 1) * (k - 1))
    rows, between = rows_ss / (n - 1), columns_ss / (k - 1)
    total = rows + (k - 1) * error + k * (between - error) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 1e-12 * squares / n, (rows - error) / total, np.nan)


class TaggedItems:
    """The mentions (of PICO: the words) that runs and gold labels hold, each once, by sentence, place and type."""

    def __init__(self, predicted: Sequence[Sequence[str]], reference: GoldReference, split: str) -> None:
        words = reference.task.task_type == "pico"
        sides = [_items(labels, words=words) for labels in (reference.gold[split].gold, *predicted)]
        items = sorted(set().union(*sides))
        index = {item: i for i, item in enumerate(items)}
        present = np.zeros((len(sides), len(items)), bool)
        for row, side in zip(present, sides, strict=True):
            row[[index[item] for item in side]] = True
        self.is_gold, self.present = present[0], present[1:]  # (items,), (runs, items)
        self._sentences = np.array([item[0] for item in items], np.int64)
        # Mentions of all types count alike; of PICO's classes, the mean over classes does.
        classes = list(reference.task.positive_labels) if words else [""]
        self._classes = np.array([classes.index(item[3]) if words else 0 for item in items], np.int64)
        self._n_classes = len(classes)

    def pair_sums(self, present: np.ndarray, unit_of: np.ndarray) -> np.ndarray:
        """Shared items, and those of both runs, by pair of runs and class: (units, pairs x classes x 2)."""
        cells = unit_of[self._sentences] * self._n_classes + self._classes  # (items,)
        shape = int(unit_of.max()) + 1, self._n_classes
        sizes = [np.bincount(cells, run, minlength=math.prod(shape)) for run in present]
        sums = [
            np.stack([np.bincount(cells, present[s] & present[t], minlength=math.prod(shape)), sizes[s] + sizes[t]], -1)
            for s, t in combinations(range(len(present)), 2)
        ]
        return np.stack(sums).reshape(-1, *shape, 2).swapaxes(0, 1).reshape(shape[0], -1)

    def f1_from_sums(self, sums: np.ndarray) -> np.ndarray:
        """Mean over pairs and classes of 2 shared / (items of one + items of the other)."""
        by_pair = sums.reshape(*sums.shape[:-1], -1, self._n_classes, 2)
        return ratio(2 * by_pair[..., 0], by_pair[..., 1]).mean(axis=(-1, -2))


def _items(labels: Sequence[str | float], *, words: bool) -> set[tuple[int, int, int, str]]:
    """(sentence, start, end, type) of each mention, or of each word whose tag is not O."""
    return {
        (sentence, start, end, f"I-{kind}" if words else kind)
        for sentence, label in enumerate(labels)
        for start, end, kind in (gold_words(str(label)) if words else gold_mentions(str(label)))
    }
