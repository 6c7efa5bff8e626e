"""Differences between cells, with one decision each: other seeds and other test examples are two sources of variance of
one difference, so their variances are added, and one p follows.

With d_s the difference of seed s, D their mean over n seeds, V_s = var(d_s) / n and V_e the variance of D over test
units (each holding the other source fixed), the part that only seed and unit together explain is in both, and is taken
out once: V_i = max(0, mean_s var_units(d_s) - V_e) / (n - 1). Then

    V = max(V_s + V_e - V_i, V_s, V_e),   df = V^2 / (V_s^2 / df_s + V_e^2 / df_e)   (Satterthwaite 1946)

and D / sqrt(V) is referred to Student's t. Correlations are compared on Fisher's z scale; their differences are given
back as differences of r around the mean of both sides. `benchmarks/decisions.py` measures how often this errs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from ..errors import StudyError
from .crossed_seeds import STUDENT, Seed, mean_over_seeds
from .intervals import Interval
from .resampling import Resampling

MIN_UNITS = 5  # below it, nothing is decided
MAX_CORRELATION = 0.9999  # Fisher's z of more would count for too much
POWER = 0.8  # share of studies of the same size that would decide the `detectable` difference


@dataclass(frozen=True, kw_only=True)
class ScoredTask:
    """The runs of one cell on one task: scores by seed, and the scores of each on replicates of the test units."""

    scores: Mapping[Seed, float]
    replicates: Mapping[Seed, np.ndarray]  # seed -> (replicates,)
    resampling: Resampling


@dataclass(frozen=True, kw_only=True)
class ContrastGroup:
    """One cell of a contrast: its tasks, each with the same scored seeds, and their weights, which sum to 1.

    A system without seeds (`seeded` is False) has one run by any name, whose score counts for every seed.
    """

    tasks: Mapping[str, ScoredTask]
    weights: Mapping[str, float]
    seeded: bool = True

    @property
    def seeds(self) -> list[Seed]:
        """Seeds with a score on every task."""
        return sorted(set.intersection(*(set(task.scores) for task in self.tasks.values())), key=_seed_order)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One cell minus another, or minus the difference of two others; averaged over panels (encoders), if several."""

    n: int  # seeds scored on both sides, or on the smaller one where seeds differ; over all panels
    difference: float | None = None  # positive: the first cell is better
    p: float | None = None  # two-sided; correct a family's with `holm`
    df: float | None = None
    detectable: float | None = None  # difference that 80% of such studies would decide at p < 0.05
    seed_interval: Interval | None = None  # 95% over seeds alone, these examples
    example_interval: Interval | None = None  # 95% over examples alone, these seeds
    seed_method: str = STUDENT
    paired: bool = True  # by seed; otherwise both sides are independent
    reason: str = ""  # why nothing is decided
    seeds: tuple[Seed, ...] = ()  # where paired, of the first panel
    differences: tuple[float, ...] = ()  # one per pair, of all panels
    scale: Scale = field(default_factory=lambda: Scale(is_z=False))
    length: float = 0.0  # the difference on its scale
    error: float | None = None  # standard error of `length`; None: nothing is decided

    @property
    def interval(self) -> Interval | None:
        """95%, over seeds and test examples."""
        return self.interval_at(0.95)

    def interval_at(self, confidence: float) -> Interval | None:
        """Of 90%, an interval within a margin shows equivalence: two one-sided tests at 0.05 (Schuirmann 1987)."""
        if self.error is None or self.df is None:
            return None
        return _around(self.scale, self.length, error=self.error, df=self.df, confidence=confidence)

    def p_beyond(self, threshold: float) -> tuple[float, float] | None:
        """One-sided p that the difference is at most a threshold, and at least (score units); None if not decided."""
        if self.error is None or self.df is None:
            return None
        distance = (self.length - self.scale.length(threshold)) / self.error
        return float(stdtr(self.df, -distance)), float(stdtr(self.df, distance))


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What scores are compared on: as they are, or Fisher's z around the mean of both sides."""

    is_z: bool
    middle: float = 0.0  # mean z of both sides
    limit: float = 1.0  # largest difference that there can be, of scores as they are

    def forward(self, scores: np.ndarray) -> np.ndarray:
        """Scores on the scale."""
        return np.arctanh(np.clip(scores, -MAX_CORRELATION, MAX_CORRELATION)) if self.is_z else scores

    def points(self, length: float) -> float:
        """A difference on the scale as a difference of scores."""
        if not self.is_z:
            return min(max(length, -self.limit), self.limit)
        return math.tanh(self.middle + length / 2) - math.tanh(self.middle - length / 2)

    def length(self, points: float) -> float:
        """The inverse of `points`, found by bisection."""
        if not self.is_z:
            return points
        bounds = 2 * math.atanh(MAX_CORRELATION) + 2 * abs(self.middle)
        low, high = -bounds, bounds
        for _ in range(60):
            mid = (low + high) / 2
            low, high = (mid, high) if self.points(mid) < points else (low, mid)
        return (low + high) / 2


