"""A small figure of comparisons: each a point with its interval. It is inline SVG, so that it takes the page's
colours (dark or light) and fits into a row; each point says what it is where it is pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...stats.intervals import Interval
from ...tables.formatting import format_interval, format_signed
from ...tables.score_table import PERCENT, percents
from ...tables.table import HtmlCell
from .paper_claims import describe_contrast
from .verdicts import OPPOSES, SUPPORTS, UNDECIDED, Judgement

WIDTH, EDGE, FOOT = 190, 8, 14  # of the drawing, of the margins at its sides, and of the axis below
LINES = 72  # height of all comparisons together, where there are many
MAX_LINE, MIN_LINE = 9.0, 3.2  # height of one
MIN_REACH, MAX_REACH = 5.0, 100.0  # points of the axis on either side; beyond, values are clipped
CSS_CLASSES = {SUPPORTS: "supports", OPPOSES: "opposes", UNDECIDED: "open"}


def forest(judgements: Sequence[Judgement], *, margin: float, label: str) -> HtmlCell:
    """One line per comparison with runs. `margin`: points, drawn as a band around 0."""
    points = [(j, j.estimate.difference * PERCENT) for j in judgements if j.estimate.difference is not None]
    if not points:
        return HtmlCell(markup='<span class="missing">no runs</span>', text="no runs")
    bounds = [abs(bound * PERCENT) for j, _ in points for bound in j.estimate.interval or ()]
    reach = min(MAX_REACH, max(MIN_REACH, margin, *bounds, *(abs(value) for _, value in points)))
    line = max(MIN_LINE, min(MAX_LINE, LINES / len(points)))
    bottom = line * len(points)
    height = bottom + FOOT
    at = _Axis(reach)
    lines = "".join(_line(j, value, at, y=line * (row + 0.5), height=line) for row, (j, value) in enumerate(points))
    edges = at(-margin), at(margin)
    band = f'<rect class="band" x="{edges[0]:.1f}" y="0" width="{edges[1] - edges[0]:.1f}" height="{bottom:.1f}"/>'
    zero = f'<line class="zero" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="0" y2="{bottom:.1f}"/>'
    ends = "".join(
        f'<text x="{at(value):.1f}" y="{height - 3:.1f}" text-anchor="{anchor}">{tick}</text>'
        for value, anchor, tick in (
            (-reach, "start", f"−{int(round(reach, 2))}"),
            (0.0, "middle", "0"),
            (reach, "end", f"+{int(round(reach, 2))}"),
        )
    )
    description = escape(_describe(points, label=label), quote=True)
    svg = (
        f'<svg class="forest" role="img" aria-label="{description}" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.1f}">{band}{zero}{lines}{ends}</svg>'
    )
    return HtmlCell(markup=svg, text="; ".join(format_signed(value, 1) for _, value in points))


def _describe(points: Sequence[tuple[Judgement, float]], *, label: str) -> str:
    counts = ", ".join(
        f"{sum(j.outcome == outcome for j, _ in points)} {outcome}" for outcome in (SUPPORTS, OPPOSES, UNDECIDED)
    )
    values = [value for _, value in points]
    if len(values) == 1:
        return f"{label} One difference, {format_signed(values[0], 1)} points: {points[0][0].outcome}."
    span = f"from {format_signed(min(values), 1)} to {format_signed(max(values), 1)} points"
    return f"{label} {len(points)} differences {span}: {counts}."


class _Axis:
    """Points to horizontal positions; values out of reach are at the edge."""

    def __init__(self, reach: float) -> None:
        self.reach = reach

    def __call__(self, value: float) -> float:
        clipped = max(-self.reach, min(self.reach, value))
        return EDGE + (clipped / self.reach + 1) / 2 * (WIDTH - 2 * EDGE)


def _line(judgement: Judgement, value: float, at: _Axis, *, y: float, height: float) -> str:
    """A comparison; the whole line can be pointed at."""
    bounds: Interval | None = percents(judgement.estimate.interval)
    interval = ""
    if bounds is not None:
        interval = (
            f'<line class="interval" x1="{at(bounds[0]):.1f}" x2="{at(bounds[1]):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    numbers = f"{format_signed(value, 1)}" + (f" {format_interval(bounds, 1)}" if bounds is not None else "")
    title = escape(f"{describe_contrast(judgement.contrast)}: {numbers}, {judgement.outcome}")
    target = f'<rect class="target" x="0" y="{y - height / 2:.1f}" width="{WIDTH}" height="{height:.1f}"/>'
    point = f'<circle cx="{at(value):.1f}" cy="{y:.1f}" r="{min(3.0, height / 2):.1f}"/>'
    return f'<g class="{CSS_CLASSES[judgement.outcome]}"><title>{title}</title>{target}{interval}{point}</g>'
