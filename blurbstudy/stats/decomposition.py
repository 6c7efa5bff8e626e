"""Splits a gain into fewer collapsed runs and better runs (Kitagawa 1955, for rates of two populations).

With a share f of collapsed runs, their mean score c and the mean g of the others, a cell's mean is f c + (1 - f) g. The
difference between two cells is then, exactly, the sum of three parts, each at the average of the two cells in the rest:

    fewer collapsed  (f_second - f_first) * (mean g - mean c)
    other runs       (1 - mean f) * (g_first - g_second)
    collapsed runs   mean f * (c_first - c_second)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval, percentile_interval
from .summary import CellSummary

MIN_SEEDS = 5  # on either side, below which there is no interval
_DRAWS = 20_000
_SEED = 20210909


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A difference of two means over the runs that have a score, in three parts that add up to it; fractions."""

    total: float
    fewer_collapsed: float  # part that comes from another share of collapsed runs
    noncollapsed_change: float  # from the mean of the runs that did not collapse
    collapsed_change: float  # from the mean of those that did
    n: tuple[int, int]  # scored seeds, of the first and of the second
    collapsed: tuple[int, int]  # of these
    unscored: tuple[int, int]  # diverged runs: in no part
    interval: Interval | None = None  # 95% of `fewer_collapsed`, over seeds


def decompose(first: CellSummary, second: CellSummary) -> Gain | None:
    """The difference between two cells in parts; None where one has no score."""
    groups = _scored(first), _scored(second)
    if not all(len(scores) for scores, _ in groups):
        return None
    parts = _parts(*groups)
    return Gain(
        total=sum(parts),
        fewer_collapsed=parts[0],
        noncollapsed_change=parts[1],
        collapsed_change=parts[2],
        n=(len(groups[0][0]), len(groups[1][0])),
        collapsed=(int(groups[0][1].sum()), int(groups[1][1].sum())),
        unscored=(first.n - first.n_scored, second.n - second.n_scored),
        interval=_interval(*groups, limit=1.0 - min(first.min_score, second.min_score)),
    )


GroupScores = tuple[np.ndarray, np.ndarray]  # scores (n,), whether collapsed (n,)


def _scored(cell: CellSummary) -> GroupScores:
    scored = [
        (score, judgement.status.collapsed)
        for score, judgement in zip(cell.scores, cell.judgements, strict=True)
        if score is not None
    ]
    return np.array([score for score, _ in scored]), np.array([collapsed for _, collapsed in scored], dtype=bool)


def _parts(first: GroupScores, second: GroupScores) -> tuple[float, float, float]:
    """A group that is empty in one cell is taken to score there as in the other, so that it adds no part of its own."""
    shares = [float(mask.mean()) for _, mask in (first, second)]
    others = _means(first, second, collapsed=False)
    collapsed = _means(first, second, collapsed=True)
    if others is None or collapsed is None:  # all alike on both sides: there is one group alone
        change = float(first[0].mean() - second[0].mean())
        return (0.0, 0.0, change) if others is None else (0.0, change, 0.0)
    share = sum(shares) / 2
    return (
        (shares[1] - shares[0]) * (sum(others) - sum(collapsed)) / 2,
        (1 - share) * (others[0] - others[1]),
        share * (collapsed[0] - collapsed[1]),
    )


def _means(first: GroupScores, second: GroupScores, *, collapsed: bool) -> tuple[float, float] | None:
    """Mean score of a group in either cell; None where neither has one."""
    here, there = (scores[mask == collapsed] for scores, mask in (first, second))
    if not len(here) and not len(there):
        return None
    return float((here if len(here) else there).mean()), float((there if len(there) else here).mean())


def _interval(first: GroupScores, second: GroupScores, *, limit: float) -> Interval | None:
    """Of the part by fewer collapsed runs: rates drawn from Beta(k + 1/2, n - k + 1/2) (Jeffreys), so that 0 of 5 is
    not taken for certain; the distance of the two groups from Student's t. None below MIN_SEEDS, or where only one
    group has runs, whose distance from the other is unknown.
    `limit`: largest distance of two scores that there can be.
    """
    others, collapsed = (_means(first, second, collapsed=group) for group in (False, True))
    if min(len(first[0]), len(second[0])) < MIN_SEEDS or others is None or collapsed is None:
        return None
    generator = np.random.default_rng(_SEED)
    rates = [generator.beta(k + 0.5, n - k + 0.5, _DRAWS) for k, n in ((m.sum(), len(m)) for _, m in (first, second))]
    distance = np.full(_DRAWS, (sum(others) - sum(collapsed)) / 2)
    for group in (False, True):
        error, df = _mean_error([scores[mask == group] for scores, mask in (first, second)])
        distance += error * generator.standard_t(df, _DRAWS) if df else 0.0
    return percentile_interval((rates[1] - rates[0]) * np.clip(distance, -limit, limit))


def _mean_error(sides: Sequence[np.ndarray]) -> tuple[float, int]:
    """Standard error of the mean of both sides' means, from their common variance, and its degrees of freedom."""
    present = [side for side in sides if len(side)]
    df = sum(len(side) - 1 for side in present)
    if not df:
        return 0.0, 0
    variance = sum(float(((side - side.mean()) ** 2).sum()) for side in present) / df
    return math.sqrt(variance * sum(1 / len(side) for side in present)) / len(present), df
