"""A learning curve as lines, as a table and as a figure."""

from __future__ import annotations

import numpy as np

from ..stats.contrasts import Comparison
from ..stats.seeds.learning_curve import CurvePoint, LearningCurve
from .comparison_table import format_p_value
from .figure import BLUE, VERMILION, Figure, as_svg, canvas, style_axes, without_mathtext
from .formatting import format_interval, format_number, format_signed
from .score_table import PERCENT, percent, percents
from .table import Table

COLUMNS = ("Share of train", "Examples", "Mean", "95% over draws", "Collapsed")
DRAW_NOTE = (
    "A draw is a seed with nested subsets of its own, trained for as many steps as all of train; means are over the "
    "draws that did not collapse."
)
FORECAST_CAVEATS = (
    "if more labels are like these, the curve is a power law, and the recipe stays; the law has three parameters and "
    "few sizes, so read nothing beyond twice the data from it"
)


def curve_rows(curve: LearningCurve) -> list[tuple[str, ...]]:
    """A row of COLUMNS per size."""
    return [_row(point) for point in curve.points]


def _row(point: CurvePoint) -> tuple[str, ...]:
    cell = point.summary
    share = "all" if point.share == 1 else f"1/{round(1 / point.share)}"
    interval = format_interval(percents(cell.seed_interval))
    return (
        share,
        f"{point.n_train:,.0f}",
        format_number(percent(cell.noncollapsed_mean)),
        interval,
        f"{cell.collapsed} of {cell.runs}",
    )


def curve_notes(curve: LearningCurve) -> list[str]:
    """What doubling bought, and what it may buy again, with its caveats."""
    notes = [_doubling_note(curve.doubling)] if curve.doubling is not None else []
    if curve.law is None or curve.forecast is None:
        return [*notes, f"no forecast: {curve.reason}"]
    law = curve.law
    return [
        *notes,
        f"twice the labels ({2 * curve.points[-1].n_train:,.0f}) are expected to add "
        f"{format_signed(percent(curve.forecast))} {format_interval(percents(curve.forecast_interval))}: "
        f"{FORECAST_CAVEATS} (score = {100 * law.limit:.1f} - {100 * law.slope:.4g} n^-{law.exponent:.2f})",
    ]


def _doubling_note(found: Comparison) -> str:
    gain = f"from half of train to all of it: {format_signed(percent(found.difference))}"
    if found.p is None:
        return f"{gain}, not decided ({found.reason})"
    verdict = "undecided" if found.p >= 0.05 else "better" if (found.difference or 0.0) > 0 else "worse"
    reach = f"; such a study shows differences from {format_number(percent(found.detectable))} on"
    interval = format_interval(percents(found.interval))
    return f"{gain} {interval}, p {format_p_value(found.p)}: {verdict}{reach if verdict == 'undecided' else ''}"


def curve_text(curve: LearningCurve) -> list[str]:
    """Lines for the terminal; scores times 100."""
    widths = (14, 9, 8, 18, 10)
    rows = [COLUMNS, *curve_rows(curve)]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [f"learning curve, scores on {curve.split}", *lines, DRAW_NOTE, *curve_notes(curve)]


def curve_table(curve: LearningCurve, *, title: str = "Learning curve: score by labels") -> Table:
    """A row per size, with what doubling bought as notes."""
    return Table(
        title=title,
        columns=COLUMNS,
        rows=curve_rows(curve),
        caption=f"Scores on {curve.split}, times 100.",
        notes=[DRAW_NOTE, *curve_notes(curve)],
    )


@without_mathtext
def curve_figure(curve: LearningCurve, *, title: str = "Learning curve") -> Figure:
    """Draws as points and their means as a line, by training examples on a logarithmic axis; dashed, the power law up
    to twice the data.
    """
    drawing, axes = canvas(width=5.6, height=3.6)
    n = [point.n_train for point in curve.points]
    for point in curve.points:
        scores = [100 * score for score in point.summary.scores if score is not None]
        axes.scatter([point.n_train] * len(scores), scores, s=14, color=BLUE, alpha=0.5, lw=0)
    means = [point.summary.noncollapsed_mean for point in curve.points]
    axes.plot(n, [np.nan if mean is None else PERCENT * mean for mean in means], color=BLUE, lw=1.8, marker="o", ms=4)
    if curve.law is not None:
        grid = np.geomspace(n[0], 2 * n[-1], 60)
        axes.plot(grid, [PERCENT * curve.law.at(float(x)) for x in grid], color=VERMILION, ls="--", lw=1.4)
    axes.set_xscale("log", base=2)
    ticks = [*n, *([2 * n[-1]] if curve.law is not None else [])]
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("training examples", fontsize=9)
    axes.set_ylabel(f"{curve.split} score × 100", fontsize=9)
    style_axes(axes)
    described = "; ".join(f"{row[1]} examples {row[2]}" for row in curve_rows(curve))
    notes = [DRAW_NOTE, *curve_notes(curve)]
    return Figure(title=title, alt=f"Score by training examples: {described}.", svg=as_svg(drawing), notes=notes)