def contrast(panels: Sequence[Sequence[ContrastGroup]], *, is_z: bool) -> Comparison:
    """The first group minus the second; of four, minus the difference of the other two; averaged over panels.

    Args:
        panels: each of two or four groups with the same tasks and weights.
        is_z: all scores are correlations.

    Raises:
        StudyError: no group of a panel has seeds.
    """
    parts = [_panel(groups, is_z=is_z) for groups in panels]
    if any(part is None for part in parts):
        return Comparison(n=0, reason="no common scored seeds")
    used = [part for part in parts if part is not None]
    m = len(used)
    scale = Scale(is_z=is_z, middle=sum(part.middle for part in used) / m, limit=len(panels[0]) / 2)
    length = sum(part.length for part in used) / m
    n = sum(part.n for part in used)
    shared = _unit_variance([part.mean_replicates for part in used], panels[0][0])
    first = used[0]
    paired = all(part.paired for part in used)
    result = Comparison(
        n=n,
        difference=scale.points(length),
        seed_method=first.seed_method,
        paired=paired,
        seeds=tuple(first.seeds) if paired and m == 1 else (),
        differences=tuple(scale.points(d) for part in used for d in part.differences),
        scale=scale,
        length=length,
    )
    if min(part.smallest for part in used) < 2:
        return replace(result, reason="fewer than two seeds")
    if shared is None:
        return replace(result, reason=f"fewer than {MIN_UNITS} test units")
    v_e, df_e = shared
    seed_parts = [(part.v_s / m**2, part.df_s) for part in used]
    v_s = sum(v for v, _ in seed_parts)
    v_i = sum(part.v_i for part in used) / m**2
    variance = max(v_s + v_e - v_i, v_s, v_e)
    if variance <= 1e-18:
        return replace(result, reason="neither seeds nor examples vary")
    df = variance**2 / (sum(v**2 / df for v, df in seed_parts if v) + (v_e**2 / df_e if v_e else 0.0))
    error = math.sqrt(variance)
    p = 2 * float(stdtr(df, -abs(length) / error))
    df_s = v_s**2 / sum(v**2 / df for v, df in seed_parts if v) if v_s else 1.0
    if min(part.smallest for part in used) <= 3 and v_s:  # few seeds: their own test must agree
        p = max(p, 2 * float(stdtr(df_s, -abs(length) / math.sqrt(v_s))))
    reach = float(stdtrit(df, 0.975) + stdtrit(df, POWER)) * error
    return replace(
        result,
        p=min(1.0, p),
        df=df,
        detectable=scale.points(reach),
        seed_interval=_around(scale, length, error=math.sqrt(v_s), df=df_s),
        example_interval=_around(scale, length, error=math.sqrt(v_e), df=df_e),
        error=error,
    )


def _around(scale: Scale, length: float, *, error: float, df: float, confidence: float = 0.95) -> Interval:
    half = float(stdtrit(df, 0.5 + confidence / 2)) * error
    return scale.points(length - half), scale.points(length + half)


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """One panel's difference on the scale, with its parts of variance."""

    length: float
    middle: float
    n: int
    smallest: int  # runs of the smallest seeded group
    paired: bool
    seeds: list[Seed]
    differences: list[float]
    v_s: float
    df_s: float
    v_i: float
    seed_method: str
    mean_replicates: dict[str, np.ndarray | None]  # task -> replicates of the mean difference; None: too few units


