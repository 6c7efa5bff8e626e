"""Charts as SVG in the page's colours and font. A figure is made of panels narrow enough for a phone, which wrap.

Text, axes and grid take the page's variables; where there is no page they take the surrounding text's colour. Letters
are 12 px as drawn, and the widest panel shrinks them to 9.5 px on a phone.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from .scale import Scale, minus

INK, SOFT, LINE = "var(--ink, currentColor)", "var(--soft, currentColor)", "var(--line, #8886)"
CARD, PAPER = "var(--card, Canvas)", "var(--paper, #009E73)"
# Okabe and Ito's palette, its orange darkened and grey for its light blue: 3:1 at least on white and on the dark card.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B67D00", "#7A7F87"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, GREY)
DASHES = ("", "7 3", "8 3 2 3", "2 3")
MARKERS = ("dot", "square", "diamond", "up", "down")

NARROW, WIDE = 360, 440  # widths of panels: three columns, or two
LETTER = 12  # px
ROW = 34  # px, of a named row
SHAPES = {
    "square": "M-3.6-3.6h7.2v7.2h-7.2z",
    "diamond": "M0-5L5 0L0 5L-5 0z",
    "up": "M0-4.6L4.6 3.6H-4.6z",
    "down": "M0 4.6L4.6-3.6H-4.6z",
    "cross": "M-4-4L4 4M-4 4L4-4",
    "mean": "M0-11V11",
    "left": "M3-5L-5 0L3 5z",
    "right": "M-3-5L5 0L-3 5z",
}
STROKED = ("cross", "mean")
FONT = "ui-sans-serif,system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


@dataclass(frozen=True)
class Key:
    """An entry of a legend: what a mark or a line stands for."""

    text: str
    color: str
    shape: str = ""  # '': none
    dash: str | None = None  # of a line, '': not dashed; None: no line
    hollow: bool = False

    def svg(self, x: float = 0, y: float = 0) -> str:
        markup = "" if self.dash is None else _stroke("M1 8H29", self.color, dash=self.dash)
        markup += _marks(self.shape, self.color, self.hollow, [_mark(self.shape, 15, 8)]) if self.shape else ""
        attributes = f'x="{number(x)}" y="{number(y)}"' if x or y else 'aria-hidden="true" style="vertical-align:-3px"'
        return f'<svg {attributes} width="30" height="16" viewBox="0 0 30 16">{markup}</svg>'


@dataclass(kw_only=True)
class Panel:
    """A plot: one axis across, one up or named rows, and what is drawn in between."""

    title: str
    x: Scale
    y: Scale = Scale(0, 1)
    width: int = NARROW
    height: int = 250  # without named rows
    rows: Sequence[str] = ()  # names, top to bottom, in place of an axis up
    row: int = ROW  # px
    right: int = 14  # px, for texts beside the plot
    left: float = 0  # px at least, so that panels with other names have equal axes
    parts: list[str] = field(default_factory=list)
    marks: dict[tuple[str, str, bool], list[str]] = field(default_factory=dict)  # drawn last

    def __post_init__(self) -> None:
        self.names = [wrapped(name) for name in self.rows]
        self.box_left, self.box_right = max(self.left, names_width(self.rows)), self.width - self.right
        self.titles = wrapped(self.title, self.width // 9) if self.title else []
        self.box_top = 10 + 17 * len(self.titles) + (0 if self.rows else 14)  # the label of the axis up is there
        self.row = max(self.row, 14 * max(map(len, self.names), default=0) + 6)
        if self.rows:
            self.height = self.box_top + self.row * len(self.rows) + 44
        self.box_bottom = self.height - 44
        for index, lines in enumerate(self.names):
            first = self.row_at(index) - 7 * (len(lines) - 1) + 4
            for line_number, line in enumerate(lines):
                self.text(self.box_left - 10, first + 14 * line_number, line, anchor="end")

    def across(self, value: float) -> float:
        """px from the left."""
        return self.box_left + self.x.share(value) * (self.box_right - self.box_left)

    def up(self, value: float) -> float:
        """px from the top."""
        return self.box_bottom - self.y.share(value) * (self.box_bottom - self.box_top)

    def row_at(self, index: float) -> float:
        """px from the top of the middle of a named row."""
        return self.box_top + self.row * (index + 0.5)

    def axis_across(self, label: str, ticks: Mapping[float, str] | None = None) -> None:
        lines, end = "", -math.inf
        for value, text in (
            self.x.ticks(max(3, int(self.box_right - self.box_left) // 45)) if ticks is None else ticks
        ).items():
            at = self.across(value)
            lines += f"M{number(at)} {self.box_top}V{self.box_bottom}"
            half = text_width(text) / 2
            if at - half > end + 3:  # otherwise it would touch the one before
                self.text(at, self.box_bottom + 16, text, anchor="middle", color=SOFT)
                end = at + half
        self.parts.insert(0, _stroke(lines, LINE, width=1))
        between = (
            f"M{number(self.box_left)} {self.row_at(row - 0.5)}H{self.box_right}" for row in range(1, len(self.rows))
        )
        self.parts.insert(0, _stroke("".join(between), LINE, width=1))
        self.parts.insert(0, _stroke(f"M{number(self.box_left)} {self.box_bottom}H{self.box_right}", SOFT, width=1))
        self.text((self.box_left + self.box_right) / 2, self.box_bottom + 35, label, anchor="middle", color=SOFT)

    def axis_up(self, label: str) -> None:
        lines = ""
        for value, text in self.y.ticks().items():
            at = number(self.up(value))
            lines += f"M{number(self.box_left)} {at}H{self.box_right}"
            self.text(self.box_left - 8, self.up(value) + 4, text, anchor="end", color=SOFT)
        self.parts.insert(0, _stroke(lines, LINE, width=1))
        self.text(0, self.box_top - 10, label, color=SOFT)

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", color: str = "") -> None:
        attributes = f' text-anchor="{anchor}"' if anchor != "start" else ""
        attributes += f' style="fill:{color};"' if color else ""
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}"{attributes}>{escape(text)}</text>')

    def mark(self, shape: str, x: float, y: float, color: str, *, hollow: bool = False, tip: str = "") -> None:
        """A mark at a place in px, with a text that appears under the pointer."""
        self.marks.setdefault((shape, color, hollow), []).append(_mark(shape, x, y, tip))

    def line(
        self,
        points: Iterable[tuple[float, float]],
        color: str,
        *,
        dash: str = "",
        width: float = 2,
        faint: bool = False,
    ) -> None:
        """A line through places in px, with a gap where one is not a number."""
        path, pen = "", "M"
        for x, y in points:
            if math.isfinite(x) and math.isfinite(y):
                path, pen = f"{path}{pen}{number(x)} {number(y)}", "L"
            else:
                pen = "M"
        self.parts.append(_stroke(path, color, dash=dash, width=width, faint=faint))

    def curve(
        self,
        points: Iterable[tuple[float, float]],
        color: str,
        *,
        dash: str = "",
        width: float = 2,
        faint: bool = False,
        shape: str = "",
    ) -> None:
        known = [(self.across(x), self.up(y), y) for x, y in points]
        self.line([(x, y) for x, y, _ in known], color, dash=dash, width=width, faint=faint)
        for x, y, value in known if shape else ():
            if math.isfinite(y):
                self.mark(shape, x, y, color, tip=minus(f"{value:.4g}"))

    def band(self, points: Sequence[tuple[float, float]], color: str) -> None:
        """A faint area between points of the two axes."""
        if all(math.isfinite(value) for point in points for value in point):
            path = "L".join(f"{number(self.across(x))} {number(self.up(y))}" for x, y in points)
            self.parts.append(f'<path d="M{path}z" fill="{color}" fill-opacity=".16"/>')

    def beyond(self, value: float, y: float, color: str) -> None:
        """A number outside of the axis across: an arrow at that edge, and the number itself."""
        low = value < self.x.low
        at = self.box_left + 7 if low else self.box_right - 7
        self.mark("left" if low else "right", at, y, color)
        self.text(at + (8 if low else -8), y + 4, minus(f"{value:.1f}"), anchor="start" if low else "end", color=color)

    def line_names(self, names: Iterable[tuple[float, str, str]]) -> None:
        """Names of lines at their right ends, moved apart where they would touch: (px from the top, name, color)."""
        below = -math.inf
        for y, name, color in sorted(names):
            below = max(y, below + 14)
            self.line([(self.box_right + 4, below), (self.box_right + 14, below)], color, width=3)
            self.text(self.box_right + 18, below + 4, name)

    def svg(self, x: float = 0, y: float = 0) -> str:
        """The panel; at a place in px within another drawing."""
        attributes = f'x="{number(x)}" y="{number(y)}"' if x or y else 'style="max-width:100%;height:auto"'
        title = "".join(
            f'<text y="{14 + 17 * index}" font-size="13" font-weight="650">{escape(line)}</text>'
            for index, line in enumerate(self.titles)
        )
        on_top = sorted(self.marks.items(), key=lambda group: group[0][0] == "mean")
        marks = "".join(_marks(*kind, group) for kind, group in on_top)
        return (
            f'<svg {attributes} width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}">'
            f'<g style="font:{LETTER}px {FONT};fill:{INK}">{title}{"".join(self.parts)}{marks}</g></svg>'
        )


def image(panels: Sequence[Panel], keys: Sequence[Key], *, columns: int) -> str:
    """Panels and legend as one SVG file: light or dark by the reader's setting, on a ground of its own."""
    gap, edge = 20, 14
    width = 2 * edge + columns * (panels[0].width + gap) - gap if panels else WIDE
    parts, x, y = [], float(edge), float(edge)
    for first in range(0, len(panels), columns):
        line = panels[first : first + columns]
        parts += [panel.svg(edge + index * (panel.width + gap), y) for index, panel in enumerate(line)]
        y += max(panel.height for panel in line) + gap
    for key in keys:
        room = 36 + text_width(key.text) + 16
        if x > edge and x + room > width - edge:
            x, y = edge, y + 22
        parts.append(f'{key.svg(x, y)}<text x="{number(x + 36)}" y="{number(y + 12)}">{escape(key.text)}</text>')
        x += room
    y += 20 + edge
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{number(y)}" '
        f'viewBox="0 0 {width} {number(y)}">'
        "<style>svg{--ink:#1c2430;--soft:#566173;--line:#dde2e9;--card:#fff;--paper:#00695c}"
        "@media(prefers-color-scheme:dark){svg{--ink:#e3e7ee;--soft:#a7b0bf;--line:#323a47;--card:#1a2029;"
        f'--paper:#6fd1c0}}}}</style><rect width="100%" height="100%" fill="var(--card)" rx="6"/>'
        f'<g style="font:{LETTER}px {FONT};fill:var(--ink)">{"".join(parts)}</g></svg>\n'
    )


