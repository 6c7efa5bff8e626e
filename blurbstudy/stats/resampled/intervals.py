"""Intervals of means over resampled splits.

Folds of one repeat share most of their training examples, and repeats all of their test examples, so the spread of runs
is no standard error: Student's t over 5 x 20 runs covers the truth in a third of all cases. Two intervals allow for it:
the joint one of `contrasts`, over repeats and test examples, and that of Nadeau and Bengio (2003), whose variance is
v (1 / J + n_test / n_train) for J runs of variance v.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from ..contrasts import Comparison, contrast
from ..intervals import Interval
from ..panels import Variance
from .folds import ResampledCell

ONE_REPEAT = "over test examples alone: one repeat says nothing about seeds"
PSEUDO_VALUES = "jackknife pseudo-values"
NADEAU_BENGIO = "Nadeau and Bengio's over folds"


@dataclass(frozen=True, kw_only=True)
class ResampledMean:
    """A mean over resampled splits; scores are fractions."""

    mean: float  # over the repeats with a score on every fold; of correlations, by their mean z
    n_folds: int
    n_repeats: int  # in the mean
    sizes: dict[str, int]  # split -> examples of a fold
    interval: Interval | None  # 95%, over repeats and test examples
    method: str  # how, for the caption
    nadeau_bengio: Interval | None  # 95%


def resampled_mean(cell: ResampledCell) -> ResampledMean | None:
    """The mean of a cell and its intervals; None where no repeat has a score on every fold."""
    if not cell.scored:
        return None
    joint = contrast([[cell.group]], is_z=cell.scale.is_z)
    units = cell.reference.fold(cell.n_folds, 0, 0).resampling_units("test")
    alone = len(cell.scored) == 1
    error = None if joint.error is None or joint.df is None else (joint.error**2, joint.df)
    return ResampledMean(
        mean=cell.as_score(joint.length),
        n_folds=cell.n_folds,
        n_repeats=len(cell.scored),
        sizes=cell.split_sizes,
        interval=_around(cell, joint.length, error),
        method=f"none: {joint.reason}"
        if error is None
        else f"{PSEUDO_VALUES} {ONE_REPEAT}"
        if alone
        else f"{PSEUDO_VALUES} over {units}, joint with repeats",
        nadeau_bengio=_around(cell, joint.length, nadeau_bengio(list(cell.fold_scores.values()), cell)),
    )


def compare_resampled(panels: Sequence[Sequence[ResampledCell]]) -> Comparison:
    """As `contrasts.contrast`, with Nadeau and Bengio's interval where all cells have the same folds."""
    panels = [[cell.with_trivial_scores for cell in panel] for panel in panels]
    first = panels[0][0]
    compared = contrast([[cell.group for cell in panel] for panel in panels], is_z=first.scale.is_z)
    keys = {tuple(cell.fold_scores) for panel in panels for cell in panel}
    if compared.difference is None or len(keys) > 1:
        return compared
    signs = (1, -1, -1, 1)[: len(panels[0])]
    rows = [
        np.sum(
            [sign * np.array(list(cell.fold_scores.values())) for sign, cell in zip(signs, panel, strict=True)], axis=0
        )
        for panel in panels
    ]
    return compared.with_nadeau_bengio(nadeau_bengio(np.mean(rows, axis=0).tolist(), first))


def nadeau_bengio(scores: Sequence[float], cell: ResampledCell) -> Variance | None:
    """Variance of the mean over runs on resampled splits, and its degrees of freedom; None for one run."""
    n, sizes = len(scores), cell.split_sizes
    if n < 2:
        return None
    return float(np.var(scores, ddof=1)) * (1 / n + sizes["test"] / sizes["train"]), float(n - 1)


def _around(cell: ResampledCell, mean: float, variance: Variance | None) -> Interval | None:
    if variance is None:
        return None
    half = float(stdtrit(variance[1], 0.975)) * variance[0] ** 0.5
    low, high = (cell.as_score(mean + side * half) for side in (-1, 1))
    return (low, high) if cell.scale.is_z else (max(0.0, low), min(1.0, high))
