"""How the score grows with the number of training examples, what the last doubling bought, and what another may.

A draw is a seed with its own nested subsets of train, all trained for the same number of optimizer steps. Sizes are
therefore compared paired by draw, as any two cells are (`contrasts`). From four sizes on a power law c - a n^(-b) is
fitted to the means (Hestness et al. 2017) and read at twice the data, no further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from ...training.run_record import RunRecord
from ..contrasts import Comparison
from ..intervals import MIN_RUNS, Interval, clip_interval
from ..references import Reference
from ..summary import CellSummary, compare, summarize

MIN_SIZES = 4  # for a power law, which has three parameters
RESAMPLES = 2000  # bootstrap draws of draws
_EXPONENTS = np.linspace(0.05, 2.0, 79)
_SEED = 20210909


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """The runs on one share of train."""

    share: float
    n_train: float  # examples, mean over draws
    summary: CellSummary


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """score(n) = limit - slope n^(-exponent), of n training examples."""

    limit: float  # at most 1
    slope: float  # at least 0
    exponent: float

    def at(self, n: float) -> float:
        return self.limit - self.slope * n**-self.exponent


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Scores by training examples, fractions."""

    split: str  # scored
    points: tuple[CurvePoint, ...]  # from the smallest share to the whole
    doubling: Comparison | None  # all of train against half of it; None without both
    law: PowerLaw | None = None
    forecast: float | None = None  # gain that the law expects of twice the data
    forecast_interval: Interval | None = None  # 95%, over draws, if the law holds
    reason: str = ""  # why there is no forecast


def learning_curve(
    runs: Mapping[float, Sequence[RunRecord]],
    sizes: Mapping[float, float],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
) -> LearningCurve:
    """The curve of runs on one task.

    The law is fitted to the means of the runs that did not collapse; the interval of its forecast is by a bootstrap
    over draws.

    Args:
        runs: share of train -> runs, one per draw.
        sizes: share -> number of training examples, mean over draws.

    Raises:
        StudyError: runs of several tasks, or two of one share and seed.
    """
    points = [
        CurvePoint(share=share, n_train=sizes[share], summary=summarize(runs[share], references, split=split))
        for share in sorted(runs)
    ]
    full, half = runs.get(1.0), runs.get(0.5)
    doubling = compare([[full, half]], references, split=split) if full and half else None
    return _with_forecast(LearningCurve(split=split, points=tuple(points), doubling=doubling))


def _with_forecast(curve: LearningCurve) -> LearningCurve:
    points = curve.points

    def without(reason: str) -> LearningCurve:
        return replace(curve, reason=reason)

    if len(points) < MIN_SIZES:
        return without(f"a power law needs {MIN_SIZES} sizes, here are {len(points)}")
    few = [point for point in points if point.summary.n_noncollapsed < MIN_RUNS]
    if few:
        return without(
            f"fewer than {MIN_RUNS} runs on {few[0].share:g} of train did not collapse, too few for a power law"
        )
    n = np.array([point.n_train for point in points])
    scores = _score_table(points)  # (sizes, draws), nan where a run collapsed
    draws = scores.shape[1]
    picked = np.random.default_rng([_SEED, draws]).integers(0, draws, (RESAMPLES, draws))
    resampled = scores[:, picked]  # (sizes, RESAMPLES, draws)
    complete = ~np.isnan(resampled).all(axis=2).any(axis=0)
    means = np.nanmean(resampled[:, complete], axis=2).T  # (resamples, sizes)
    law = fit_power_laws(n, np.nanmean(scores, axis=1)[None])
    if law[0, 1] <= 0.0 or law[0, 2] >= _EXPONENTS[-1]:  # then the law says 0 gain, however little is known
        return without("the scores do not rise as a power law does; they are level, or fall, after the smallest size")
    gain = float(_gains(law, n[-1])[0])
    interval = _wide_interval(gain, _gains(fit_power_laws(n, means), n[-1]), draws=draws)
    limit, slope, exponent = (float(value) for value in law[0])
    now, low = float(np.nanmean(scores[-1])), points[-1].summary.min_score
    return replace(
        curve,
        law=PowerLaw(limit=limit, slope=slope, exponent=exponent),
        forecast=gain,
        forecast_interval=clip_interval(interval, low=low - now, high=1.0 - now),
    )


def _wide_interval(value: float, resampled: np.ndarray, *, draws: int) -> Interval:
    """95%: the hull of Student's with the bootstrap's standard error and of the bootstrap's percentiles, these
    stretched as for so few draws. Where the law holds it has the truth in 89% to 95% of samples; the first alone in 81%
    to 94%, as the slope cannot fall below 0.
    """
    t = float(stdtrit(draws - 1, 0.975))
    half = t * float(np.std(resampled, ddof=1))
    stretch = math.sqrt(draws / (draws - 1)) * t / 1.96
    low, high = np.quantile(resampled, [0.025, 0.975])
    return (
        min(value - half, value - stretch * (value - float(low))),
        max(value + half, value + stretch * (float(high) - value)),
    )


def _score_table(points: Sequence[CurvePoint]) -> np.ndarray:
    """(sizes, draws) scores of runs that did not collapse; otherwise nan."""
    seeds = sorted({seed for point in points for seed in point.summary.seeds}, key=str)
    table = np.full((len(points), len(seeds)), np.nan)
    for row, point in zip(table, points, strict=True):
        cell = point.summary
        for seed, score, judgement in zip(cell.seeds, cell.scores, cell.judgements, strict=True):
            if score is not None and not judgement.status.collapsed:
                row[seeds.index(seed)] = score
    return table


def _gains(laws: np.ndarray, n: float) -> np.ndarray:
    """Of doubling n, by each law (k, 3): (k,)."""
    _, slope, exponent = laws.T
    return slope * (n**-exponent - (2 * n) ** -exponent)


def fit_power_laws(n: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Least squares of limit - slope n^(-exponent), with limit <= 1, slope >= 0 and an exponent from 0.05 to 2, by a
    grid over exponents: (k, 3), limit, slope and exponent of each of k curves.

    Args:
        n: (sizes,) training examples.
        scores: (k, sizes).
    """
    best = np.full(len(scores), math.inf)
    laws = np.zeros((len(scores), 3))
    mean = scores.mean(axis=1)
    for exponent in _EXPONENTS:
        x = n**-exponent
        spread = x - x.mean()
        slope = -(scores @ spread) / (spread @ spread)
        limit = mean + slope * x.mean()
        at_most_one = ((1.0 - scores) @ x) / (x @ x)  # the slope under limit = 1
        slope, limit = np.where(limit > 1.0, at_most_one, slope), np.minimum(limit, 1.0)
        limit, slope = np.where(slope < 0.0, mean, limit), np.maximum(slope, 0.0)
        error = ((scores - limit[:, None] + slope[:, None] * x) ** 2).sum(axis=1)
        better = error < best - 1e-15
        best[better] = error[better]
        laws[better] = np.stack([limit, slope, np.full(len(scores), exponent)], axis=1)[better]
    return laws
