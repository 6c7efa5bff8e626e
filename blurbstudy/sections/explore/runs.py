"""The runs of some settings: every seed as a point, learning curves, and a table that leads to run ids."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...tables.figure import COLORS, DASHES, Figure, Points, as_svg, canvas, points_figure, verbatim
from ...tables.table import Table, counted, number
from ...training.run_record import RunRecord
from .catalog import Explored, Notice, Setting
from .depth import scores_by_seed

MOST_SETTINGS = 12  # in one figure
SHORT = 10  # digits of a run id that a table shows
NO_MATCH = Notice(text="No setting of this store fits; choose fewer conditions.")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The learning curve of one run: as in its record, and where it is watched, the loss of single batches."""

    points: Mapping[str, Sequence[float | None]]  # step, train_loss, dev_score
    steps: Sequence[int] = ()  # of the batches
    losses: Sequence[float | None] = ()


def begin_with(explored: Explored) -> list[Setting]:
    """The settings to begin with: of the task with the most, those of the first encoder that has some."""
    task = next(iter(explored.tasks), "")
    found = explored.chosen(task=task)
    return [setting for setting in found if setting.encoder == found[0].encoder]


def seeds_picture(explored: Explored, settings: Sequence[Setting]) -> Figure | Notice:
    """Every seed of some settings as a point, failed runs crossed: one panel per encoder and task."""
    if not explored.settings:
        return explored.empty
    if not settings:
        return NO_MATCH
    shown = settings[:MOST_SETTINGS]
    panels: dict[str, list[Points]] = {}
    for setting in shown:
        panels.setdefault(f"{setting.encoder} · {setting.task.name}", []).append(setting_points(explored, setting))
    notes = ["Failed: judged on dev, by the study's one definition. Dashed: what reading nothing scores."]
    if len(settings) > len(shown):
        notes.append(f"The first {len(shown)} of {len(settings)} settings; more conditions show others.")
    return points_figure(
        panels, title="Every run of these settings, by seed", caption=explored.caption(shown), notes=notes
    )


def setting_points(explored: Explored, setting: Setting) -> Points:
    """A setting's seeds for a figure."""
    reference = explored.references(setting)[setting.task.name]
    return Points(
        setting=setting.name,
        scores=list(scores_by_seed(setting).values()),
        failed=[reason is not None for reason in explored.failures(setting).values()],
        trivial=100 * reference.trivial_score("test"),
    )


def runs_table(explored: Explored, settings: Sequence[Setting]) -> Table | Notice:
    """Mean, spread and failures of some settings, with the ids of their runs."""
    if not explored.settings:
        return explored.empty
    if not settings:
        return NO_MATCH
    rows = []
    for setting in settings[:MOST_SETTINGS]:
        known = [score for score in scores_by_seed(setting).values() if score is not None]
        reasons = [reason for reason in explored.failures(setting).values() if reason is not None]
        told = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
        rows.append(
            (
                f"{setting.encoder} · {setting.task.name}",
                setting.name,
                str(len(setting.runs)),
                number(statistics.fmean(known) if known else None),
                number(statistics.stdev(known) if len(known) > 1 else None),
                number(min(known, default=None)),
                f"{len(reasons)}" + (f" ({told})" if told else ""),
                ", ".join(run.id[:SHORT] for run in setting.runs.values()),
            )
        )
    columns = ("Encoder · task", "Setting", "Runs", "Mean", "sd", "Worst", "Failed", "Run ids")
    return Table(
        title="These settings in numbers", columns=columns, rows=rows, heads=2, caption=explored.caption(settings),
        notes=[f"Test scores times 100; sd and worst over seeds; failed: on dev; ids by their first {SHORT} digits."],
    )  # fmt: skip


def curves_picture(explored: Explored, setting: Setting | None) -> Figure | Notice:
    """The learning curves of a setting's runs."""
    if setting is None:
        return explored.empty if not explored.settings else NO_MATCH
    curves = {f"seed {seed}": recorded_curve(run) for seed, run in setting.runs.items()}
    return curves_figure(curves, title=f"Learning curves: {setting.title}", caption=explored.caption([setting]))


def recorded_curve(run: RunRecord) -> Curve:
    """The curve of a run of the store."""
    return Curve(points=run.curve)


def longest_curve(explored: Explored) -> Setting | None:
    """The setting whose curves have the most points; None in an empty store."""
    return max(explored.settings, key=_points, default=None)


def _points(setting: Setting) -> int:
    return max(len(run.curve.get("step", ())) for run in setting.runs.values())


@verbatim
def curves_figure(curves: Mapping[str, Curve], *, title: str, caption: str = "") -> Figure:
    """Training loss and dev score against optimizer steps, one line per run."""
    drawing, ((left, right),) = canvas(width=10.0, height=3.5, rows=1, cols=2)
    for index, (name, curve) in enumerate(curves.items()):
        style = {"color": COLORS[index % len(COLORS)], "ls": DASHES[index % len(DASHES)], "lw": 1.7, "marker": "o"}
        if curve.losses:
            left.plot(curve.steps, _gaps(curve.losses), color=style["color"], lw=0.8, alpha=0.45)
        left.plot(curve.points.get("step", ()), _gaps(curve.points.get("train_loss", ())), ms=4, label=name, **style)
        scores = [None if value is None else 100 * value for value in curve.points.get("dev_score", ())]
        right.plot(curve.points.get("step", ()), _gaps(scores), ms=4, **style)
    furthest = max([1, *(step for curve in curves.values() for step in (*curve.points.get("step", ()), *curve.steps))])
    for axes, label in ((left, "training loss"), (right, "dev score × 100")):
        axes.set_title(label[0].upper() + label[1:], fontsize=10, loc="left", fontweight="bold")
        axes.set_xlabel("optimizer steps", fontsize=9)
        axes.set_xlim(0, furthest * 1.03)
        axes.grid(color="#e5e7eb", lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylim(bottom=0)
    drawing.legend(loc="outside lower center", ncols=min(6, len(curves)), frameon=False, fontsize=8.5)
    single = all(len(curve.points.get("step", ())) < 2 for curve in curves.values())
    notes = ["Points: the mean loss since the point before, and the dev score there."]
    if single and not any(curve.losses for curve in curves.values()):
        notes.append("These runs were scored on dev once, at their end (recipe: evaluations), so a curve is one point.")
    return Figure(title=title, alt=_curves_in_words(curves), svg=as_svg(drawing), caption=caption, notes=notes)


def _gaps(values: Sequence[float | None]) -> list[float]:
    """A value that does not exist is a gap in the line."""
    return [float("nan") if value is None else value for value in values]


def _curves_in_words(curves: Mapping[str, Curve]) -> str:
    sentences = []
    for name, curve in curves.items():
        losses = [value for value in curve.points.get("train_loss", ()) if value is not None]
        scores = [value for value in curve.points.get("dev_score", ()) if value is not None]
        said = f"loss {losses[0]:.3g} to {losses[-1]:.3g}" if losses else "no loss yet"
        said += f", dev score {100 * scores[0]:.1f} to {100 * scores[-1]:.1f}" if scores else ", no dev score"
        sentences.append(f"{name}: {counted(len(curve.points.get('step', ())), 'point')}, {said}.")
    return "Learning curves, training loss and dev score against steps. " + " ".join(sentences)
