"""What of the spread of scores comes from pretraining seeds and what from fine-tuning seeds, and how sure a mean over
both is.

Every encoder of an objective is fine-tuned with the same seeds, so the two are crossed, not nested: with pretraining
seed i of a and fine-tuning seed j of n, a score is y_ij = mean + P_i + S_j + e_ij, all three random and independent
(Searle, Casella and McCulloch 1992, chapter 4). The mean squares of the complete table have the expectations
n var P + var e, a var S + var e and var e, and the mean has variance var P / a + var S / n + var e / (a n).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from .intervals import Interval, student_interval, student_p

Seed = int | tuple[int, int]  # of fine-tuning, or of pretraining and fine-tuning

STUDENT = "Student's t"
CROSSED = "Student's t, pretraining and fine-tuning seeds crossed"
INCOMPLETE = f"{CROSSED}, variances by the fine-tuning seeds that are scored with every pretraining seed"
ONE_PRETRAINING = "Student's t over fine-tuning seeds alone, of one pretraining seed"
ONE_FINETUNING = "Student's t over pretraining seeds alone, at one fine-tuning seed"
TOO_FEW = "none, fewer than two fine-tuning seeds are scored with every pretraining seed"


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """Where the spread of scores comes from: standard deviations, as fractions. 0 where the estimate of the variance
    falls below 0, None where the seeds do not tell. Where one of the two seeds is a single one, the other's part holds
    the residual as well.
    """

    n_encoders: int  # pretraining seeds
    n_seeds: int  # fine-tuning seeds scored with every encoder
    pretraining: float | None  # of what a pretraining seed adds under every fine-tuning seed
    finetuning: float | None  # of what a fine-tuning seed adds to every encoder
    residual: float | None  # of what only the pair of the two explains


@dataclass(frozen=True, kw_only=True)
class SeedMean:
    """A mean over seeds, of scores or of paired differences."""

    mean: float | None
    method: str  # one of those above, for the reader
    variance: float | None = None  # of the mean; None below two seeds
    df: float | None = None  # degrees of freedom of the variance
    parts: VarianceParts | None = None  # with pretraining seeds

    @property
    def interval(self) -> Interval | None:
        """95%, Student's t."""
        if self.mean is None or self.variance is None or self.df is None:
            return None
        return student_interval(self.mean, error=math.sqrt(self.variance), df=self.df)

    @property
    def p(self) -> float | None:
        """Two-sided, that the mean is 0."""
        if self.mean is None or self.variance is None or self.df is None:
            return None
        return student_p(self.mean, error=math.sqrt(self.variance), df=self.df)


def mean_over_seeds(scores: Mapping[Seed, float]) -> SeedMean:
    """The mean of all scores and its variance; pretraining seeds and fine-tuning seeds are taken as crossed."""
    values = list(scores.values())
    if not values:
        return SeedMean(mean=None, method=STUDENT)
    mean = float(np.mean(values))
    variance = float(np.var(values, ddof=1)) / len(values) if len(values) > 1 else None
    df = float(len(values) - 1) if len(values) > 1 else None
    pairs = {seed: score for seed, score in scores.items() if isinstance(seed, tuple)}
    if not pairs:
        return SeedMean(mean=mean, variance=variance, df=df, method=STUDENT)
    table = complete_table(pairs)
    a, n = table.shape
    complete, parts = table.size == len(values), variance_parts(table)
    if a == 1 or (n == 1 and complete):
        method = ONE_PRETRAINING if a == 1 else ONE_FINETUNING
        return SeedMean(mean=mean, variance=variance, df=df, method=method, parts=parts)
    if n < 2:
        return SeedMean(mean=mean, method=TOO_FEW, parts=parts)
    # The widest 95% interval counts.
    variance, df = max(_variances_of_the_mean(table, list(pairs)), key=lambda v: stdtrit(v[1], 0.975) * math.sqrt(v[0]))
    return SeedMean(mean=mean, variance=variance, df=df, method=CROSSED if complete else INCOMPLETE, parts=parts)


def complete_table(scores: Mapping[tuple[int, int], float]) -> np.ndarray:
    """Scores by pretraining seed and fine-tuning seed, of the fine-tuning seeds that every encoder has: (a, n)."""
    encoders = sorted({encoder for encoder, _ in scores})
    seeds = [s for s in sorted({seed for _, seed in scores}) if all((encoder, s) in scores for encoder in encoders)]
    return np.array([[scores[encoder, seed] for seed in seeds] for encoder in encoders])


def variance_parts(table: np.ndarray) -> VarianceParts:
    """The parts of a complete table (a, n), by moments, each cut off at 0."""
    a, n = table.shape
    pretraining = finetuning = residual = None
    if a > 1 and n > 1:
        squares = mean_squares(table)
        residual = math.sqrt(squares[2])
        pretraining, finetuning = (
            math.sqrt(max(0.0, (square - squares[2]) / runs)) for square, runs in zip(squares, (n, a), strict=False)
        )
    elif a > 1 and n == 1:
        pretraining = float(np.std(table, ddof=1))
    elif n > 1:
        finetuning = float(np.std(table, ddof=1))
    return VarianceParts(n_encoders=a, n_seeds=n, pretraining=pretraining, finetuning=finetuning, residual=residual)


def mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    """Of rows, of columns, and of what is left, of a table (a, n) with both at least 2."""
    a, n = table.shape
    rows, columns, mean = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True), table.mean()
    return (
        float(n * ((rows - mean) ** 2).sum() / (a - 1)),
        float(a * ((columns - mean) ** 2).sum() / (n - 1)),
        float(((table - rows - columns + mean) ** 2).sum() / ((a - 1) * (n - 1))),
    )


def _variances_of_the_mean(table: np.ndarray, seeds: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Estimates of the variance of the mean over `seeds`, each with its degrees of freedom; the widest counts.

    The first is the sum of the parts, without those that are estimated below 0, with Satterthwaite's degrees of
    freedom; of a complete table with both parts above 0, (MS_P + MS_S - MS_E) / (a n). The other two are those of the
    means of encoders alone and of fine-tuning seeds alone: Satterthwaite's are too many where a mean square has one
    or two degrees of freedom and comes out small by luck (two encoders, twenty seeds: intervals of 95% that hold 88%).
    """
    a, n = table.shape
    squares, df = np.array(mean_squares(table)), np.array([a - 1, n - 1, (a - 1) * (n - 1)])
    # How much of each part is in the mean; of a complete table 1/a and 1/n.
    encoders, runs = _sum_of_squared_shares([s[0] for s in seeds]), _sum_of_squared_shares([s[1] for s in seeds])
    alone = np.array([encoders / n, runs / a])
    weights = np.append(np.where(squares[:2] > squares[2], alone, 0.0), 0.0)
    weights[2] = 1 / len(seeds) - weights.sum()
    terms = weights * squares
    variance = max(0.0, float(terms.sum()))
    freedom = variance**2 / float((terms**2 / df).sum()) if variance else float(df[2])
    return [(variance, freedom), *zip((alone * squares[:2]).tolist(), df[:2].tolist(), strict=True)]


def _sum_of_squared_shares(names: Sequence[int]) -> float:
    return float(((np.unique(names, return_counts=True)[1] / len(names)) ** 2).sum())
