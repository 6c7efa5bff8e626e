"""The runs of some groups: every seed as a point, learning curves, and a table with run ids."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...stats.status import COLLAPSED_NOTE, RunStatus
from ...store.caveats import stored_caveats
from ...tables.chart import COLORS, DASHES, INK, WIDE, Key, Panel
from ...tables.figure import Figure, SeedScores, points_figure
from ...tables.formatting import format_count, format_number
from ...tables.scale import Scale
from ...tables.table import Remark, Table
from .catalog import RunGroup, StoreCatalog
from .depth import scores_by_seed

MAX_GROUPS = 12  # in one figure or table
MAX_POINTS = 200  # of a line of single batches
ID_DIGITS = 10  # of a run id in a table
NO_MATCH = Remark(text="No setting of this store matches. Remove a filter.")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The learning curve of one run: as in its record, and for a live run the loss of single batches."""

    points: Mapping[str, Sequence[float | None]]  # step, train_loss, dev_score
    steps: Sequence[int] = ()  # of the batches
    losses: Sequence[float | None] = ()

    def values(self, column: str) -> list[float]:
        return _with_gaps(self.points.get(column, ()))


def default_groups(catalog: StoreCatalog) -> list[RunGroup]:
    """The initial selection: the groups of the task with the most, of the first encoder among them."""
    task = next(iter(catalog.tasks), "")
    groups = catalog.filter(task=task)
    return [group for group in groups if group.encoder == groups[0].encoder]


def seeds_picture(catalog: StoreCatalog, groups: Sequence[RunGroup]) -> Figure | Remark:
    """Every seed of some groups as a point, collapsed runs crossed: one panel per encoder and task."""
    if not catalog.groups:
        return catalog.empty
    if not groups:
        return NO_MATCH
    first = groups[:MAX_GROUPS]
    panels: dict[str, list[SeedScores]] = {}
    for group in first:
        panels.setdefault(f"{group.encoder} · {group.task.name}", []).append(group_points(catalog, group))
    notes = []
    if len(groups) > len(first):
        notes.append(first_of(groups))
    return points_figure(
        panels, title="Every run of these settings, by seed", caption=catalog.caption(first), notes=notes
    )


def first_of(groups: Sequence[RunGroup]) -> str:
    if len(groups) <= MAX_GROUPS:
        return f"All {format_count(len(groups), 'setting')} that match."
    return f"{len(groups)} settings match; only the first {MAX_GROUPS} are shown. To see others, filter further."


def group_points(catalog: StoreCatalog, group: RunGroup) -> SeedScores:
    reference = catalog.references(group)[group.task.name]
    return SeedScores(
        label=group.name,
        scores=list(scores_by_seed(group).values()),
        seeds=list(group.runs),
        metric=group.task.name,
        collapsed=[judgement.status.collapsed for judgement in catalog.judgements(group).values()],
        trivial=100 * reference.trivial_score("test"),
    )


def runs_table(catalog: StoreCatalog, groups: Sequence[RunGroup]) -> Table | Remark:
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
            f"and on dev. {COLLAPSED_NOTE} Run ids: their first {ID_DIGITS} digits.",
            *_caveats(catalog, groups[:MAX_GROUPS]),
        ],
    )


def _caveats(catalog: StoreCatalog, groups: Sequence[RunGroup]) -> list[str]:
    """The caveats of the scores of tasks that the store has, and that those of the user's own tasks were not sought."""
    lines = []
    for group in groups:
        caveats = stored_caveats(catalog.store, next(iter(group.runs.values())).config)
        if caveats is None and group.task.custom:
            lines.append(f"{group.task.name}: caveats were not looked for.")
        lines += [f"{group.task.name}, caveat: {caveat.text}." for caveat in caveats or () if caveat.split == "test"]
    return list(dict.fromkeys(lines))


def curves_picture(catalog: StoreCatalog, group: RunGroup | None) -> Figure | Remark:
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


def curves_figure(curves: Mapping[str, Curve], *, title: str, caption: str = "") -> Figure:
    """Training loss and dev score against optimizer steps: a line per run, a point per evaluation, their mean."""
    last_step = max([1, *(step for curve in curves.values() for step in (*curve.values("step"), *curve.steps))])
    panels = []
    for column, name, factor in (("train_loss", "Training loss", 1), ("dev_score", "Dev score × 100", 100)):
        lines = {
            run: list(zip(curve.values("step"), (factor * v for v in curve.values(column)), strict=True))
            for run, curve in curves.items()
        }
        batches = [
            _thinned(curve.steps, _with_gaps(curve.losses)) if column == "train_loss" else []
            for curve in curves.values()
        ]
        values = [value for points in (*lines.values(), *batches) for _, value in points]
        up = Scale.around(values, least=0.1 * factor, otherwise=(0, factor))
        panel = Panel(title=name, x=Scale(0, 1.03 * last_step), y=up, width=WIDE)
        panel.axis_across("optimizer steps")
        panel.axis_up("")
        for index, (points, losses) in enumerate(zip(lines.values(), batches, strict=True)):
            color, dash = COLORS[index % len(COLORS)], DASHES[index % len(DASHES)]
            panel.curve(losses, color, width=1, faint=True)
            width = 1.3 if len(curves) > 1 else 2
            panel.curve(points, color, dash=dash, width=width, shape="dot")
        panel.curve(_mean_line([*lines.values()]), INK, width=3)
        panels.append(panel)
    keys = [Key(name, COLORS[i % len(COLORS)], "dot", DASHES[i % len(DASHES)]) for i, name in enumerate(curves)]
    if len(curves) > 1:
        keys.append(Key("mean of the runs", INK, dash=""))
    notes = ["Points: the mean loss since the previous point, and the dev score there."]
    if all(len(curve.values("step")) < 2 and not curve.losses for curve in curves.values()):
        notes.append(
            "These runs were scored on dev only once, at the end (recipe: n_evaluations): one point per curve."
        )
    return Figure(
        title=title, alt=_describe_curves(curves), panels=panels, keys=keys, columns=2, caption=caption, notes=notes
    )


def _mean_line(lines: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """The mean at each step that every line has; none of a single line."""
    at = [{x: y for x, y in points if math.isfinite(y)} for points in lines]
    shared = sorted(set.intersection(*map(set, at))) if len(at) > 1 else []
    return [(x, statistics.fmean(points[x] for points in at)) for x in shared]


def _thinned(steps: Sequence[int], losses: Sequence[float]) -> list[tuple[float, float]]:
    """The losses of batches as MAX_POINTS points at most, each the mean of equally many batches."""
    size = max(1, math.ceil(len(losses) / MAX_POINTS))
    starts = range(0, len(losses), size)
    return [(statistics.fmean(steps[i : i + size]), statistics.fmean(losses[i : i + size])) for i in starts]


def _with_gaps(values: Sequence[float | None]) -> list[float]:
    """NaN for missing values: a gap in the line."""
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
