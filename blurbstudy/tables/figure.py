"""Figures as self-contained HTML: the depth by learning-rate picture (the paper's Figure 1) and seeds as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ..stats.status import COLLAPSED_NOTE
from .chart import BLUE, GREY, INK, NARROW, PAPER, SOFT, VERMILION, WIDE, Key, Panel, image, names_width
from .formatting import slug
from .scale import Scale, minus
from .score_table import column_notes, paper_score, percent_scores
from .table import FigureInfo, Remark, Table, figures_bundle, files

if TYPE_CHECKING:
    from ..stabilizers import DepthPlan
    from ..study.grid import Results

FIGURE_1 = "Figure 1. What each technique does to each depth of the encoder"
NO_SCORE = "collapsed without a score, at the left edge"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Panels with their alternative text, legend, caption and notes."""

    title: str
    alt: str
    panels: Sequence[Panel]
    keys: Sequence[Key] = ()  # of what is drawn
    columns: int = 3
    reading: str = ""  # how to read it
    caption: str = ""
    notes: Sequence[str] = ()

    @property
    def info(self) -> FigureInfo:
        return {"id": slug(self.title), "title": self.title, "front": ""}

    @property
    def svg(self) -> str:
        return image(self.panels, self.keys, columns=max(1, min(self.columns, len(self.panels))))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return figures_bundle(self._repr_html_(), self.info)

    def _repr_html_(self) -> str:
        columns = max(1, min(self.columns, len(self.panels)))
        room = max((columns * (panel.width + 20) for panel in self.panels), default=WIDE)
        svg = "".join(panel.svg() for panel in self.panels)
        keys = "".join(
            f'<span style="display:inline-block;margin-right:1.4em">{key.svg()} {escape(key.text)}</span>'
            for key in self.keys
        )
        drawing = (
            f'<div class="panels" role="img" aria-label="{escape(self.alt, quote=True)}" '
            f'style="display:flex;flex-wrap:wrap;align-items:flex-start;gap:14px 20px">{svg}</div>'
        )
        parts = [
            f'<div style="max-width:{room}px">',
            drawing if self.panels else f"<p>{escape(self.alt)}</p>",
            f'<p class="keys">{keys}</p>' if keys else "",
            f'<p class="reading">{escape(self.reading)}</p>' if self.reading else "",
            "</div>",
        ]
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        listed = f'<ul class="notes">{notes}</ul>' if notes else ""
        return (
            f'<figure class="drawing" id="{slug(self.title)}"><figcaption>{escape(self.title)}</figcaption>'
            f'<div class="frame">{"".join(parts)}</div>'
            f"{files(caption=self.caption)}{listed}</figure>"
        )


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Tables, figures and remarks, one below the other."""

    parts: Sequence[Table | Figure | Remark]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        infos = [part.info for part in self.parts if not isinstance(part, Remark)]
        return figures_bundle(self._repr_html_(), *infos)

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class SeedScores:
    """The scores of one condition, one per seed, in percent."""

    label: str  # of its row
    scores: Sequence[float | None]  # per seed; None: no score (the loss diverged)
    collapsed: Sequence[bool]  # per seed
    seeds: Sequence[object] = ()  # their names; (): numbered from 1
    metric: str = ""  # panels of one metric have one axis
    paper: float | None = None
    trivial: float | None = None
    without: str = "no runs"  # said where there are no scores

    @property
    def mean(self) -> float | None:
        """Of the runs that did not collapse, if any, otherwise of all with a score, as in the tables."""
        scored = [(score, gone) for score, gone in zip(self.scores, self.collapsed, strict=True) if score is not None]
        counted = [score for score, gone in scored if not gone] or [score for score, _ in scored]
        return sum(counted) / len(counted) if counted else None

    @property
    def runs(self) -> dict[object, tuple[float | None, bool]]:
        names = self.seeds or range(1, len(self.scores) + 1)
        return dict(zip(names, zip(self.scores, self.collapsed, strict=True), strict=True))


def depth_figure(
    plans: Mapping[str, DepthPlan],
    *,
    title: str = FIGURE_1,
    top: str = "",
    caption: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """A panel per technique, a bar per depth, as long as the factor on its learning rate.
    `top`: name of the highest depth; '': as in the plans.
    """
    depths = max(len(plan.lr_scales) + plan.removed for plan in plans.values())
    full = max(plans.values(), key=lambda plan: len(plan.lr_scales) + plan.removed)
    names = ["embeddings", *(f"layer {i + 1}" for i in range(depths - 2)), top or full.labels[-1]]
    panels, seen = [], set()
    for name, plan in plans.items():
        panel = Panel(title=name, x=Scale(0, 1), width=250, rows=names[::-1], row=20, right=70)
        panel.height -= 40  # no axis below
        for depth in range(depths):
            at = panel.row_at(depths - 1 - depth)
            last = depth == depths - 1
            # Removed layers leave a gap below the pooler, so that equal depths are aligned.
            index = len(plan.lr_scales) - 1 if last else depth
            if not last and depth >= len(plan.lr_scales) - 1:
                panel.text(panel.box_left + 6, at + 4, "removed", color=SOFT)
                continue
            scale, fresh = plan.lr_scales[index], index in plan.reinitialized
            seen |= {"frozen"} if scale == 0 else {"new"} if fresh else {"rate"}
            length = scale * (panel.box_right - panel.box_left)
            color = VERMILION if fresh else BLUE
            if scale:
                panel.line([(panel.box_left, at), (panel.box_left + length, at)], color, width=13)
            text = "frozen" if scale == 0 else f"{scale:.2g}"
            panel.text(panel.box_left + length + 6, at + 4, text + (", new" if fresh else ""))
        panel.line([(panel.box_left, panel.box_top), (panel.box_left, panel.height)], SOFT, width=1)
        panels.append(panel)
    keys = [
        Key("factor on the learning rate: a full bar is 1", BLUE, "square") if "rate" in seen else None,
        Key("re-initialized (new)", VERMILION, "square") if "new" in seen else None,
    ]
    return Figure(
        title=title,
        alt="A panel per technique, a bar per depth with its learning-rate factor. " + _describe_plans(plans),
        panels=panels,
        keys=[key for key in keys if key],
        columns=4,
        caption=caption,
        notes=notes,
    )


def seeds_figure(results: Results, *, title: str, paper: str) -> Figure:
    """Every seed as a point, next to the paper's numbers: one panel per group and task column.

    Panels without runs are left out, unless none has any.
    """
    panels: dict[str, list[SeedScores]] = {}
    with_runs = {condition.panel for condition in results.summaries}
    left_out = [key for key in results.conditions() if with_runs and key.panel not in with_runs]
    for condition in results.conditions():
        if condition in left_out:
            continue
        summary, column = results.summaries.get(condition), results.column(condition.column)
        is_partial = summary is not None and bool(column.splits) and summary.runs < len(results.grid.cells[condition])
        every = zip(summary.seeds, percent_scores(summary), summary.judgements, strict=True) if summary else ()
        finished = [run for run in every if run[1] is not None or not is_partial]  # else folds are still to come
        points = SeedScores(
            label=condition.level,
            scores=[score for _, score, _ in finished],
            collapsed=[judgement.status.collapsed for _, _, judgement in finished],
            seeds=[seed for seed, _, _ in finished],
            without=f"{summary.runs} of {len(results.grid.cells[condition])} runs" if summary else "no runs",
            metric=condition.column,
            paper=paper_score(results, condition, paper=paper),
            trivial=summary.trivial * 100 if summary else None,
        )
        panels.setdefault(condition.panel, []).append(points)
    groups = {condition.group for condition in results.summaries}
    lacking = dict.fromkeys(key.panel if key.group in groups else key.group for key in left_out)
    notes = [f"No runs: {'; '.join(lacking)}."] if lacking else []
    notes += [note for note in column_notes(results) if with_runs]
    return points_figure(panels, title=title, caption=results.caption, notes=notes)


def points_figure(
    panels: Mapping[str, Sequence[SeedScores]],
    *,
    title: str,
    caption: str = "",
    notes: Sequence[str] = (),
    paired: bool = False,
) -> Figure:
    """One panel per name: a row per condition, every seed a point, collapsed runs crossed.

    The axes of one metric are equal. They reach as far as our scores; other numbers beyond them are arrows at the edge.
    `paired`: with a line from each seed's point to that of the same seed in the next row.
    """
    entries = [entry for points in panels.values() for entry in points]
    scores: dict[str, list[float | None]] = {}
    for entry in entries:
        scores.setdefault(entry.metric, []).extend(entry.scores)
    axes = {metric: Scale.around(values, otherwise=(0, 100)) for metric, values in scores.items()}
    left = names_width(entry.label for entry in entries)
    columns = 3 if len(panels) > 4 or len(panels) == 3 else 2
    width = NARROW if columns == 3 else WIDE
    figure_panels = [
        _draw_seeds(name, points, axes[points[0].metric], paired=paired, left=left, width=width)
        for name, points in panels.items()
    ]
    runs = [run for entry in entries for run in entry.runs.values()]
    several = any(len(entry.scores) > 1 for entry in entries)
    has_trivial = any(entry.trivial is not None and entry.trivial in axes[entry.metric] for entry in entries)
    has_paper = any(entry.paper is not None for entry in entries)
    keys = [
        (Key("a run (seed)", BLUE, "dot"), any(not gone and score is not None for score, gone in runs)),
        (Key("a collapsed run", VERMILION, "cross"), any(gone and score is not None for score, gone in runs)),
        (Key(NO_SCORE, VERMILION, "left"), any(score is None for score, _ in runs)),
        (Key("mean of the runs that did not collapse, if any", INK, "mean"), several),
        (Key("the same seed", GREY, dash=""), paired),
        (Key("trivial prediction", SOFT, dash="5 4"), has_trivial),
        (Key("the paper (an arrow: beyond the axis)", PAPER, "diamond", hollow=True), has_paper),
    ]
    return Figure(
        title=title,
        alt=_describe_points(panels),
        panels=figure_panels,
        keys=[key for key, occurs in keys if occurs],
        columns=columns,
        reading=COLLAPSED_NOTE if any(gone for _, gone in runs) else "",
        caption=caption,
        notes=notes,
    )


def _draw_seeds(
    name: str, points: Sequence[SeedScores], axis: Scale, *, paired: bool, width: int, left: float
) -> Panel:
    has_paper = any(entry.paper is not None for entry in points)
    row = 80 if paired else 48 if has_paper else 36
    panel = Panel(title=name, x=axis, rows=[entry.label for entry in points], row=row, width=width, left=left)
    middles = [panel.row_at(index) - 8 * has_paper for index in range(len(points))]  # the paper's numbers are below
    names = list(dict.fromkeys(seed for entry in points for seed in entry.runs))
    # A seed has the same height in every row, so that it can be followed by eye.
    offset = {seed: 20 * (index + 0.5) / len(names) - 10 for index, seed in enumerate(names)}
    trivial = next((entry.trivial for entry in points if entry.trivial is not None), None)
    label = "test score × 100"
    if trivial is not None and trivial in axis:
        x = panel.across(trivial)
        panel.line([(x, panel.box_top), (x, panel.box_bottom)], SOFT, dash="5 4", width=1.2)
    elif trivial is not None:
        side = "◂ " if trivial < axis.low else "▸ "
        label += f" ({side}trivial: {minus(f'{trivial:.1f}')})"
    positions = [
        {seed: (panel.box_left if x is None else panel.across(x), y + offset[seed]) for seed, (x, _) in runs.items()}
        for y, runs in zip(middles, (entry.runs for entry in points), strict=True)
    ]
    if paired:
        for above, below in zip(positions, positions[1:], strict=False):
            for seed in above.keys() & below.keys():
                panel.line([above[seed], below[seed]], GREY, width=1, faint=True)
    for middle, entry, at in zip(middles, points, positions, strict=True):
        if not entry.scores:
            panel.text(panel.box_left + 8, middle + 4, entry.without, color=SOFT)
        for seed, (score, collapsed) in entry.runs.items():
            shape = "left" if score is None else "cross" if collapsed else "dot"
            tip = f"seed {seed}: {'no score' if score is None else f'{score:.2f}'}{', collapsed' * collapsed}"
            panel.mark(shape, *at[seed], VERMILION if collapsed else BLUE, tip=tip)
        if (mean := entry.mean) is not None and len(entry.scores) > 1:
            panel.mark("mean", panel.across(mean), middle, INK, tip=f"mean {mean:.2f}")
        if entry.paper is not None and entry.paper in axis:
            panel.mark(
                "diamond", panel.across(entry.paper), middle + 20, PAPER, hollow=True, tip=f"paper {entry.paper:.2f}"
            )
        elif entry.paper is not None:
            panel.beyond(entry.paper, middle + 20, PAPER)
    panel.axis_across(label)
    return panel


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