def _panel(groups: Sequence[ContrastGroup], *, is_z: bool) -> _Panel | None:
    signs = (1, -1, -1, 1)[: len(groups)]
    seeded = [group for group in groups if group.seeded]
    if not seeded:
        raise StudyError("systems without seeds have no difference over seeds; compare one with a cell of runs")
    if any(not group.seeds for group in seeded):
        return None
    paired = len({tuple(group.seeds) for group in seeded}) == 1
    scale = Scale(is_z=is_z)
    means = [_seed_means(group, scale) for group in groups]
    length = sum(sign * float(np.mean(list(mean.values()))) for sign, mean in zip(signs, means, strict=True))
    middle = float(np.mean([np.mean(list(mean.values())) for mean in means]))
    replicates = {
        task: [_replicates(group, task, scale) for group in groups] for task in groups[0].tasks
    }  # task -> one mapping from seed to replicates per group
    mean_replicates: dict[str, np.ndarray | None] = {}
    for task, sides in replicates.items():
        few = groups[0].tasks[task].resampling.n_units < MIN_UNITS
        mean_replicates[task] = (
            None
            if few
            else sum(  # pyright: ignore[reportArgumentType]
                sign * np.mean(list(side.values()), axis=0) for sign, side in zip(signs, sides, strict=True)
            )
        )
    if paired:
        seeds = seeded[0].seeds
        pairs = {
            seed: sum(
                sign * (mean[seed] if group.seeded else next(iter(mean.values())))
                for sign, group, mean in zip(signs, groups, means, strict=True)
            )
            for seed in seeds
        }
        over_seeds = mean_over_seeds(pairs)
        v_s, df_s, method = over_seeds.variance or 0.0, over_seeds.df or 1.0, over_seeds.method
        v_i = _interaction(
            {
                seed: {
                    task: sum(
                        sign * (side[seed] if group.seeded else next(iter(side.values())))
                        for sign, group, side in zip(signs, groups, sides, strict=True)
                    )
                    for task, sides in replicates.items()
                }
                for seed in seeds
            },
            groups[0],
        )
        differences, n = list(pairs.values()), len(seeds)
    else:
        seeds, differences, n = [], [], min(len(group.seeds) for group in seeded)
        parts = [mean_over_seeds(mean) for group, mean in zip(groups, means, strict=True) if group.seeded]
        variances = [(part.variance or 0.0, part.df or 1.0) for part in parts]
        v_s = sum(v for v, _ in variances)
        df_s = v_s**2 / sum(v**2 / df for v, df in variances if v) if v_s else 1.0
        method = parts[0].method
        v_i = sum(
            _interaction(
                {seed: {task: sides[i][seed] for task, sides in replicates.items()} for seed in group.seeds}, group
            )
            for i, group in enumerate(groups)
            if group.seeded
        )
    return _Panel(
        length=length,
        middle=middle,
        n=n,
        smallest=min(len(group.seeds) for group in seeded),
        paired=paired,
        seeds=seeds,
        differences=differences,
        v_s=v_s,
        df_s=df_s,
        v_i=v_i,
        seed_method=method,
        mean_replicates=mean_replicates,
    )


def _seed_means(group: ContrastGroup, scale: Scale) -> dict[Seed, float]:
    """Seed -> mean over the tasks, on the scale."""
    return {
        seed: sum(
            group.weights[name] * float(scale.forward(np.asarray(task.scores[seed])))
            for name, task in group.tasks.items()
        )
        for seed in group.seeds
    }


def _replicates(group: ContrastGroup, task: str, scale: Scale) -> dict[Seed, np.ndarray]:
    return {seed: scale.forward(group.tasks[task].replicates[seed]) for seed in group.seeds}


def _interaction(replicates: Mapping[Seed, Mapping[str, np.ndarray]], group: ContrastGroup) -> float:
    """V_i of runs, from seed -> task -> replicates of a score or of a difference."""
    n = len(replicates)
    if n < 2:
        return 0.0
    single = total = 0.0
    for task, weight in group.weights.items():
        resampling = group.tasks[task].resampling
        rows = [by_task[task] for by_task in replicates.values()]
        single += weight**2 * float(np.mean([resampling.variance(row) for row in rows]))
        total += weight**2 * resampling.variance(np.mean(rows, axis=0))
    return max(0.0, single - total) / (n - 1)


def _unit_variance(
    panels: Sequence[Mapping[str, np.ndarray | None]], group: ContrastGroup
) -> tuple[float, float] | None:
    """Variance over test units of the mean over panels, and its degrees of freedom; None if a task has too few."""
    parts = []
    for task, weight in group.weights.items():
        rows = [panel[task] for panel in panels]
        complete = [row for row in rows if row is not None]
        if len(complete) < len(rows):
            return None
        resampling = group.tasks[task].resampling
        parts.append((weight**2 * resampling.variance(np.mean(complete, axis=0)), resampling.n_units - 1))
    variance = sum(v for v, _ in parts)
    return variance, variance**2 / sum(v**2 / df for v, df in parts if v) if variance else 1.0


def _seed_order(seed: Seed) -> tuple[int, ...]:
    return seed if isinstance(seed, tuple) else (seed,)
