"""A small figure of comparisons: each a point with its two intervals. Drawn as inline SVG, so that it takes the page's
colours, dark or light, and a table can hold one per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...tables.score_table import PERCENT
from ...tables.table import HtmlCell, format_signed
from .verdicts import OPEN, OPPOSES, SUPPORTS, Judgement

WIDTH, LINE, EDGE = 190, 7, 8  # of the drawing, of a comparison, and of what is left free at the sides
LEAST = 5.0  # points that the axis covers on either side at least
MOST = 60.0  # and at most: what goes beyond is cut off, with an arrow
KINDS = {SUPPORTS: "supports", OPPOSES: "opposes", OPEN: "open"}


def forest(judgements: Sequence[Judgement], *, margin: float, label: str) -> HtmlCell:
    """Comparisons that have runs, one line each; nothing where there is none.

    Args:
        margin: points, drawn as a band around 0.
    """
    drawn = [judgement for judgement in judgements if judgement.difference is not None]
    if not drawn:
        return HtmlCell(markup='<span class="missing">no runs</span>', text="no runs")
    bounds = [bound for one in drawn for bound in _bounds(one)]
    reach = min(MOST, max(LEAST, margin, *map(abs, bounds)))
    height = LINE * len(drawn) + 16
    at = _Axis(reach)
    lines = "".join(_line(one, at, y=LINE * index + LINE / 2) for index, one in enumerate(drawn))
    bottom = height - 14
    band = f'<rect class="band" x="{at(-margin):.1f}" y="0" width="{at(margin) - at(-margin):.1f}" height="{bottom}"/>'
    zero = f'<line class="zero" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="0" y2="{bottom}"/>'
    ends = "".join(
        f'<text x="{at(value):.1f}" y="{height - 3}" text-anchor="{anchor}">{format_signed(value).split(".")[0]}</text>'
        for value, anchor in ((-reach, "start"), (0.0, "middle"), (reach, "end"))
    )
    said = in_words(drawn, label=label)
    svg = (
        f'<svg class="forest" role="img" aria-label="{escape(said, quote=True)}" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}">{band}{zero}{lines}{ends}</svg>'
    )
    return HtmlCell(markup=svg, text="; ".join(format_signed(one.difference * PERCENT) for one in drawn))


def in_words(judgements: Sequence[Judgement], *, label: str) -> str:
    """What the figure shows."""
    counts = ", ".join(f"{sum(one.outcome == kind for one in judgements)} {name}" for kind, name in KINDS.items())
    values = [one.difference * PERCENT for one in judgements]
    span = f"{format_signed(min(values))} to {format_signed(max(values))}"
    return f"{label} {len(judgements)} differences from {span} points: {counts}."


class _Axis:
    """Points to horizontal places; what is out of reach lies at the edge."""

    def __init__(self, reach: float) -> None:
        self.reach = reach

    def __call__(self, value: float) -> float:
        cut = max(-self.reach, min(self.reach, value))
        return EDGE + (cut / self.reach + 1) / 2 * (WIDTH - 2 * EDGE)


def _bounds(one: Judgement) -> list[float]:
    found = [one.difference, *(one.over_seeds or ()), *(one.over_examples or ())]
    return [value * PERCENT for value in found]


def _line(one: Judgement, at: _Axis, *, y: float) -> str:
    parts = []
    for name, bounds in (("examples", one.over_examples), ("seeds", one.over_seeds)):
        if bounds is not None:
            low, high = (at(bound * PERCENT) for bound in bounds)
            parts.append(f'<line class="{name}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
    parts.append(f'<circle cx="{at(one.difference * PERCENT):.1f}" cy="{y}" r="2.6"/>')
    return f'<g class="{KINDS[one.outcome]}">{"".join(parts)}</g>'
