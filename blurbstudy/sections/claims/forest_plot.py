"""A small figure of comparisons: each a point with its interval. It is inline SVG, so that it takes the page's
colours (dark or light) and fits into a table cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...tables.formatting import format_signed
from ...tables.score_table import PERCENT
from ...tables.table import HtmlCell
from .verdicts import INCONCLUSIVE, OPPOSES, SUPPORTS, Judgement

WIDTH, LINE, EDGE = 190, 7, 8  # of the drawing, of a comparison, and of the margins at the sides
MIN_REACH, MAX_REACH = 5.0, 60.0  # points of the axis on either side; beyond, values are clipped
CSS_CLASSES = {SUPPORTS: "supports", OPPOSES: "opposes", INCONCLUSIVE: "open"}


def forest(judgements: Sequence[Judgement], *, margin: float, label: str) -> HtmlCell:
    """One line per comparison with runs.

    Args:
        margin: points, drawn as a band around 0.
    """
    points = [(j, j.estimate.difference * PERCENT) for j in judgements if j.estimate.difference is not None]
    if not points:
        return HtmlCell(markup='<span class="missing">no runs</span>', text="no runs")
    bounds = [abs(bound * PERCENT) for j, _ in points for bound in j.estimate.interval or ()]
    reach = min(MAX_REACH, max(MIN_REACH, margin, *bounds, *(abs(value) for _, value in points)))
    height = LINE * len(points) + 16
    at = _Axis(reach)
    lines = "".join(_line(j, value, at, y=LINE * row + LINE / 2) for row, (j, value) in enumerate(points))
    bottom = height - 14
    band = f'<rect class="band" x="{at(-margin):.1f}" y="0" width="{at(margin) - at(-margin):.1f}" height="{bottom}"/>'
    zero = f'<line class="zero" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="0" y2="{bottom}"/>'
    ends = "".join(
        f'<text x="{at(value):.1f}" y="{height - 3}" text-anchor="{anchor}">{tick}</text>'
        for value, anchor, tick in (
            (-reach, "start", f"−{int(round(reach, 2))}"),
            (0.0, "middle", "0"),
            (reach, "end", f"+{int(round(reach, 2))}"),
        )
    )
    description = escape(_describe(points, label=label), quote=True)
    svg = (
        f'<svg class="forest" role="img" aria-label="{description}" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">{band}{zero}{lines}{ends}</svg>'
    )
    return HtmlCell(markup=svg, text="; ".join(format_signed(value) for _, value in points))


def _describe(points: Sequence[tuple[Judgement, float]], *, label: str) -> str:
    counts = ", ".join(
        f"{sum(j.outcome == outcome for j, _ in points)} {outcome}" for outcome in (SUPPORTS, OPPOSES, INCONCLUSIVE)
    )
    values = [value for _, value in points]
    span = f"from {format_signed(min(values))} to {format_signed(max(values))} points"
    return f"{label} {len(points)} differences {span}: {counts}."


class _Axis:
    """Points to horizontal positions; values out of reach are at the edge."""

    def __init__(self, reach: float) -> None:
        self.reach = reach

    def __call__(self, value: float) -> float:
        clipped = max(-self.reach, min(self.reach, value))
        return EDGE + (clipped / self.reach + 1) / 2 * (WIDTH - 2 * EDGE)


def _line(judgement: Judgement, value: float, at: _Axis, *, y: float) -> str:
    interval = ""
    if judgement.estimate.interval is not None:
        low, high = (at(bound * PERCENT) for bound in judgement.estimate.interval)
        interval = f'<line class="interval" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
    point = f'<circle cx="{at(value):.1f}" cy="{y}" r="2.6"/>'
    return f'<g class="{CSS_CLASSES[judgement.outcome]}">{interval}{point}</g>'
