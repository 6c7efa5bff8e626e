"""A learning curve as lines, as a table and as a figure."""

from __future__ import annotations

import numpy as np

from ..stats.contrasts import Comparison
from ..stats.seeds.learning_curve import CurvePoint, LearningCurve
from .chart import BLUE, INK, VERMILION, WIDE, Key, Panel
from .comparison_table import format_p_value
from .figure import Figure
from .formatting import format_interval, format_number, format_signed
from .scale import Scale
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


def _doubling_note(comparison: Comparison) -> str:
    gain = f"from half of train to all of it: {format_signed(percent(comparison.difference))}"
    if comparison.p is None:
        return f"{gain}, not decided ({comparison.reason})"
    verdict = "undecided" if comparison.p >= 0.05 else "better" if (comparison.difference or 0.0) > 0 else "worse"
    reach = f"; such a study shows differences from {format_number(percent(comparison.detectable))} on"
    interval = format_interval(percents(comparison.interval))
    return f"{gain} {interval}, p {format_p_value(comparison.p)}: {verdict}{reach if verdict == 'undecided' else ''}"


def curve_text(curve: LearningCurve) -> list[str]:
    """Lines for the terminal; scores times 100."""
    widths = (14, 9, 8, 18, 10)
    rows = [COLUMNS, *curve_rows(curve)]
    lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [f"learning curve, scores on {curve.split}", *lines, DRAW_NOTE, *curve_notes(curve)]


def curve_table(curve: LearningCurve) -> Table:
    """A row per size, with what doubling bought as notes."""
    return Table(
        title="Learning curve: score by labels",
        columns=COLUMNS,
        rows=curve_rows(curve),
        caption=f"Scores on {curve.split}, times 100.",
        notes=[DRAW_NOTE, *curve_notes(curve)],
    )


def curve_figure(curve: LearningCurve) -> Figure:
    """Draws as points and their means as a line, by training examples on a logarithmic axis; dashed, the power law up
    to twice the data.
    """
    n = [point.n_train for point in curve.points]
    ticks = [*n, *([2 * n[-1]] if curve.law is not None else [])]
    grid = np.geomspace(n[0], 2 * n[-1], 60).tolist() if curve.law is not None else []
    law = [(x, PERCENT * curve.law.at(x)) for x in grid] if curve.law is not None else []
    scores = [None if score is None else PERCENT * score for point in curve.points for score in point.summary.scores]
    up = Scale.around([*scores, *(y for _, y in law)], otherwise=(0, 100))
    panel = Panel(title="", x=Scale(n[0] / 1.15, ticks[-1] * 1.15, log=True), y=up, width=WIDE, height=280)
    panel.axis_across("training examples", {tick: f"{tick:,.0f}" for tick in ticks})
    panel.axis_up(f"{curve.split} score × 100")
    panel.curve(law, VERMILION, dash="7 3")
    means = [(point.n_train, point.summary.noncollapsed_mean) for point in curve.points]
    panel.curve([(x, np.nan if mean is None else PERCENT * mean) for x, mean in means], INK)
    for point in curve.points:
        for score, judgement in zip(point.summary.scores, point.summary.judgements, strict=True):
            if score is not None:
                shape, color = ("cross", VERMILION) if judgement.status.collapsed else ("dot", BLUE)
                position = (panel.across(point.n_train), panel.up(PERCENT * score))
                panel.mark(shape, *position, color, tip=f"{PERCENT * score:.2f}")
    shapes = {shape for shape, _, _ in panel.marks}
    keys = [
        (Key("a draw", BLUE, "dot"), "dot" in shapes),
        (Key("a collapsed run", VERMILION, "cross"), "cross" in shapes),
        (Key("mean of the draws that did not collapse", INK, dash=""), True),
        (Key("the power law, up to twice the data", VERMILION, dash="7 3"), law),
    ]
    described = "; ".join(f"{row[1]} examples {row[2]}" for row in curve_rows(curve))
    notes = [DRAW_NOTE, *curve_notes(curve)]
    return Figure(
        title="Learning curve",
        alt=f"Score by training examples: {described}.",
        panels=[panel],
        keys=[key for key, occurs in keys if occurs],
        notes=notes,
    )
