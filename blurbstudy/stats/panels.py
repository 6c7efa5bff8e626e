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
        return sorted(set.intersection(*(set(task.scores) for task in self.tasks.values())), key=_seed_order)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Runs that vary with one set of seeds: a group, or the signed sum of groups that share their seeds."""

    values: Mapping[Seed, float]  # on the scale
    replicates: Mapping[str, Mapping[Seed, np.ndarray]]  # task -> seed -> (replicates,), on the scale


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

    Raises:
        StudyError: no group has seeds.
    """
    seeded = [group for group in groups if group.seeded]
    if not seeded:
        raise StudyError("systems without seeds have no difference over seeds; compare one with a cell of runs")
    if any(not group.seeds for group in seeded):
        return None
    signs, sources = _SIGNS[: len(groups)], [_source(group, scale) for group in groups]
    means = [float(np.mean(list(source.values.values()))) for source in sources]
    paired = len({tuple(group.seeds) for group in seeded}) == 1
    combined = _combined(sources, signs, seeds=seeded[0].seeds) if paired else None
    varying = [combined] if combined else [s for group, s in zip(groups, sources, strict=True) if group.seeded]
    return Panel(
        length=sum(sign * mean for sign, mean in zip(signs, means, strict=True)),
        middle=float(np.mean(means)),
        n=min(len(group.seeds) for group in seeded),
        paired=paired,
        seeds=tuple(combined.values) if combined else (),
        differences=tuple(combined.values.values()) if combined else (),
        over_seeds=tuple(mean_over_seeds(source.values) for source in varying),
        interaction=sum(_interaction(source, groups[0]) for source in varying),
        replicates={
            task: np.sum([sign * _mean_row(source, task) for sign, source in zip(signs, sources, strict=True)], axis=0)
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
    scores = {task: scale.forward(np.array([one.scores[s] for s in seeds])) for task, one in group.tasks.items()}
    values = sum((group.weights[task] * row for task, row in scores.items()), np.zeros(len(seeds)))
    return Source(
        values=dict(zip(seeds, values.tolist(), strict=True)),
        replicates={
            task: {seed: scale.forward(one.replicates[seed]) for seed in seeds} for task, one in group.tasks.items()
        },
    )


def _combined(sources: Sequence[Source], signs: Sequence[int], *, seeds: Sequence[Seed]) -> Source:
    """The signed sum by seed; the one run of a system without seeds counts for each."""
    names = [seeds if list(source.values) == list(seeds) else list(source.values) * len(seeds) for source in sources]
    terms = list(zip(signs, sources, names, strict=True))
    return Source(
        values={seed: sum(sign * s.values[own[i]] for sign, s, own in terms) for i, seed in enumerate(seeds)},
        replicates={
            task: {
                seed: np.sum([sign * s.replicates[task][own[i]] for sign, s, own in terms], axis=0)
                for i, seed in enumerate(seeds)
            }
            for task in sources[0].replicates
        },
    )


def _mean_row(source: Source, task: str) -> np.ndarray:
    return np.mean(list(source.replicates[task].values()), axis=0)


def _interaction(source: Source, group: ContrastGroup) -> float:
    """V_i of the mean over runs: what the variance over units of single runs has more than that of their mean."""
    n = len(source.values)
    if n < 2:
        return 0.0
    single = 0.0
    for task, weight in group.weights.items():
        rows = source.replicates[task].values()
        single += weight**2 * float(np.mean([group.tasks[task].resampling.variance(row) for row in rows]))
    total, _ = unit_variance({task: _mean_row(source, task) for task in group.weights}, group)
    return max(0.0, single - total) / (n - 1)


def _seed_order(seed: Seed) -> tuple[int, ...]:
    return seed if isinstance(seed, tuple) else (seed,)
