"""Pretraining seeds and fine-tuning seeds: what of the spread of scores comes from which (one-way random effects, by
moments: Searle, Casella and McCulloch 1992, chapter 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Seed = int | tuple[int, int]  # of fine-tuning, or of pretraining and fine-tuning


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """Where the spread of scores comes from; standard deviations, as fractions."""

    n_encoders: int  # pretraining seeds
    between: float  # sd of what an encoder's pretraining seed adds; 0 where runs within vary as much
    within: float | None  # sd over fine-tuning seeds of one encoder; None where each has one run


def variance_parts(groups: Sequence[Sequence[float]]) -> VarianceParts | None:
    """Splits the variance of scores, grouped by encoder; None for fewer than two groups.

    With a groups of sizes n_i, N in all: within = MSW, between = (MSB - MSW) / n0, n0 = (N - sum n_i^2 / N) / (a - 1),
    cut off at 0. One run per group: all of it counts as between.
    """
    groups = [np.asarray(group) for group in groups if len(group)]
    a, total = len(groups), sum(map(len, groups))
    if a < 2:
        return None
    grand = sum(group.sum() for group in groups) / total
    msb = sum(len(group) * (group.mean() - grand) ** 2 for group in groups) / (a - 1)
    if total == a:
        return VarianceParts(n_encoders=a, between=math.sqrt(msb), within=None)
    msw = sum(((group - group.mean()) ** 2).sum() for group in groups) / (total - a)
    n0 = (total - sum(len(group) ** 2 for group in groups) / total) / (a - 1)
    return VarianceParts(n_encoders=a, between=math.sqrt(max(0.0, (msb - msw) / n0)), within=math.sqrt(msw))


def grouped(seeds: Sequence[Seed], values: Sequence[float]) -> list[list[float]]:
    """By pretraining seed."""
    groups: dict[int, list[float]] = {}
    for (pretraining, _), value in zip(seeds, values, strict=True):
        groups.setdefault(pretraining, []).append(value)
    return list(groups.values())


def independent(seeds: Sequence[Seed], values: Sequence[float]) -> list[float]:
    """One value per seed; with several pretraining seeds, one per pretraining seed: the mean of its runs."""
    if not seeds or isinstance(seeds[0], int):
        return list(values)
    groups = grouped(seeds, values)
    return [float(np.mean(group)) for group in groups] if len(groups) > 1 else list(values)
