"""Which claims a test set cannot confirm, with however many seeds, and how large it would have to be.

Seeds shrink only their own part of a difference's variance. What the test examples leave has a standard error of its
own, which falls with the square root of their number.
"""

from __future__ import annotations

from statistics import NormalDist

from ...stats.contrasts import POWER, Comparison
from ...stats.systems import Cell
from .claims import EXPECTATIONS, Contrast

NAMED = 3  # tasks that are named one by one
_quantile = NormalDist().inv_cdf


def needed_test_set(contrast: Contrast, change: Comparison, cell: Cell, *, margin: float, printed: float | None) -> str:
    """The test examples by which 80% of studies would confirm the contrast, where an average one on these could not,
    with endless seeds. '' where it could, or where nothing says how large the difference should be.

    It is taken to be 0 where little or no difference is claimed, and otherwise the one that the paper prints.
    """
    distance, two_sided = _distance(contrast, change, margin=margin, printed=printed)
    if distance is None or change.example_error is None:
        return ""
    critical = _quantile(0.975 if two_sided else 0.95)
    reserve = _quantile(POWER if two_sided else 1 - (1 - POWER) / 2)  # of two one-sided tests both must pass
    if critical * change.example_error < distance:
        return ""
    return _describe(cell, ((critical + reserve) * change.example_error / distance) ** 2)


def _distance(
    contrast: Contrast, change: Comparison, *, margin: float, printed: float | None
) -> tuple[float | None, bool]:
    """How far the true difference is taken to lie on the claimed side of the nearest threshold, on the scale of the
    comparison, and whether the test is two-sided.
    """
    expectation, length = EXPECTATIONS[contrast.expect], change.scale.length
    bounds = [(1, expectation.above), (-1, expectation.below)]
    thresholds = [(sign, length(bound * margin)) for sign, bound in bounds if bound is not None]
    if expectation.outside:
        if printed is None:
            return None, True
        distance = max(-sign * (length(printed) - threshold) for sign, threshold in thresholds)
        return (distance if distance > 0 else None), True
    is_small = all(bound is None or bound * sign < 0 for sign, bound in bounds)  # 0 is well inside
    if not is_small and printed is None:
        return None, True
    true = 0.0 if is_small or printed is None else length(printed)
    distance = min(sign * (true - threshold) for sign, threshold in thresholds)
    return (distance if distance > 0 else None), len(thresholds) == 1


def _describe(cell: Cell, factor: float) -> str:
    """`about 3,100 questions of BioASQ (here 140)`."""
    tasks = sorted(cell.tasks)
    if len(tasks) > 1:
        names = ", ".join(tasks) if len(tasks) <= NAMED else f"{len(tasks)} tasks"
        return f"{_round(factor)} times the test examples of {names}"
    reference = cell.references[tasks[0]]
    n, units = reference.n_units("test"), reference.resampling_units("test")
    return f"about {_round(factor * n)} {units} of {tasks[0]} (here {n:,})"


def _round(value: float) -> str:
    """Two significant digits."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:g}" if rounded < 100 else f"{round(rounded):,}"
