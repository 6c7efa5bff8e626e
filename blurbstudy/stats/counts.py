"""Counts of collapsed runs: exact tests of two rates, in one stratum or in several, and intervals of their difference.

Strata (an encoder, a task, a pretraining seed) may have very different rates, so their counts are never pooled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, bdtrc, gammaln

from .intervals import Interval, wilson_interval


class Counts(NamedTuple):
    """Collapsed runs of two conditions in one stratum."""

    collapsed: int
    n: int
    others_collapsed: int
    n_others: int


@dataclass(frozen=True, kw_only=True)
class RateComparison:
    """A difference between two rates of collapse; fractions."""

    difference: float  # first less second; of several strata the weighted mean, each by n n' / (n + n')
    interval: Interval | None  # 95%: Newcombe's, of several strata that of Yan and Su
    p: float  # two-sided, exact
    method: str
    collapsed: tuple[int, int]
    n: tuple[int, int]


def compare_rates(strata: Sequence[Counts]) -> RateComparison | None:
    """Compare two rates over strata; None if one side has no runs.

    One stratum: Boschloo's exact test (1970). Several: the exact conditional test of a common odds ratio of 1 (Mehta,
    Patel and Gray 1985), whose p is the probability, given all margins, of totals no more likely than the observed one.
    """
    used = [counts for counts in strata if counts.n and counts.n_others]
    if not used:
        return None
    weights = np.array([s.n * s.n_others / (s.n + s.n_others) for s in used])
    weights /= weights.sum()
    differences = np.array([s.collapsed / s.n - s.others_collapsed / s.n_others for s in used])
    is_single = len(used) == 1
    return RateComparison(
        difference=float(weights @ differences),
        interval=newcombe_interval(*used[0]) if is_single else stratified_newcombe_interval(used, weights.tolist()),
        p=boschloo_p(*used[0]) if is_single else stratified_exact_p(used),
        method="Boschloo's exact test" if is_single else f"exact test over {len(used)} strata",
        collapsed=(sum(s.collapsed for s in used), sum(s.others_collapsed for s in used)),
        n=(sum(s.n for s in used), sum(s.n_others for s in used)),
    )


def newcombe_interval(
    successes: int, n: int, others: int, n_others: int, *, confidence: float = 0.95
) -> Interval | None:
    """Interval of the difference of two independent proportions by Newcombe's hybrid of Wilson's (1998, method 10);
    None where one has no trials.
    """
    if not n or not n_others:
        return None
    return stratified_newcombe_interval([Counts(successes, n, others, n_others)], [1.0], confidence=confidence)


def stratified_newcombe_interval(
    strata: Sequence[Counts], weights: Sequence[float], *, confidence: float = 0.95
) -> Interval:
    """Interval of a weighted mean of differences, from Wilson's intervals of every rate (Yan and Su 2010, with squared
    distances added over strata).
    `weights`: of the strata; they sum to 1.
    """
    difference = below = above = 0.0
    for (collapsed, n, others, n_others), weight in zip(strata, weights, strict=True):
        first = wilson_interval(collapsed, n, confidence=confidence)
        second = wilson_interval(others, n_others, confidence=confidence)
        assert first is not None and second is not None
        rate, other = collapsed / n, others / n_others
        difference += weight * (rate - other)
        below += weight**2 * ((rate - first[0]) ** 2 + (second[1] - other) ** 2)
        above += weight**2 * ((first[1] - rate) ** 2 + (other - second[0]) ** 2)
    return max(-1.0, difference - math.sqrt(below)), min(1.0, difference + math.sqrt(above))


def boschloo_p(successes: int, n: int, others: int, n_others: int) -> float:
    """Two-sided p that two proportions are the same, by Boschloo's test: Fisher's, made uniformly more powerful."""
    from scipy.stats import boschloo_exact  # takes long to import

    if successes + others in (0, n + n_others):
        return 1.0
    table = [[successes, others], [n - successes, n_others - others]]
    return float(min(1.0, boschloo_exact(table, alternative="two-sided").pvalue))


def stratified_exact_p(strata: Sequence[Counts]) -> float:
    """Two-sided p that no stratum's rates differ, given the margins of every stratum."""
    observed, distribution, lowest = 0, np.ones(1), 0
    for collapsed, n, others, n_others in strata:
        total = collapsed + others
        low, high = max(0, total - n_others), min(n, total)
        values = np.arange(low, high + 1)
        logs = _log_choose(n, values) + _log_choose(n_others, total - values) - _log_choose(n + n_others, total)
        distribution = np.convolve(distribution, np.exp(logs))
        lowest += low
        observed += collapsed
    distribution /= distribution.sum()
    cutoff = distribution[observed - lowest] * (1 + 1e-7)  # ties up to rounding
    return float(min(1.0, distribution[distribution <= cutoff].sum()))


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided exact p that two groups of units (tasks, encoders) have the same mean: the share of all divisions into
    groups of these sizes whose means differ at least as much.
    """
    values = np.array([*first, *second])
    picks = np.array(list(itertools.combinations(range(len(values)), len(first))))
    means = values[picks].mean(axis=1)
    differences = np.abs(means - (values.sum() - means * len(first)) / len(second))
    return float(np.mean(differences >= abs(np.mean(first) - np.mean(second)) - 1e-12))


def rate_p(successes: int, n: int, rate: float) -> tuple[float, float]:
    """One-sided exact p that a rate is at least, and at most, this one (binomial).

    Also for the mean rate of several kinds of trials: where p is small, it is smaller still (Hoeffding 1956).
    """
    return float(bdtr(successes, n, rate)), float(bdtrc(successes - 1, n, rate)) if successes else 1.0


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)
