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
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from ..errors import StudyError
from .crossed_seeds import STUDENT, Seed
from .intervals import MIN_RUNS, Interval
from .panels import ContrastGroup, Panel, Variance, make_panel, sum_variances, unit_variance
from .scale import Scale

MIN_UNITS = 5  # below it, nothing is decided
FEW_SEEDS = 3  # up to it, the test over seeds alone must agree
POWER = 0.8  # share of studies of the same size that would decide the `detectable` difference


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One cell minus another, or minus the difference of two others; averaged over panels (encoders), if several."""

    n: int  # seeds scored on both sides, or on the smaller one where seeds differ; over all panels
    difference: float | None = None  # positive: the first cell is better
    p: float | None = None  # two-sided; correct a family's with `holm`
    df: float | None = None
    detectable: float | None = None  # difference that 80% of such studies would decide at p < 0.05
    seed_interval: Interval | None = None  # 95% over seeds alone, these examples; None below MIN_RUNS
    example_interval: Interval | None = None  # 95% over examples alone, these seeds
    seed_method: str = STUDENT
    paired: bool = True  # by seed; otherwise both sides are independent
    reason: str = ""  # why nothing is decided, or why there is no interval
    seeds: tuple[Seed, ...] = ()  # where paired, of a single panel
    differences: tuple[float, ...] = ()  # one per pair, of all panels
    scale: Scale = field(default_factory=lambda: Scale(is_z=False))
    length: float = 0.0  # the difference on its scale
    error: float | None = None  # standard error of `length`; None: nothing is decided
    example_error: float | None = None  # the part over examples: what endless seeds would leave
    few_seeds: Variance | None = None  # of `length` over so few seeds that their own test must agree
    nadeau_bengio: Interval | None = None  # 95%, of resampled splits
    has_interval: bool = True  # False below MIN_RUNS seeds, where it would say nothing

    @property
    def interval(self) -> Interval | None:
        """95%, over seeds and test examples; with few seeds not narrower than over seeds alone."""
        return self.interval_at(0.95) if self.has_interval else None

    def interval_at(self, confidence: float) -> Interval | None:
        """Of 90%, an interval within a margin shows equivalence: two one-sided tests at 0.05 (Schuirmann 1987)."""
        if self.error is None or self.df is None:
            return None
        half = max(_half(variance, confidence) for variance in self._variances)
        return self.scale.points(self.length - half), self.scale.points(self.length + half)

    def with_nadeau_bengio(self, variance: Variance | None) -> Comparison:
        """With the interval of that variance beside the joint one."""
        interval = None if variance is None else _around(self.scale, self.length, variance)
        return replace(self, nadeau_bengio=interval)

    def p_beyond(self, threshold: float) -> tuple[float, float] | None:
        """One-sided p that the difference is at most a threshold, and at least (score units); None if not decided."""
        if self.error is None or self.df is None:
            return None
        distance = self.length - self.scale.length(threshold)
        above, below = (max(_tail(sign * distance, v) for v in self._variances) for sign in (1, -1))
        return above, below

    @property
    def _variances(self) -> list[Variance]:
        """Those by which each test must be passed."""
        assert self.error is not None and self.df is not None
        return [(self.error**2, self.df), *([self.few_seeds] if self.few_seeds else [])]


def contrast(panels: Sequence[Sequence[ContrastGroup]], *, is_z: bool) -> Comparison:
    """The first group minus the second; of four, minus the difference of the other two; averaged over panels.

    Args:
        panels: each of two or four groups with the same tasks and weights.
        is_z: all scores are correlations.

    Raises:
        StudyError: no group of a panel has seeds, or groups are of different kinds of splits.
    """
    if len({group.resampled for groups in panels for group in groups}) > 1:
        raise StudyError("the official and resampled splits have other test examples; compare cells of one kind")
    made = [make_panel(groups, Scale(is_z=is_z)) for groups in panels]
    parts = [part for part in made if part is not None]
    if len(parts) < len(made):
        return Comparison(n=0, reason="no scored seeds")
    m, paired = len(parts), all(part.paired for part in parts)
    scale = Scale(is_z=is_z, middle=sum(part.middle for part in parts) / m, limit=len(panels[0]) / 2)
    length = sum(part.length for part in parts) / m
    result = Comparison(
        n=sum(part.n for part in parts),
        difference=scale.points(length),
        seed_method=parts[0].over_seeds[0].method,
        paired=paired,
        seeds=parts[0].seeds if paired and m == 1 else (),
        differences=tuple(scale.points(d) for part in parts for d in part.differences),
        scale=scale,
        length=length,
    )
    reason = _not_judged(parts, panels[0][0])
    return replace(result, reason=reason) if reason else _decided(result, parts, panels[0][0])


def _not_judged(parts: Sequence[Panel], group: ContrastGroup) -> str:
    """Why a contrast has no p; '' if it has."""
    if min(part.n for part in parts) < 2 and not group.resampled:
        return "fewer than two seeds"
    unknown = [mean.method for part in parts for mean in part.over_seeds if mean.variance is None]
    if unknown and not group.resampled:  # one repeat has no variance over seeds; that over test units remains
        return f"no variance over seeds: {unknown[0]}"
    if min(task.resampling.n_units for task in group.tasks.values()) < MIN_UNITS:
        return f"fewer than {MIN_UNITS} test units"
    return ""


def _decided(result: Comparison, parts: Sequence[Panel], group: ContrastGroup) -> Comparison:
    m, scale, length = len(parts), result.scale, result.length
    over_seeds = [(mean.variance or 0.0, mean.df or 1.0) for part in parts for mean in part.over_seeds]
    seeds = sum_variances([(variance / m**2, df) for variance, df in over_seeds])
    units = unit_variance(
        {task: np.mean([part.replicates[task] for part in parts], axis=0) for task in group.tasks}, group
    )
    interaction = sum(part.interaction for part in parts) / m**2
    variance = max(seeds[0] + units[0] - interaction, seeds[0], units[0])
    if variance <= 1e-18:
        return replace(result, reason="neither seeds nor examples vary")
    joint = variance, variance**2 / sum(v**2 / freedom for v, freedom in (seeds, units) if v)
    n = min(part.n for part in parts)
    few = seeds if n <= FEW_SEEDS and seeds[0] and not group.resampled else None
    tests = [joint, *([few] if few else [])]
    has_interval = n >= MIN_RUNS or group.resampled
    return replace(
        result,
        p=2 * max(_tail(abs(length), test) for test in tests),
        df=joint[1],
        detectable=scale.points(max(_half(test, 0.95) + _half(test, 2 * POWER - 1) for test in tests)),
        seed_interval=_around(scale, length, seeds) if n >= MIN_RUNS else None,
        example_interval=_around(scale, length, units),
        error=math.sqrt(variance),
        example_error=math.sqrt(units[0]),
        few_seeds=few,
        has_interval=has_interval,
        reason="" if has_interval else f"{n} seeds: no interval",
    )


def _tail(distance: float, variance: Variance) -> float:
    """One-sided p of a distance in the direction that is tested."""
    return float(stdtr(variance[1], -distance / math.sqrt(variance[0])))


def _half(variance: Variance, confidence: float) -> float:
    """Half the width of a two-sided interval."""
    return float(stdtrit(variance[1], 0.5 + confidence / 2)) * math.sqrt(variance[0])


def _around(scale: Scale, length: float, variance: Variance) -> Interval:
    half = _half(variance, 0.95)
    return scale.points(length - half), scale.points(length + half)
