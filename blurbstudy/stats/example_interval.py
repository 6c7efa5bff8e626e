"""The interval of a score over test examples: of one run, or of the mean over the runs of one task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtrit

from .intervals import Interval, fisher_interval, percentile_interval, wilson_interval
from .references import Reference, SplitScore
from .scale import Scale
from .status import count_units

MIN_COUNTING_UNITS = 10  # of fewer units that can be right or wrong, a bootstrap interval is too narrow
ROUNDING = 1e-12  # of scores that are equal


def example_interval(runs: Sequence[SplitScore], reference: Reference, *, split: str) -> tuple[Interval | None, str]:
    """95% interval over test examples of the mean score of runs, and its method, or `none: ` and why.

    Correlation: Fisher's for one run over independent examples, otherwise Student's t of the jackknife on the z scale.
    Otherwise percentiles of a bootstrap over units, or Wilson's over those that count where each run has all or nothing
    right.
    None where few units can be right or wrong.
    `runs`: the score of each; at least one.
    """
    if reference.task.metric == "pearson":
        return _correlation_interval(runs, reference, split)

    def mean_of_draws() -> np.ndarray:
        rows = [run.bootstrap() for run in runs]
        return np.mean([row for row in rows if row is not None], axis=0)

    counting = max(run.n_counting_units for run in runs)
    return share_interval([run.score for run in runs], counting, mean_of_draws, reference, split=split)


def share_interval(
    scores: Sequence[float], counting: int, draws: Callable[[], np.ndarray], reference: Reference, *, split: str
) -> tuple[Interval | None, str]:
    """95% interval of the mean of scores from 0 to 1 of runs, and its method, as `example_interval`.

    Args:
        counting: number of units that can be right or wrong.
        draws: gives the mean on bootstrap draws of the units.
    """
    units, n_units = reference.resampling_units(split), reference.n_units(split)
    if not counting:
        return None, f"none: no {reference.resampling_unit(split)} that can be right or wrong"
    if set(scores) == {1.0}:  # every draw would have the same score
        return wilson_interval(counting, counting), f"Wilson over {units}, all of which are right"
    if set(scores) == {0.0}:
        return wilson_interval(0, counting), f"Wilson over {units}, none of which is right"
    if set(scores) == {0.0, 1.0}:  # likewise, though the mean is between
        bounds = [wilson_interval(round(score * counting), counting) or (0.0, 1.0) for score in scores]
        low, high = (sum(side) / len(scores) for side in zip(*bounds, strict=True))
        return (low, high), f"Wilson over {units}, mean over runs with all or none right"
    if n_units < MIN_COUNTING_UNITS:
        return None, _too_few(n_units, reference, split)
    if counting < MIN_COUNTING_UNITS:
        return None, f"{_too_few(counting, reference, split)} that can be right or wrong"
    resampled = draws()
    if np.ptp(resampled) < ROUNDING:
        return None, f"none: every {reference.resampling_unit(split)} is scored alike"
    return percentile_interval(resampled), f"bootstrap over {units}"


def _too_few(n: int, reference: Reference, split: str) -> str:
    return f"none: only {count_units(n, reference, split)}"


def _correlation_interval(runs: Sequence[SplitScore], reference: Reference, split: str) -> tuple[Interval | None, str]:
    n_units = reference.n_units(split)
    if not any(run.is_defined for run in runs):
        equal = "predictions" if reference.varies(split) else "gold scores"
        return None, f"none: r is undefined if all {equal} are equal"
    if len(runs) == 1 and reference.is_independent(split):
        return fisher_interval(runs[0].score, n_units), "Fisher's z"
    if n_units < MIN_COUNTING_UNITS:
        return None, _too_few(n_units, reference, split)
    z, error = mean_z(runs)
    half = float(stdtrit(n_units - 1, 0.975)) * error
    method = f"jackknife over {reference.resampling_units(split)}, on Fisher's z scale"
    return (math.tanh(z - half), math.tanh(z + half)), method


def mean_z(runs: Sequence[SplitScore]) -> tuple[float, float]:
    """Mean of Fisher's z over runs, and its standard error over units; at least two units."""
    scale = Scale(is_z=True)
    z = scale.forward(np.array([run.score for run in runs]))
    rows = [run.replicates(is_z=True) for run in runs]
    replicates = scale.forward(np.array([row for row in rows if row is not None]))
    return float(z.mean()), math.sqrt(runs[0].resampling.variance(replicates.mean(axis=0)))
