"""The comparisons behind the claims in numbers: differences of scores and rates of collapse, with p for what is claimed
and for its opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...stats.contrasts import Comparison
from ...stats.counts import Counts, RateComparison, compare_rates, permutation_p, rate_p
from ...stats.intervals import Interval, wilson_interval
from ...stats.summary import collapse_strata
from ...stats.systems import Cell, SeededCell, collapse_rates, compare_cells
from .claims import EXPECTATIONS, SELDOM, CellRef, Contrast, Expectation
from .needed_sizes import needed_test_set

LEVEL = 0.05
MIN_ENCODERS = 4  # pretraining seeds a side from which on encoders are the units of a rate of collapse

Cells = Callable[[CellRef], Cell | None]  # None where there are no runs


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A contrast in numbers. p are two-sided, or of two one-sided tests (equivalence); all are held against 0.05."""

    contrast: Contrast
    tested: bool = True  # whether there are runs on both sides
    why: str = ""  # why there are no numbers, or no p, or how the p was found
    difference: float | None = None  # first less second: of scores or rates of collapse; of one rate, less SELDOM
    interval: Interval | None = None  # 95%; of scores over seeds and test examples
    detectable: float | None = None  # difference of scores that 80% of such studies would decide
    p_for: float | None = None  # of what is claimed
    p_against: float | None = None  # of its opposite
    n: int = 0  # seeds on both sides; of rates: runs
    collapsed: tuple[str, ...] = ()  # `2 of 8`, of the first and of the second; of a system without seeds `–`
    needed: str = ""  # the test set that would be needed to confirm it, where this one cannot do
    run_ids: tuple[str, ...] = ()


def estimate(contrast: Contrast, cells: Cells, *, margin: float, printed: float | None) -> Estimate:
    """A contrast in numbers.

    Args:
        margin: a fraction, within which a difference of scores counts as negligible.
        printed: the paper's difference, a fraction; None if it is not printed.
    """
    if EXPECTATIONS[contrast.expect].of_collapse:
        return _estimate_collapse(contrast, cells)
    panels, why = _panels(contrast, cells)
    if not panels:
        return Estimate(contrast=contrast, tested=False, why=why)
    change = compare_cells(panels)
    firsts, seconds = ([panel[side] for panel in panels] for side in (0, 1))
    seeded = [cell for panel in panels for cell in panel if isinstance(cell, SeededCell)]
    if all(cell.all_collapsed for panel in panels for cell in panel):
        why = "every seed has a collapsed run on both sides"
    p_for, p_against = (None, None) if why else p_values(EXPECTATIONS[contrast.expect], change, margin=margin)
    return Estimate(
        contrast=contrast,
        why=why or change.reason or _coverage(contrast, len(panels)),
        difference=change.difference,
        interval=change.interval,
        detectable=change.detectable,
        p_for=p_for,
        p_against=p_against,
        n=change.n,
        collapsed=(_collapsed_of(firsts), _collapsed_of(seconds)),
        # Of cells that mostly collapsed, test examples leave something else than of trained runs.
        needed=""
        if why or any(2 * cell.statuses.collapsed > cell.statuses.runs for cell in seeded)
        else needed_test_set(contrast, change, panels[0][0], margin=margin, printed=printed),
        run_ids=_run_ids(cell for panel in panels for cell in panel),
    )


def _panels(contrast: Contrast, cells: Cells) -> tuple[list[list[Cell]], str]:
    """The cells of each pair that has runs, with the two further ones; without any, why."""
    panels, why = [], "no runs"
    for pair in contrast.pairs:
        present = [cell for cell in map(cells, (*pair, *contrast.versus)) if cell is not None]
        if len(present) < 2 + len(contrast.versus):
            continue
        if any(_same_runs(*present[i : i + 2]) for i in range(0, len(present), 2)):
            why = "the same runs on both sides"
        else:
            panels.append(present)
    return panels, "" if panels else why


def _same_runs(first: Cell, second: Cell) -> bool:
    """Whether a cell would be compared with itself, such as Optimal with Standard if no search was requested."""
    return first is second or (bool(first.run_ids) and first.run_ids == second.run_ids and first.tasks == second.tasks)


def p_values(expectation: Expectation, change: Comparison, *, margin: float) -> tuple[float | None, float | None]:
    """p of what is claimed and of its opposite. A difference between two thresholds is shown by two one-sided tests at
    0.05 each; one beyond a threshold by the two-sided p.
    """
    inside, outside = [], []  # one-sided, by threshold
    for threshold, sign in ((expectation.above, 1), (expectation.below, -1)):
        if threshold is None:
            continue
        tails = change.p_beyond(threshold * margin)
        if tails is None:
            return None, None
        inside.append(tails[0] if sign > 0 else tails[1])
        outside.append(tails[1] if sign > 0 else tails[0])
    between = max(inside) if len(inside) > 1 else min(1.0, 2 * inside[0])
    beyond = min(1.0, 2 * min(outside))
    return (beyond, between) if expectation.outside else (between, beyond)


def _coverage(contrast: Contrast, n_panels: int) -> str:
    n = len(contrast.pairs)
    return "" if n == 1 else f"mean of {n}" if n_panels == n else f"mean of the {n_panels} of {n} that have runs"


