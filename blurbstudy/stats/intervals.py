"""Intervals and bounds of a score, a mean or a rate: Fisher's z, Wilson, Clopper and Pearson, Student's t, a mixture of
collapsed and other runs; and Holm's correction (Fisher 1921; Holm 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from scipy.special import betaincinv, stdtr, stdtrit  # scipy.stats, which wraps them, takes long to import

Interval = tuple[float, float]

MIN_RUNS = 3  # an interval over fewer says nothing
_MIXTURE_DRAWS = 20_000
_MIXTURE_SEED = 20210909
_NORMAL = NormalDist()


def fisher_interval(r: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Two-sided interval of a Pearson correlation over n examples; (-1, 1) below four examples."""
    half = _NORMAL.inv_cdf(0.5 + confidence / 2)
    return _fisher(r, n, shift=-half), _fisher(r, n, shift=half)


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


def t_interval(values: Sequence[float]) -> Interval | None:
    """Student's 95% interval of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return student_interval(float(np.mean(values)), error=error, df=len(values) - 1)


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


def percentile_interval(draws: np.ndarray | None) -> Interval | None:
    """The middle 95% of bootstrap draws; None where there are none."""
    if draws is None:
        return None
    low, high = np.quantile(draws, [0.5 - 0.95 / 2, 0.5 + 0.95 / 2])
    return float(low), float(high)


def binomial_lower_bound(successes: int, n: int) -> float:
    """One-sided 95% lower bound of a proportion (Clopper and Pearson 1934)."""
    return float(betaincinv(successes, n - successes + 1, 1 - 0.95)) if successes else 0.0


def student_lower_bound(value: float, *, error: float, df: float) -> float:
    """One-sided 95% lower bound of a value with this standard error."""
    return value - float(stdtrit(df, 0.95)) * error


def clip_interval(interval: Interval | None, *, low: float, high: float = 1.0) -> Interval | None:
    """The part of an interval that a score can reach."""
    return None if interval is None else (min(max(low, interval[0]), high), max(min(high, interval[1]), low))


def mixture_interval(
    healthy: Sequence[float], collapsed: Sequence[float], *, n: int, trivial: float, low: float
) -> Interval | None:
    """95% interval of the mean score of runs some of which collapse; None below MIN_RUNS healthy runs.

    Draws (1 - p) h + p c: the rate of collapse p from Beta(k + 1/2, n - k + 1/2) (Jeffreys), the mean h of the runs
    that did not collapse and the mean c of those that did from Student's t around theirs. Below two collapsed scores, c
    is the one score, or the trivial one. Where no run collapsed, the hull with Student's interval.

    Args:
        healthy: scores of the runs that did not collapse; collapsed: those of collapsed runs that have one.
        n: number of runs, including those without a score.
        trivial: score of the trivial baseline.
    """
    if len(healthy) < MIN_RUNS:
        return None
    generator = np.random.default_rng(_MIXTURE_SEED)
    k = n - len(healthy)
    rate = generator.beta(k + 0.5, n - k + 0.5, _MIXTURE_DRAWS)
    draws = (1 - rate) * _t_draws(generator, healthy)
    draws += rate * (_t_draws(generator, collapsed) if len(collapsed) > 1 else (collapsed[0] if collapsed else trivial))
    bounds = percentile_interval(draws)
    plain = t_interval(healthy) if k == 0 else None
    if bounds is not None and plain is not None:
        bounds = min(bounds[0], plain[0]), max(bounds[1], plain[1])
    return clip_interval(bounds, low=low)


def _t_draws(generator: np.random.Generator, values: Sequence[float]) -> np.ndarray:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)) + error * generator.standard_t(len(values) - 1, _MIXTURE_DRAWS)
