"""The runs of some groups: every seed as a point, learning curves, and a table with run ids."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...stats.status import COLLAPSED_NOTE, RunStatus
from ...tables.figure import COLORS, DASHES, Figure, SeedScores, as_svg, canvas_grid, points_figure, without_mathtext
from ...tables.formatting import format_count, format_number
from ...tables.table import Table
from .catalog import Message, RunGroup, StoreCatalog
from .depth import scores_by_seed

MAX_GROUPS = 12  # in one figure or table
ID_DIGITS = 10  # of a run id in a table
NO_MATCH = Message(text="No setting of this store matches. Remove a filter.")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The learning curve of one run: as in its record, and for a live run the loss of single batches."""

    points: Mapping[str, Sequence[float | None]]  # step, train_loss, dev_score
    steps: Sequence[int] = ()  # of the batches
    losses: Sequence[float | None] = ()

    def values(self, column: str) -> list[float]:
        """A column of the points, with NaN for missing values."""
        return _with_gaps(self.points.get(column, ()))


def default_groups(catalog: StoreCatalog) -> list[RunGroup]:
    """The initial selection: the groups of the task with the most, of the first encoder among them."""
    task = next(iter(catalog.tasks), "")
    groups = catalog.filter(task=task)
    return [group for group in groups if group.encoder == groups[0].encoder]


def seeds_picture(catalog: StoreCatalog, groups: Sequence[RunGroup]) -> Figure | Message:
    """Every seed of some groups as a point, collapsed runs crossed: one panel per encoder and task."""
    if not catalog.groups:
        return catalog.empty
    if not groups:
        return NO_MATCH
    first = groups[:MAX_GROUPS]
    panels: dict[str, list[SeedScores]] = {}
    for group in first:
        panels.setdefault(f"{group.encoder} · {group.task.name}", []).append(group_points(catalog, group))
    notes = [f"{COLLAPSED_NOTE} Dashed line: the trivial baseline."]
    if len(groups) > len(first):
        notes.append(first_of(groups))
    return points_figure(
        panels, title="Every run of these settings, by seed", caption=catalog.caption(first), notes=notes
    )


def first_of(groups: Sequence[RunGroup]) -> str:
    """How many of the settings are shown."""
    if len(groups) <= MAX_GROUPS:
        return f"All {format_count(len(groups), 'setting')} that match."
    return f"{len(groups)} settings match; only the first {MAX_GROUPS} are shown. To see others, filter further."


def group_points(catalog: StoreCatalog, group: RunGroup) -> SeedScores:
    reference = catalog.references(group)[group.task.name]
    return SeedScores(
        label=group.name,
        scores=list(scores_by_seed(group).values()),
        collapsed=[judgement.status.collapsed for judgement in catalog.judgements(group).values()],
        trivial=100 * reference.trivial_score("test"),
    )


def runs_table(catalog: StoreCatalog, groups: Sequence[RunGroup]) -> Table | Message:
    """Mean, spread and statuses of some groups, with the ids of their runs."""
    if not catalog.groups:
        return catalog.empty
    if not groups:
        return NO_MATCH
    rows = []
    for group in groups[:MAX_GROUPS]:
        scores = [score for score in scores_by_seed(group).values() if score is not None]
        counts = Counter(judgement.status for judgement in catalog.judgements(group).values())
        rows.append(
            (
                f"{group.encoder} · {group.task.name}",
                group.name,
                str(len(group.runs)),
                format_number(statistics.fmean(scores) if scores else None),
                format_number(statistics.stdev(scores) if len(scores) > 1 else None),
                format_number(min(scores, default=None)),
                ", ".join(f"{counts[status]} {status.value}" for status in RunStatus if counts[status]),
                ", ".join(run.id[:ID_DIGITS] for run in group.runs.values()),
            )
        )
    columns = ("Encoder · task", "Setting", "Runs", "Mean", "sd", "Worst", "Status", "Run ids")
    return Table(
        title="These settings in numbers",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        caption=catalog.caption(groups[:MAX_GROUPS]),
        notes=[
            "Test scores times 100. sd and worst: over seeds, collapsed ones included. Status: by the training loss "
            f"and on dev. {COLLAPSED_NOTE} Run ids: their first {ID_DIGITS} digits."
        ],
    )


def curves_picture(catalog: StoreCatalog, group: RunGroup | None) -> Figure | Message:
    """The learning curves of a group's runs."""
    if group is None:
        return catalog.empty if not catalog.groups else NO_MATCH
    curves = {f"seed {seed}": Curve(points=run.curve) for seed, run in group.runs.items()}
    return curves_figure(curves, title=f"Learning curves: {group.title}", caption=catalog.caption([group]))


def longest_curve(catalog: StoreCatalog) -> RunGroup | None:
    """The group with the longest curve; None in an empty store."""
    return max(
        catalog.groups,
        key=lambda group: max(len(run.curve.get("step", ())) for run in group.runs.values()),
        default=None,
    )


@without_mathtext
def curves_figure(curves: Mapping[str, Curve], *, title: str, caption: str = "") -> Figure:
    """Training loss and dev score against optimizer steps, one line per run."""
    drawing, (left, right) = canvas_grid(width=10.0, height=3.5, cols=2)
    for index, (name, curve) in enumerate(curves.items()):
        style = {"color": COLORS[index % len(COLORS)], "ls": DASHES[index % len(DASHES)], "lw": 1.7, "marker": "o"}
        if curve.losses:
            left.plot(curve.steps, _with_gaps(curve.losses), color=style["color"], lw=0.8, alpha=0.45)
        left.plot(curve.values("step"), curve.values("train_loss"), ms=4, label=name, **style)
        right.plot(curve.values("step"), [100 * value for value in curve.values("dev_score")], ms=4, **style)
    last_step = max([1, *(step for curve in curves.values() for step in (*curve.values("step"), *curve.steps))])
    for axes, label in ((left, "training loss"), (right, "dev score × 100")):
        axes.set_title(label[0].upper() + label[1:], fontsize=10, loc="left", fontweight="bold")
        axes.set_xlabel("optimizer steps", fontsize=9)
        axes.set_xlim(0, last_step * 1.03)
        axes.grid(color="#e5e7eb", lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylim(bottom=0)
    drawing.legend(loc="outside lower center", ncols=min(6, len(curves)), frameon=False, fontsize=8.5)
    notes = ["Points: the mean loss since the previous point, and the dev score there."]
    if all(len(curve.values("step")) < 2 and not curve.losses for curve in curves.values()):
        notes.append(
            "These runs were scored on dev only once, at the end (recipe: n_evaluations): one point per curve."
        )
    return Figure(title=title, alt=_describe_curves(curves), svg=as_svg(drawing), caption=caption, notes=notes)


def _with_gaps(values: Sequence[float | None]) -> list[float]:
    """NaN for missing values: matplotlib leaves a gap."""
    return [float("nan") if value is None else value for value in values]


def _describe_curves(curves: Mapping[str, Curve]) -> str:
    sentences = []
    for name, curve in curves.items():
        losses, scores = (
            [value for value in curve.values(column) if not math.isnan(value)] for column in ("train_loss", "dev_score")
        )
        text = f"loss {losses[0]:.3g} to {losses[-1]:.3g}" if losses else "no loss yet"
        text += f", dev score {100 * scores[0]:.1f} to {100 * scores[-1]:.1f}" if scores else ", no dev score"
        sentences.append(f"{name}: {format_count(len(curve.values('step')), 'point')}, {text}.")
    return "Learning curves, training loss and dev score against steps. " + " ".join(sentences)