def _estimate_collapse(contrast: Contrast, cells: Cells) -> Estimate:
    if not contrast.second:
        return _estimate_rate(contrast, _seeded(contrast.first, cells))
    if contrast.by_task:
        sides = [_seeded(refs, cells) for refs in (contrast.first, contrast.second)]
        if any(len(side) < len(refs) for side, refs in zip(sides, (contrast.first, contrast.second), strict=True)):
            return Estimate(contrast=contrast, tested=False, why="no runs on some of the tasks")
        first, second = (list(collapse_rates(side, by="task").values()) for side in sides)
        return _permuted(contrast, sides, (first, second), why=f"permutation of {len(first) + len(second)} tasks")
    pairs = [pair for refs in contrast.pairs if len(pair := _seeded(refs, cells)) == 2 and not _same_runs(*pair)]
    if not pairs:
        return Estimate(contrast=contrast, tested=False, why="no runs")
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    rates = [collapse_rates(side, by="encoder") for side in sides]
    between_encoders = not rates[0].keys() & rates[1].keys()
    if between_encoders and min(map(len, rates)) >= MIN_ENCODERS:
        values = list(rates[0].values()), list(rates[1].values())
        return _permuted(contrast, sides, values, why="permutation of encoders")
    strata = collapse_strata(
        [(first.records, second.records) for first, second in pairs],
        {task: reference for pair in pairs for cell in pair for task, reference in cell.judged_by.items()},
        clusters={encoder: seed for pair in pairs for cell in pair for encoder, seed in cell.clusters.items()},
    )
    comparison = compare_rates(strata)
    if comparison is None:
        return Estimate(contrast=contrast, tested=False, why="no common task")
    method = f"{comparison.method}, of these encoders" if between_encoders else comparison.method
    return _rates(contrast, sides, comparison, why=_too_few(strata) or method)


def _seeded(refs: Iterable[CellRef], cells: Cells) -> list[SeededCell]:
    return [cell for cell in map(cells, refs) if isinstance(cell, SeededCell)]


def _permuted(
    contrast: Contrast,
    sides: Sequence[Sequence[SeededCell]],
    rates: tuple[Sequence[float], Sequence[float]],
    *,
    why: str,
) -> Estimate:
    """Two groups of tasks or encoders by their rates."""
    counts = [_count(side) for side in sides]
    comparison = RateComparison(
        difference=sum(rates[0]) / len(rates[0]) - sum(rates[1]) / len(rates[1]),
        interval=None,
        p=permutation_p(*rates),
        method=why,
        collapsed=(counts[0][0], counts[1][0]),
        n=(counts[0][1], counts[1][1]),
    )
    return _rates(contrast, sides, comparison, why=why)


def _rates(
    contrast: Contrast, sides: Sequence[Sequence[SeededCell]], comparison: RateComparison, *, why: str
) -> Estimate:
    return Estimate(
        contrast=contrast,
        why=why,
        difference=comparison.difference,
        interval=comparison.interval,
        p_for=comparison.p if comparison.difference > 0 else 1.0,
        p_against=comparison.p if comparison.difference < 0 else 1.0,
        n=sum(comparison.n),
        collapsed=tuple(f"{k} of {n}" for k, n in zip(comparison.collapsed, comparison.n, strict=True)),
        run_ids=_run_ids(cell for side in sides for cell in side),
    )


def _too_few(strata: Sequence[Counts]) -> str:
    """Said where so few runs could not be decided, whatever their counts."""
    best = compare_rates([Counts(s.n, s.n, 0, s.n_others) for s in strata])
    return "too few runs: even all against none would not be decided" if best and best.p >= LEVEL else ""


def _estimate_rate(contrast: Contrast, cells: Sequence[SeededCell]) -> Estimate:
    """One rate against SELDOM."""
    collapsed, n = _count(cells)
    bounds = wilson_interval(collapsed, n)
    if len(cells) < len(contrast.first) or bounds is None:
        return Estimate(contrast=contrast, tested=False, why="no runs")
    at_most, at_least = rate_p(collapsed, n, SELDOM)
    too_few = 2 * rate_p(0, n, SELDOM)[0] >= LEVEL
    needed = next(size for size in range(n, 1000) if 2 * rate_p(0, size, SELDOM)[0] < LEVEL)
    return Estimate(
        contrast=contrast,
        why=f"too few runs: it takes {needed} without a collapse" if too_few else "exact binomial test",
        difference=collapsed / n - SELDOM,
        interval=(bounds[0] - SELDOM, bounds[1] - SELDOM),
        p_for=min(1.0, 2 * at_most),
        p_against=min(1.0, 2 * at_least),
        n=n,
        collapsed=(f"{collapsed} of {n}",),
        run_ids=_run_ids(cells),
    )


def _count(cells: Iterable[SeededCell]) -> tuple[int, int]:
    runs = {run: collapsed for cell in cells for by_run in cell.collapses.values() for run, collapsed in by_run.items()}
    return sum(runs.values()), len(runs)


def _collapsed_of(cells: Sequence[Cell]) -> str:
    seeded = [cell for cell in cells if isinstance(cell, SeededCell)]
    collapsed, n = _count(seeded)
    return f"{collapsed} of {n}" if seeded else "–"


def _run_ids(cells: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for cell in cells for run in cell.run_ids))
