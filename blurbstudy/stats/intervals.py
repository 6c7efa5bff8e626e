"""Intervals and tests: bootstrap over units, Fisher's z, Wilson, Newcombe, Student's t, Holm (Fisher 1921; Holm 1979).

All are deterministic: every bootstrap draws the same resamples of the same number of units.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats, which wraps them, takes long to import

from ..errors import ParameterError
from ..metrics import METRICS

Interval = tuple[float, float]

RESAMPLES = 4000  # draws of a bootstrap
PERFECT = (1.0, 1.0)  # what a bootstrap says where everything is right: nothing, since no resample holds an error
MIN_UNITS = 10  # below it, a bootstrap interval is too narrow to be trusted, and its reader is told
_PARTS = (RESAMPLES // 16,) * 16  # drawn and summed in parts, which keeps memory low
_BOOTSTRAP_SEED = 20210909
_NORMAL = NormalDist()


def fisher_interval(r: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Two-sided interval of a Pearson correlation over n examples; (-1, 1) below four examples."""
    half = _NORMAL.inv_cdf(0.5 + confidence / 2)
    return _fisher(r, n, shift=-half), _fisher(r, n, shift=half)


def fisher_lower_bound(r: float, n: int, *, confidence: float = 0.95) -> float:
    """One-sided lower bound of a Pearson correlation over n examples; -1 below four examples."""
    return _fisher(r, n, shift=-_NORMAL.inv_cdf(confidence))


def _fisher(r: float, n: int, *, shift: float) -> float:
    if n <= 3:
        return math.copysign(1.0, shift)
    if abs(r) >= 1.0:
        return math.copysign(1.0, r)
    return math.tanh(math.atanh(r) + shift / math.sqrt(n - 3))


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion; None for no trials."""
    if n == 0:
        return None
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At 0 and n the bound is exactly 0 and 1; rounding must not say otherwise.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def newcombe_interval(
    successes: int, n: int, others: int, n_others: int, *, confidence: float = 0.95
) -> Interval | None:
    """Interval of the difference of two independent proportions by Newcombe's hybrid of Wilson's (1998, method 10);
    None where one has no trials.
    """
    first = wilson_interval(successes, n, confidence=confidence)
    second = wilson_interval(others, n_others, confidence=confidence)
    if first is None or second is None:
        return None
    rate, other = successes / n, others / n_others
    (low, high), (other_low, other_high) = first, second
    difference = rate - other
    return (
        difference - math.hypot(rate - low, other_high - other),
        difference + math.hypot(high - rate, other - other_low),
    )


def fisher_exact_p(successes: int, n: int, others: int, n_others: int) -> float:
    """Two-sided p that two proportions are the same, by Fisher's exact test."""
    from scipy.stats import fisher_exact

    table = [[successes, n - successes], [others, n_others - others]]
    return float(np.asarray(fisher_exact(table))[1])


def t_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval | None:
    """Student's interval of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return student_interval(float(np.mean(values)), error=error, df=len(values) - 1, confidence=confidence)


def t_test(differences: Sequence[float]) -> float | None:
    """Two-sided p that paired differences have mean 0; None where t does not exist (below two, or all equal)."""
    if len(differences) < 2:
        return None
    error = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    return student_p(float(np.mean(differences)), error=error, df=len(differences) - 1)


def student_interval(mean: float, *, error: float, df: float, confidence: float = 0.95) -> Interval:
    """Student's interval around a mean with this standard error, whose degrees of freedom need not be whole."""
    half = float(stdtrit(df, 0.5 + confidence / 2)) * error
    return mean - half, mean + half


def student_p(mean: float, *, error: float, df: float) -> float | None:
    """Two-sided p that the mean is 0; None where t does not exist (no error, and a mean that is not 0)."""
    if error <= 1e-12:
        return 1.0 if abs(mean) <= 1e-12 else None
    return float(2 * stdtr(df, -abs(mean) / error))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for all tests of a table (step-down Bonferroni); None (no test) stays and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = largest
    return adjusted


def percentile_interval(draws: np.ndarray | None, *, confidence: float = 0.95) -> Interval | None:
    """The middle part of bootstrap draws; None where there are none."""
    if draws is None:
        return None
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def perfect_score_method(method: str) -> str:
    """The method of an interval where a bootstrap would be PERFECT: Wilson's of the units, all of which are right."""
    return f"{method.replace('bootstrap', 'Wilson')}, all of which are right"


def percentile_lower_bound(draws: np.ndarray | None, *, confidence: float = 0.95) -> float:
    """One-sided lower bound of bootstrap draws; minus infinity where there are none."""
    return -math.inf if draws is None else float(np.quantile(draws, 1 - confidence))


def bootstrap_p(differences: np.ndarray | None) -> float | None:
    """Two-sided p that a bootstrapped difference is 0: twice the smaller tail, ties in both, never exactly 0; None
    where there are no draws.
    """
    if differences is None:
        return None
    tail = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(differences) + 1)))


def bootstrap_scores(
    metric: str, gold: Sequence, predicted: Sequence, *, units: Sequence[str], positives: Sequence[str] = ()
) -> np.ndarray | None:
    """The metric on RESAMPLES bootstrap draws of whole units: (RESAMPLES,). None below two units: every draw would be
    the sample itself, and its spread 0.

    Draws depend on the number of units alone, so scores of two models on the same split are paired draw by draw.

    Args:
        units: the unit of each example.
        positives: labels that an F1 counts.

    Raises:
        ParameterError: the metric is unknown.
    """
    if metric not in METRICS:
        raise ParameterError(f"metric={metric!r} is unknown; use {' or '.join(METRICS)}")
    return _resampled_scores(metric, tuple(gold), tuple(predicted), tuple(units), tuple(positives))


@functools.lru_cache(maxsize=1024)  # a run takes part in many comparisons; 32 kB each
def _resampled_scores(metric: str, gold: tuple, predicted: tuple, units: tuple, positives: tuple) -> np.ndarray | None:
    names, unit_of = np.unique(np.asarray(units), return_inverse=True)
    if len(names) < 2:
        return None
    terms = METRICS[metric].terms(gold, predicted, positives)  # (examples, terms): what adds up over examples
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, unit_of, terms)
    counts = np.array_split(_bootstrap_counts(len(names)), len(_PARTS))
    scores = METRICS[metric].from_sums(np.concatenate([part.astype(np.float64) @ sums for part in counts]))
    scores.setflags(write=False)  # it is given to every caller
    return scores


@functools.lru_cache(maxsize=4)
def _bootstrap_counts(n_units: int) -> np.ndarray:
    """How often each unit is drawn: (RESAMPLES, units) of small integers."""
    generator = np.random.Generator(np.random.PCG64([_BOOTSTRAP_SEED, n_units]))
    shares = np.full(n_units, 1 / n_units)
    return np.concatenate([generator.multinomial(n_units, shares, size=size).astype(np.uint16) for size in _PARTS])
