"""Figures as self-contained HTML: the depth by learning-rate picture (the paper's Figure 1) and seeds as points."""

from __future__ import annotations

import base64
import functools
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from .table import FigureInfo, figures_bundle, slug

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

    from ..stabilizers import DepthPlan
    from ..study.grid import Results

# Okabe and Ito's palette, told apart by colour-blind readers; markers differ as well.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6b7280"
FIGURE_1 = "Figure 1. What each technique does to each depth of the encoder"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing with the text that replaces it and the text below it."""

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
    """The seeds of one setting: one score each, in percent."""

    setting: str  # on the horizontal axis
    scores: Sequence[float | None]  # per seed; None: no score (the loss diverged)
    failed: Sequence[bool]  # per seed
    paper: float | None = None
    trivial: float | None = None


def without_mathtext(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Names are shown as they are: a dollar sign in them begins no formula."""

    @functools.wraps(draw)
    def drawn(*positional: object, **named: object) -> Figure:
        from matplotlib import rc_context

        with rc_context({"text.parse_math": False}):
            return draw(*positional, **named)

    return drawn


@without_mathtext
def depth_figure(
    plans: Mapping[str, DepthPlan],
    *,
    title: str = FIGURE_1,
    top: str = "",
    caption: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """One column of depths per technique, bottom to top, coloured by the factor on its learning rate.

    Frozen depths are hatched grey, re-initialized ones carry a thick border and a mark. `top` names the highest depth
    where it is no pooler and head.
    """
    from matplotlib import colormaps, colors, patches

    norm = colors.LogNorm(vmin=0.05, vmax=1.0, clip=True)
    shades = colormaps["viridis_r"]
    depths = max(len(plan.lr_scales) + plan.removed for plan in plans.values())
    # Few columns stay as wide as the legend below them.
    drawing, axes = canvas(width=max(7.6, 1.9 + 1.28 * len(plans)), height=1.5 + 0.36 * depths)
    for x, plan in enumerate(plans.values()):
        for depth, scale in enumerate(plan.lr_scales):
            frozen, fresh = scale == 0, depth in plan.reinitialized
            # Removed layers leave a gap below the pooler, so that equal depths stand side by side.
            y = depth + (plan.removed if depth == len(plan.lr_scales) - 1 else 0)
            face = "#d4d7dc" if frozen else shades(norm(scale))
            box = {"facecolor": face, "edgecolor": VERMILION if fresh else "white", "linewidth": 2.4 if fresh else 1.0}
            hatch = "////" if frozen else None
            axes.add_patch(patches.Rectangle((x - 0.4, y - 0.42), 0.8, 0.84, hatch=hatch, zorder=2 + fresh, **box))
            dark = not frozen and norm(scale) > 0.5
            text = "0" if frozen else f"{scale:.2g}"
            axes.text(x, y, text + (" new" if fresh else ""), ha="center", va="center", fontsize=8, zorder=5,
                      color="white" if dark else "#1c2430", bbox=_halo(face) if frozen else None)  # fmt: skip
    full = max(plans.values(), key=lambda plan: len(plan.lr_scales) + plan.removed)
    names = ["embeddings", *(f"layer {i + 1}" for i in range(depths - 2)), top or full.labels[-1]]
    axes.set_yticks(range(depths), names)
    axes.set_xticks(range(len(plans)), [_wrapped(name) for name in plans])
    axes.set_xlim(-0.6, len(plans) - 0.4)
    axes.set_ylim(-0.7, depths - 0.3)
    axes.tick_params(length=0)
    _frameless(axes)
    legend = [
        patches.Patch(facecolor=shades(norm(1.0)), label="full learning rate"),
        patches.Patch(facecolor=shades(norm(0.3)), label="reduced (factor as written)"),
        patches.Patch(facecolor="#d4d7dc", hatch="////", edgecolor="white", label="frozen (0)"),
        patches.Patch(facecolor="white", edgecolor=VERMILION, linewidth=2.4, label="re-initialized (new)"),
    ]
    drawing.legend(handles=legend, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return Figure(
        title=title,
        alt="Columns of layers, one column per technique, coloured by learning-rate factor. " + _plans_in_words(plans),
        svg=as_svg(drawing),
        caption=caption,
        notes=notes,
    )


def seeds_figure(results: Results, *, title: str, paper: str) -> Figure:
    """Every seed of every cell as a point, the paper's numbers beside them: one panel per encoder and part.

    Encoders without any run are left out, unless none has.
    """
    from .score_table import paper_score, percent_scores

    panels: dict[str, list[SeedScores]] = {}
    parts = {part.label: part for part in results.grid.columns}
    run = {key.group for key in results.summaries} or set(results.grid.groups)
    for key in (key for key in results.conditions() if key.group in run):
        summary = results.summaries.get(key)
        points = SeedScores(
            setting=key.level,
            scores=percent_scores(summary) if summary else [],
            failed=[reason is not None for reason in summary.failures] if summary else [],
            paper=paper_score(paper, key, parts[key.column]),
            trivial=summary.trivial * 100 if summary else None,
        )
        panels.setdefault(key.panel, []).append(points)
    return points_figure(panels, title=title, caption=results.caption)


@without_mathtext
def points_figure(
    panels: Mapping[str, Sequence[SeedScores]], *, title: str, caption: str = "", notes: Sequence[str] = ()
) -> Figure:
    """One panel per encoder and task: settings side by side, every seed a point, failed runs crossed."""
    from matplotlib.lines import Line2D

    widest = max(len(points) for points in panels.values())
    columns = 1 if widest > 4 else min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    room = 1.35 * widest * columns
    width = max(8.6, min(room, max(11.0, 1.0 * widest * columns)))  # what a page has, and more where labels need it
    drawing, grid = canvas(width=width, height=0.7 + 2.9 * rows, rows=rows, cols=columns)
    flat = [axes for row in grid for axes in row]
    for axes, (name, points) in zip(flat, panels.items(), strict=False):
        _draw_seeds(axes, points)
        axes.set_title(name, fontsize=10, loc="left", fontweight="bold")
        axes.set_ylabel("test score × 100", fontsize=9)
    for axes in flat[len(panels) :]:
        axes.set_axis_off()
    marks = [
        Line2D([], [], marker="o", ls="", color=BLUE, label="a seed"),
        Line2D([], [], marker="X", ls="", color=VERMILION, label="a failed run (at the bottom: no score)"),
        Line2D([], [], marker="_", ls="", color="#1c2430", ms=14, mew=2, label="mean"),
        Line2D([], [], marker="D", ls="", mfc="none", color=GREEN, label="the paper"),
        Line2D([], [], ls="--", color=GREY, label="trivial prediction"),
    ]
    drawing.legend(handles=marks, loc="outside lower center", ncols=5, frameon=False, fontsize=8.5)
    return Figure(title=title, alt=_points_in_words(panels), svg=as_svg(drawing), caption=caption, notes=notes)


def _draw_seeds(axes: Axes, points: Sequence[SeedScores]) -> None:
    """One panel."""
    values = [score for entry in points for score in entry.scores if score is not None]
    marks = [entry.paper for entry in points if entry.paper is not None]
    trivial = next((entry.trivial for entry in points if entry.trivial is not None), None)
    every = [*values, *marks, *([trivial] if trivial is not None else [])] or [0.0, 100.0]
    room = max(2.0, 0.08 * (max(every) - min(every)))
    low, high = min(every) - room, max(every) + room
    for x, entry in enumerate(points):
        for index, (score, failed) in enumerate(zip(entry.scores, entry.failed, strict=True)):
            # Spread by seed number, the same in every setting, so that a seed can be followed by eye.
            at = x - 0.12 + 0.24 * (index + 0.5) / len(entry.scores)
            kind = {"marker": "X", "color": VERMILION, "s": 46} if failed else {"marker": "o", "color": BLUE, "s": 28}
            axes.scatter(at, low if score is None else score, zorder=3, alpha=0.85, linewidths=0.4, edgecolors="white",
                         clip_on=False, **kind)  # fmt: skip
        scored = [score for score in entry.scores if score is not None]
        if scored:
            mean = sum(scored) / len(scored)
            axes.plot([x - 0.22, x + 0.22], [mean, mean], color="#1c2430", lw=2, zorder=4)
        if entry.paper is not None:
            axes.scatter(x + 0.32, entry.paper, marker="D", s=34, facecolors="none", edgecolors=GREEN, zorder=3)
    if trivial is not None:
        axes.axhline(trivial, ls="--", lw=1, color=GREY, zorder=1)
    axes.set_xticks(range(len(points)), [_wrapped(entry.setting) for entry in points], fontsize=8.5)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_ylim(low, high)
    axes.grid(axis="y", color="#e5e7eb", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def canvas(*, width: float, height: float, rows: int = 0, cols: int = 1) -> tuple[Drawing, Axes]:
    """A drawing that belongs to no window, with one plot, or with a grid of them."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(drawing)
    return drawing, drawing.subplots(rows, cols, squeeze=False) if rows else drawing.subplots()


def as_svg(drawing: Drawing) -> str:
    """Same drawing, same bytes: no date, and ids from a fixed salt."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "blurbstudy", "svg.fonttype": "path"}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def _halo(face: str) -> dict[str, object]:
    return {"facecolor": face, "edgecolor": "none", "pad": 1.0}


def _frameless(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)


def _wrapped(name: str) -> str:
    """A label on at most a few short lines."""
    import textwrap

    return "\n".join(textwrap.wrap(name, 13, break_long_words=False))


def _plans_in_words(plans: Mapping[str, DepthPlan]) -> str:
    sentences = []
    for name, plan in plans.items():
        frozen = [label for label, scale in zip(plan.labels, plan.lr_scales, strict=True) if scale == 0]
        fresh = [plan.labels[depth] for depth in sorted(plan.reinitialized)]
        moving = [scale for scale in plan.lr_scales if scale > 0]
        said = [f"rate factors {min(moving):.2g} to {max(moving):.2g}" if moving else "nothing moves"]
        said += [f"{', '.join(frozen)} frozen"] if frozen else []
        said += [f"{', '.join(fresh)} re-initialized"] if fresh else []
        said += [f"the top {plan.removed} layers removed"] if plan.removed else []
        sentences.append(f"{name}: {'; '.join(said)}.")
    return " ".join(sentences)


def _points_in_words(panels: Mapping[str, Sequence[SeedScores]]) -> str:
    sentences = []
    for name, points in panels.items():
        for entry in points:
            scored = [score for score in entry.scores if score is not None]
            span = f"{min(scored):.1f} to {max(scored):.1f}" if scored else "no score"
            said = f"{name}, {entry.setting}: {len(entry.scores)} seeds, {span}, {sum(entry.failed)} failed"
            sentences.append(said + (f", the paper {entry.paper:.1f}." if entry.paper is not None else "."))
    return "Seeds as points. " + " ".join(sentences)


COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9")


DASHES = ("-", "--", "-.", ":")
