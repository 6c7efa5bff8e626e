"""Figures as self-contained HTML: the depth by learning-rate picture (the paper's Figure 1) and seeds as points."""

from __future__ import annotations

import base64
import functools
import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, ParamSpec

import matplotlib
from matplotlib import colormaps, colors, patches, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from .formatting import slug
from .score_table import paper_score, percent_scores
from .table import FigureInfo, figures_bundle

if TYPE_CHECKING:
    from ..stabilizers import DepthPlan
    from ..study.grid import Results

# Okabe and Ito's palette, told apart by colour-blind readers; markers differ as well.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6b7280"
COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
FIGURE_1 = "Figure 1. What each technique does to each depth of the encoder"


P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An SVG drawing with its alternative text, caption and notes."""

    title: str
    alt: str
    svg: str
    caption: str = ""
    notes: Sequence[str] = ()

    @property
    def info(self) -> FigureInfo:
        return {"id": slug(self.title), "title": self.title, "front": ""}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return figures_bundle(self._repr_html_(), self.info)

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode()
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        listed = f'<ul class="notes">{notes}</ul>' if notes else ""
        label = escape(self.title, quote=True)
        return (
            f'<figure class="drawing" id="{slug(self.title)}"><figcaption>{escape(self.title)}</figcaption>'
            f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
            f'<img alt="{escape(self.alt, quote=True)}" src="data:image/svg+xml;base64,{data}"></div>'
            f'<p class="source">{escape(self.caption)}</p>{listed}</figure>'
        )


@dataclass(frozen=True, kw_only=True)
class SeedScores:
    """The scores of one condition, one per seed, in percent."""

    label: str  # on the horizontal axis
    scores: Sequence[float | None]  # per seed; None: no score (the loss diverged)
    collapsed: Sequence[bool]  # per seed
    paper: float | None = None
    trivial: float | None = None

    @property
    def mean(self) -> float | None:
        """Of the runs that did not collapse, if any, otherwise of all with a score, as in the tables."""
        scored = [(score, gone) for score, gone in zip(self.scores, self.collapsed, strict=True) if score is not None]
        counted = [score for score, gone in scored if not gone] or [score for score, _ in scored]
        return sum(counted) / len(counted) if counted else None


def without_mathtext(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw without parsing `$` in names as mathematics."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context({"text.parse_math": False}):
            return draw(*args, **kwargs)

    return wrapper


@without_mathtext
def depth_figure(
    plans: Mapping[str, DepthPlan],
    *,
    title: str = FIGURE_1,
    top: str = "",
    caption: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """One column of depths per technique, bottom to top, coloured by the factor on the learning rate.

    Frozen depths are hatched grey; re-initialized ones have a thick border and a mark.

    Args:
        top: name of the highest depth; '': as in the plans.
    """
    norm = colors.LogNorm(vmin=0.05, vmax=1.0, clip=True)
    shades = colormaps["viridis_r"]
    depths = max(len(plan.lr_scales) + plan.removed for plan in plans.values())
    # Few columns stay as wide as the legend below them.
    drawing, axes = canvas(width=max(7.6, 1.9 + 1.28 * len(plans)), height=1.5 + 0.36 * depths)
    for x, plan in enumerate(plans.values()):
        for depth, scale in enumerate(plan.lr_scales):
            frozen, fresh = scale == 0, depth in plan.reinitialized
            # Removed layers leave a gap below the pooler, so that equal depths are aligned.
            y = depth + (plan.removed if depth == len(plan.lr_scales) - 1 else 0)
            face = "#d4d7dc" if frozen else colors.to_hex(shades(norm(scale)))
            box = {"facecolor": face, "edgecolor": VERMILION if fresh else "white", "linewidth": 2.4 if fresh else 1.0}
            hatch = "////" if frozen else None
            axes.add_patch(patches.Rectangle((x - 0.4, y - 0.42), 0.8, 0.84, hatch=hatch, zorder=2 + fresh, **box))
            dark = not frozen and norm(scale) > 0.5
            text = "0" if frozen else f"{scale:.2g}"
            text += " new" if fresh else ""
            halo = {"facecolor": face, "edgecolor": "none", "pad": 1.0} if frozen else None
            color = "white" if dark else "#1c2430"
            axes.text(x, y, text, ha="center", va="center", fontsize=8, zorder=5, color=color, bbox=halo)
    full = max(plans.values(), key=lambda plan: len(plan.lr_scales) + plan.removed)
    names = ["embeddings", *(f"layer {i + 1}" for i in range(depths - 2)), top or full.labels[-1]]
    axes.set_yticks(range(depths), names)
    axes.set_xticks(range(len(plans)), [_wrapped(name) for name in plans])
    axes.set_xlim(-0.6, len(plans) - 0.4)
    axes.set_ylim(-0.7, depths - 0.3)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    legend = [
        patches.Patch(facecolor=shades(norm(1.0)), label="full learning rate"),
        patches.Patch(facecolor=shades(norm(0.3)), label="reduced (factor as written)"),
        patches.Patch(facecolor="#d4d7dc", hatch="////", edgecolor="white", label="frozen (0)"),
        patches.Patch(facecolor="white", edgecolor=VERMILION, linewidth=2.4, label="re-initialized (new)"),
    ]
    drawing.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return Figure(
        title=title,
        alt="Columns of layers, one column per technique, coloured by learning-rate factor. " + _describe_plans(plans),
        svg=as_svg(drawing),
        caption=caption,
        notes=notes,
    )


def seeds_figure(results: Results, *, title: str, paper: str) -> Figure:
    """Every seed as a point, next to the paper's numbers: one panel per group and task column.

    Groups without runs are left out, unless none has any.
    """
    panels: dict[str, list[SeedScores]] = {}
    groups = {condition.group for condition in results.summaries} or set(results.grid.groups)
    for condition in results.conditions():
        if condition.group not in groups:
            continue
        summary = results.summaries.get(condition)
        points = SeedScores(
            label=condition.level,
            scores=percent_scores(summary) if summary else [],
            collapsed=[judgement.status.collapsed for judgement in summary.judgements] if summary else [],
            paper=paper_score(results, condition, paper=paper),
            trivial=summary.trivial * 100 if summary else None,
        )
        panels.setdefault(condition.panel, []).append(points)
    return points_figure(panels, title=title, caption=results.caption)


@without_mathtext
def points_figure(
    panels: Mapping[str, Sequence[SeedScores]], *, title: str, caption: str = "", notes: Sequence[str] = ()
) -> Figure:
    """One panel per name: conditions along the axis, every seed a point, collapsed runs crossed."""
    widest = max(len(points) for points in panels.values())
    columns = 1 if widest > 4 else min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    room = 1.35 * widest * columns
    width = max(8.6, min(room, max(11.0, 1.0 * widest * columns)))  # what a page has, and more where labels need it
    drawing, flat = canvas_grid(width=width, height=0.7 + 2.9 * rows, rows=rows, cols=columns)
    for axes, (name, points) in zip(flat, panels.items(), strict=False):
        _draw_seeds(axes, points)
        axes.set_title(name, fontsize=10, loc="left", fontweight="bold")
        axes.set_ylabel("test score × 100", fontsize=9)
    hide_unused(flat[len(panels) :])
    marks = [
        Line2D([], [], marker="o", ls="", color=BLUE, label="a seed"),
        Line2D([], [], marker="X", ls="", color=VERMILION, label="a collapsed run (at the bottom: no score)"),
        Line2D(
            [],
            [],
            marker="_",
            ls="",
            color="#1c2430",
            ms=14,
            mew=2,
            label="mean (of runs that did not collapse, if any)",
        ),
    ]
    if any(entry.trivial is not None for points in panels.values() for entry in points):
        marks.append(Line2D([], [], ls="--", color=GREY, label="trivial prediction"))
    if any(entry.paper is not None for points in panels.values() for entry in points):
        marks.append(Line2D([], [], marker="D", ls="", mfc="none", color=GREEN, label="the paper"))
    drawing.legend(handles=marks, loc="outside lower center", ncols=5, frameon=False, fontsize=8.5)
    return Figure(title=title, alt=_describe_points(panels), svg=as_svg(drawing), caption=caption, notes=notes)


def _draw_seeds(axes: Axes, points: Sequence[SeedScores]) -> None:
    values = [score for entry in points for score in entry.scores if score is not None]
    marks = [entry.paper for entry in points if entry.paper is not None]
    trivial = next((entry.trivial for entry in points if entry.trivial is not None), None)
    every = [*values, *marks, *([trivial] if trivial is not None else [])] or [0.0, 100.0]
    room = max(2.0, 0.08 * (max(every) - min(every)))
    low, high = min(every) - room, max(every) + room
    for x, entry in enumerate(points):
        for index, (score, collapsed) in enumerate(zip(entry.scores, entry.collapsed, strict=True)):
            # A seed has the same offset in every condition, so that it can be followed by eye.
            x_seed = x - 0.12 + 0.24 * (index + 0.5) / len(entry.scores)
            marker, color, size = ("X", VERMILION, 46) if collapsed else ("o", BLUE, 28)
            axes.scatter(
                x_seed,
                low if score is None else score,
                s=size,
                color=color,
                marker=marker,
                zorder=3,
                alpha=0.85,
                linewidths=0.4,
                edgecolors="white",
                clip_on=False,
            )
        if (mean := entry.mean) is not None:
            axes.plot([x - 0.22, x + 0.22], [mean, mean], color="#1c2430", lw=2, zorder=4)
        if entry.paper is not None:
            axes.scatter(x + 0.32, entry.paper, marker="D", s=34, facecolors="none", edgecolors=GREEN, zorder=3)
    if trivial is not None:
        axes.axhline(trivial, ls="--", lw=1, color=GREY, zorder=1)
    axes.set_xticks(range(len(points)), [_wrapped(entry.label) for entry in points], fontsize=8.5)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylim(low, high)
    style_axes(axes)


def canvas(*, width: float, height: float) -> tuple[Drawing, Axes]:
    """A drawing with one plot, without pyplot's windows; sizes in inches."""
    drawing, (axes,) = canvas_grid(width=width, height=height)
    return drawing, axes


