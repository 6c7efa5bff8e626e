"""Splits a gain into fewer collapsed runs and better runs (Kitagawa 1955, for rates of two populations).

With a share f of collapsed runs, their mean score c and the mean g of the others, a cell's mean is f c + (1 - f) g. The
difference between two cells is then, exactly, the sum of three parts, each at the average of the two cells in the rest:

    fewer collapsed  (f_second - f_first) * (mean g - mean c)
    other runs       (1 - mean f) * (g_first - g_second)
    collapsed runs   mean f * (c_first - c_second)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .intervals import Interval
from .summary import CellSummary

MIN_SEEDS = 5  # below it a bootstrap over seeds is no interval
N_BOOTSTRAP = 2000
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
    interval: Interval | None = None  # 95% of `fewer_collapsed`, over seeds; None below MIN_SEEDS


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
        interval=_interval(*groups),
    )


GroupScores = tuple[np.ndarray, np.ndarray]  # scores (n,), whether failed (n,)


def _scored(cell: CellSummary) -> GroupScores:
    scored = [
        (score, reason is not None)
        for score, reason in zip(cell.scores, cell.failures, strict=True)
        if score is not None
    ]
    return np.array([score for score, _ in scored]), np.array([failed for _, failed in scored], dtype=bool)


def _parts(first: GroupScores, second: GroupScores) -> tuple[float, float, float]:
    """A group that is empty in one cell is taken to score there as in the other, so that it adds no part of its own."""
    shares = [float(failed.mean()) for _, failed in (first, second)]
    others = _means(first, second, failed=False)
    collapsed = _means(first, second, failed=True)
    if others is None or collapsed is None:  # all alike on both sides: there is one group alone
        change = float(first[0].mean() - second[0].mean())
        return (0.0, 0.0, change) if others is None else (0.0, change, 0.0)
    share = sum(shares) / 2
    return (
        (shares[1] - shares[0]) * (sum(others) - sum(collapsed)) / 2,
        (1 - share) * (others[0] - others[1]),
        share * (collapsed[0] - collapsed[1]),
    )


def _means(first: GroupScores, second: GroupScores, *, failed: bool) -> tuple[float, float] | None:
    """Mean score of a group in either cell; None where neither has one."""
    here, there = (scores[mask == failed] for scores, mask in (first, second))
    if not len(here) and not len(there):
        return None
    return float((here if len(here) else there).mean()), float((there if len(there) else here).mean())


def _interval(first: GroupScores, second: GroupScores) -> Interval | None:
    """Percentiles of a bootstrap over the seeds of both cells."""
    if min(len(first[0]), len(second[0])) < MIN_SEEDS:
        return None
    generator = np.random.default_rng(_SEED)
    replicates = []
    for _ in range(N_BOOTSTRAP):
        picks = [generator.integers(len(side[0]), size=len(side[0])) for side in (first, second)]
        replicates.append(
            _parts(*((side[0][pick], side[1][pick]) for side, pick in zip((first, second), picks, strict=True)))[0]
        )
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(low), float(high)
