"""The parts of a difference between cells within one panel (an encoder): over seeds, over test units, and what both
share. `contrasts` adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import StudyError
from .crossed_seeds import Seed, SeedMean, mean_over_seeds
from .resampling import Resampling
from .scale import Scale

Variance = tuple[float, float]  # a variance and its degrees of freedom

_SIGNS = (1, -1, -1, 1)


@dataclass(frozen=True, kw_only=True)
class ScoredTask:
    """The runs of one cell on one task: scores by seed, and the scores of each on replicates of the test units."""

    scores: Mapping[Seed, float]
    replicates: Mapping[Seed, np.ndarray]  # seed -> (replicates,)
    resampling: Resampling


@dataclass(frozen=True, kw_only=True)
class ContrastGroup:
    """One cell of a contrast: its tasks, each with the same scored seeds, and their weights, which sum to 1.

    A system without seeds (`seeded` is False) has one run by any name, whose score counts for every seed. On resampled
    splits, seeds are repeats (see `resampled`).
    """

    tasks: Mapping[str, ScoredTask]
    weights: Mapping[str, float]
    seeded: bool = True
    resampled: bool = False

    @property
    def seeds(self) -> list[Seed]:
        """Seeds with a score on every task."""
        shared = set.intersection(*(set(task.scores) for task in self.tasks.values()))
        return sorted(shared, key=lambda seed: seed if isinstance(seed, tuple) else (seed,))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Runs on the scale that vary with one set of seeds: a group, or the signed sum of groups that share theirs."""

    seeds: Sequence[Seed]
    values: np.ndarray  # (seeds,)
    replicates: Mapping[str, np.ndarray]  # task -> (seeds, replicates)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel's difference on the scale, with its parts of variance."""

    length: float
    middle: float  # mean of all groups
    n: int  # seeds of the smallest group that has seeds
    paired: bool  # all groups share their seeds
    seeds: tuple[Seed, ...]  # where paired
    differences: tuple[float, ...]  # where paired, by seed
    over_seeds: tuple[SeedMean, ...]  # one where paired, otherwise one per group; their variances add up
    interaction: float  # the part of the variance that only seed and unit together explain
    replicates: Mapping[str, np.ndarray]  # task -> replicates of `length` without the weight of the task


def make_panel(groups: Sequence[ContrastGroup], scale: Scale) -> Panel | None:
    """The first group minus the second; of four, minus the difference of the other two. None if one has no seeds.
    Raises StudyError: no group has seeds.
    """
    seeded = [group for group in groups if group.seeded]
    if not seeded:
        raise StudyError("systems without seeds have no difference over seeds; compare one with a cell of runs")
    if any(not group.seeds for group in seeded):
        return None
    signs, sources = _SIGNS[: len(groups)], [_source(group, scale) for group in groups]
    means = [float(source.values.mean()) for source in sources]
    paired = len({tuple(group.seeds) for group in seeded}) == 1
    combined = _combined(sources, signs, seeds=seeded[0].seeds) if paired else None
    varying = [combined] if combined else [s for group, s in zip(groups, sources, strict=True) if group.seeded]
    return Panel(
        length=sum(sign * mean for sign, mean in zip(signs, means, strict=True)),
        middle=float(np.mean(means)),
        n=min(len(group.seeds) for group in seeded),
        paired=paired,
        seeds=tuple(combined.seeds) if combined else (),
        differences=tuple(combined.values.tolist()) if combined else (),
        over_seeds=tuple(mean_over_seeds(dict(zip(s.seeds, s.values.tolist(), strict=True))) for s in varying),
        interaction=sum(_interaction(source, groups[0]) for source in varying),
        replicates={
            task: _signed_sum([source.replicates[task].mean(axis=0) for source in sources], signs)
            for task in groups[0].tasks
        },
    )


def sum_variances(parts: Sequence[Variance]) -> Variance:
    """The sum of independent variances, with Satterthwaite's degrees of freedom (1946)."""
    total = sum(variance for variance, _ in parts)
    return total, (total**2 / sum(variance**2 / df for variance, df in parts if variance) if total else 1.0)


def unit_variance(replicates: Mapping[str, np.ndarray], group: ContrastGroup) -> Variance:
    """Variance over test units of a weighted sum over tasks, each with test units of its own."""
    parts = []
    for task, weight in group.weights.items():
        resampling = group.tasks[task].resampling
        parts.append((weight**2 * resampling.variance(replicates[task]), resampling.n_units - 1))
    return sum_variances(parts)


def _source(group: ContrastGroup, scale: Scale) -> Source:
    seeds = group.seeds
    values = np.zeros(len(seeds))
    for name, task in group.tasks.items():
        values += group.weights[name] * scale.forward(np.array([task.scores[seed] for seed in seeds]))
    replicates = {
        name: scale.forward(np.stack([task.replicates[seed] for seed in seeds])) for name, task in group.tasks.items()
    }
    return Source(seeds=seeds, values=values, replicates=replicates)


def _combined(sources: Sequence[Source], signs: Sequence[int], *, seeds: Sequence[Seed]) -> Source:
    """The signed sum by seed; the one run of a system without seeds counts for each."""
    return Source(
        seeds=seeds,
        values=_signed_sum([source.values for source in sources], signs),
        replicates={
            task: _signed_sum([source.replicates[task] for source in sources], signs) for task in sources[0].replicates
        },
    )


def _signed_sum(rows: Sequence[np.ndarray], signs: Sequence[int]) -> np.ndarray:
    total = signs[0] * rows[0]
    for sign, row in zip(signs[1:], rows[1:], strict=True):
        total = total + sign * row
    return total


def _interaction(source: Source, group: ContrastGroup) -> float:
    """V_i of the mean over runs: what the variance over units of single runs has more than that of their mean."""
    n = len(source.seeds)
    if n < 2:
        return 0.0
    single = 0.0
    for task, weight in group.weights.items():
        single += weight**2 * float(group.tasks[task].resampling.variances(source.replicates[task]).mean())
    total, _ = unit_variance({task: rows.mean(axis=0) for task, rows in source.replicates.items()}, group)
    return max(0.0, single - total) / (n - 1)