def canvas_grid(*, width: float, height: float, rows: int = 1, cols: int = 1) -> tuple[Drawing, list[Axes]]:
    """A drawing with rows x cols plots, row by row; sizes in inches."""
    drawing = Drawing(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(drawing)
    return drawing, list(drawing.subplots(rows, cols, squeeze=False).flat)


def hide_unused(axes: Sequence[Axes]) -> None:
    """Switch off plots of a grid that stay empty."""
    for unused in axes:
        unused.set_axis_off()


def style_axes(axes: Axes, *, grid: Literal["x", "y", "both"] = "y") -> None:
    """A light grid behind the data, and no frame at the top and right."""
    axes.grid(axis=grid, color="#e5e7eb", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def as_svg(drawing: Drawing) -> str:
    """The drawing as SVG text, reproducible: no date, and ids from a fixed salt."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "blurbstudy", "svg.fonttype": "path"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def _wrapped(name: str) -> str:
    return "\n".join(textwrap.wrap(name, 13, break_long_words=False))


def _describe_plans(plans: Mapping[str, DepthPlan]) -> str:
    sentences = []
    for name, plan in plans.items():
        frozen = [label for label, scale in zip(plan.labels, plan.lr_scales, strict=True) if scale == 0]
        fresh = [plan.labels[depth] for depth in sorted(plan.reinitialized)]
        moving = [scale for scale in plan.lr_scales if scale > 0]
        parts = [f"rate factors {min(moving):.2g} to {max(moving):.2g}" if moving else "nothing moves"]
        parts += [f"{', '.join(frozen)} frozen"] if frozen else []
        parts += [f"{', '.join(fresh)} re-initialized"] if fresh else []
        parts += [f"the top {plan.removed} layers removed"] if plan.removed else []
        sentences.append(f"{name}: {'; '.join(parts)}.")
    return " ".join(sentences)


def _describe_points(panels: Mapping[str, Sequence[SeedScores]]) -> str:
    sentences = []
    for name, points in panels.items():
        for entry in points:
            scored = [score for score in entry.scores if score is not None]
            span = f"{min(scored):.1f} to {max(scored):.1f}" if scored else "no score"
            text = f"{name}, {entry.label}: {len(entry.scores)} seeds, {span}, {sum(entry.collapsed)} collapsed"
            sentences.append(text + (f", the paper {entry.paper:.1f}." if entry.paper is not None else "."))
    return "Seeds as points. " + " ".join(sentences)