def _mark(shape: str, x: float, y: float, tip: str = "") -> str:
    inside = f"<title>{escape(tip)}</title>" if tip else ""
    if shape == "dot":
        return f'<circle cx="{number(x)}" cy="{number(y)}" r="4">{inside}</circle>'
    return f'<path d="{SHAPES[shape]}" transform="translate({number(x)} {number(y)})">{inside}</path>'


def _marks(shape: str, color: str, hollow: bool, marks: Sequence[str]) -> str:
    if shape in STROKED:
        style = f"fill:none;stroke:{color};stroke-width:2.4"
    elif hollow:
        style = f"fill:{CARD};stroke:{color};stroke-width:1.8"
    else:
        style = f"fill:{color};stroke:{CARD};stroke-width:.6"
    return f'<g class="{shape}" style="{style}">{"".join(marks)}</g>'


def _stroke(path: str, color: str, *, dash: str = "", width: float = 2, faint: bool = False) -> str:
    if not path:
        return ""
    style = f"fill:none;stroke:{color};stroke-width:{number(width)}"
    style += (f";stroke-dasharray:{dash}" if dash else "") + (";opacity:.5" if faint else "")
    return f'<path d="{path}" style="{style}"/>'


def text_width(text: str) -> float:
    """px of a text at most, in any of the fonts that a page may have."""
    return sum(4.4 if letter in "ijlt.,:;|!'()[] " else 12 if letter in "mwMW%−×+" else 7.6 for letter in text)


def names_width(names: Iterable[str]) -> float:
    """px that names of rows take."""
    return max((text_width(line) for name in names for line in wrapped(name)), default=40) + 12


def wrapped(name: str, width: int = 0) -> list[str]:
    """The lines of a name; of a row's by default."""
    return textwrap.wrap(name, width or (26 if len(name) > 36 else 18), break_long_words=False) or [""]


def number(value: float) -> str:
    """A coordinate to a tenth of a px."""
    return f"{round(value, 1):g}"
