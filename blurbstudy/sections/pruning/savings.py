"""What removing layers saves in parameters, seconds and memory, next to the loss in score; and drops as a figure."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from statistics import fmean

from ...models import Architecture
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.chart import COLORS, INK, MARKERS, Panel
from ...tables.figure import Figure
from ...tables.formatting import format_interval, format_signed
from ...tables.scale import Scale
from ...tables.score_table import PERCENT, percent, percents
from ...tables.table import Table
from ...training.run_record import RunRecord
from .grids import Parameters, depth, removed_layers, removed_share

MIN_SECONDS = 1e-6  # avoids division by zero


def savings_table(study: Study[Parameters], results: Results, mean_results: Results) -> Table:
    """Depth by depth: what is saved, and the loss in `mean_results`, the same runs with one task column."""
    (name,), (column,) = results.grid.groups, mean_results.grid.columns
    baseline = results.grid.levels[0]
    source = study.sources.encoders.get(name)
    architecture = source.architecture if source else None
    rows = []
    for level in results.grid.levels:
        condition = Condition(name, level, column.label)
        change = mean_results.compare(condition, condition._replace(level=baseline)) if level != baseline else None
        row = (
            f"{level} removed",
            _parameters(architecture, depth(study) - removed_layers(results.grid, level)),
            *runtime_and_memory(results, level, baseline),
            format_signed(percent(change.difference)) if change else "–",
            format_interval(percents(change.interval)) if change else "–",
            _largest_drop(results, level, baseline),
        )
        rows.append(row)
    score = f"{column.label[0].upper()}{column.label[1:]}"
    columns = (
        "Layers", "Parameters", "Seconds of a run", "Peak memory", score, "95%", "Largest drop",
    )  # fmt: skip
    notes = [
        "Parameters: of embeddings and layers. Seconds: training and evaluation, mean over the runs that exist at both "
        "depths (same task, same seed); in brackets, the change of that mean against full depth. A run of a "
        "population counts an equal share of its time.",
        "Memory: mean of the recorded peaks: of the allocator on a GPU, of the whole process with Python and libraries "
        "on a CPU, where little of it is saved; both while the run's population was trained.",
        f"Made on: {_machines(results)}. Runs of full depth may come from another notebook, at another time.",
        f"{score}: the difference from full depth, with its 95% interval over seeds and test examples. Largest drop: "
        "the task with the lowest one.",
    ]
    return Table(
        title="What removal saves, and what it costs", columns=columns, rows=rows, caption=results.caption, notes=notes
    )


def runtime_and_memory(results: Results, level: str, baseline: str) -> tuple[str, str]:
    """Seconds and peak memory of the runs at this depth, against those of the same task and seed at full depth."""
    pairs = _pairs(results, level, baseline)
    if not pairs:
        return "–", "–"
    seconds, peak = fmean(run.seconds for run, _ in pairs), fmean(run.peak_bytes for run, _ in pairs)
    memory_ratio = peak / max(fmean(full.peak_bytes for _, full in pairs), 1)
    return (
        f"{seconds:.3g} ({format_saving(time_ratio(results, level, baseline))})",
        f"{peak / 2**20:,.0f} MiB ({format_saving(memory_ratio)})",
    )


def time_ratio(results: Results, level: str, baseline: str) -> float:
    """Seconds of all runs over those at full depth with the same tasks and seeds."""
    pairs = _pairs(results, level, baseline)
    return sum(run.seconds for run, _ in pairs) / max(sum(full.seconds for _, full in pairs), MIN_SECONDS)


def format_saving(ratio: float) -> str:
    """A ratio to full depth as a change: `−31%`."""
    change = round(100 * (ratio - 1))
    return f"{change:+d}%".replace("-", "−") if change else "0%"


def _parameters(architecture: Architecture | None, n_layers: int) -> str:
    if architecture is None:
        return "–"
    count = architecture.with_layers(n_layers).n_parameters
    return f"{count / 1e6:.3g} M ({format_saving(count / architecture.n_parameters)})"


def _pairs(results: Results, level: str, baseline: str) -> list[tuple[RunRecord, RunRecord]]:
    reduced, full = _runs(results, level), _runs(results, baseline)
    return [(run, full[key]) for key, run in reduced.items() if key in full]


def _runs(results: Results, level: str) -> dict[tuple[str, int], RunRecord]:
    records = (record for key in results.conditions() if key.level == level for record in results.cell(key))
    return {(record.config.task, record.config.seed): record for record in records}


def _machines(results: Results) -> str:
    counts = Counter(
        f"{record.environment.get('device', 'unknown device')}, {record.environment.get('population', '?')} at once"
        for record in results.records.values()
    )
    return "; ".join(f"{text} ({count} runs)" for text, count in sorted(counts.items())) or "nothing yet"


def _largest_drop(results: Results, level: str, baseline: str) -> str:
    differences = _differences(results, level, baseline)
    if not differences or level == baseline:
        return "–"
    worst = min(differences, key=lambda task: differences[task])
    return f"{worst} {format_signed(differences[worst])}"


def _differences(results: Results, level: str, baseline: str) -> dict[str, float]:
    """Task -> difference to full depth, in points."""
    (name,) = results.grid.groups
    differences = {}
    for label in (column.label for column in results.grid.columns if len(column.tasks) == 1):
        change = results.compare(Condition(name, level, label), Condition(name, baseline, label))
        if change is not None and change.difference is not None:
            differences[label] = change.difference * PERCENT
    return differences


def drops_figure(study: Study[Parameters], results: Results) -> Figure:
    """A panel per group of tasks, a line per task: the difference to full depth against the share of layers removed."""
    groups: dict[str, list[str]] = {}
    for task in study.tasks:
        groups.setdefault(task.group, []).append(task.name)
    levels = results.grid.levels
    differences = {level: _differences(results, level, levels[0]) for level in levels}
    shares = {level: 100 * removed_share(results.grid, level) for level in levels}
    up = Scale.around([0.0, *(drop for drops in differences.values() for drop in drops.values())], otherwise=(-20, 5))
    across = Scale(-3.0, max([*shares.values(), 50.0]) + 3)
    panels, descriptions = [], []
    for group, tasks in groups.items():
        panel = Panel(title=group[0].upper() + group[1:], x=across, y=up, right=110)
        panel.axis_across("% of layers removed", {share: f"{share:.0f}" for share in shares.values()})
        panel.axis_up("points from full depth")
        panel.line([(panel.box_left, panel.up(0)), (panel.box_right, panel.up(0))], INK, width=1)
        names = []
        for task, color, shape in zip(tasks, cycle(COLORS), cycle(MARKERS), strict=False):
            points = [(shares[level], drops[task]) for level, drops in differences.items() if task in drops]
            panel.curve(points, color, shape=shape)
            if points:
                names.append((panel.up(points[-1][1]), task, color))
            ours = ", ".join(f"{format_signed(y)} at {x:.0f}%" for x, y in points if x) or "not run"
            descriptions.append(f"{task}: {ours}.")
        panel.line_names(names)
        panels.append(panel)
    return Figure(
        title="Drops by depth",
        alt=" ".join(descriptions),
        panels=panels,
        reading="Means over seeds. All panels have one axis. The intervals are in the tables.",
        caption=results.caption,
    )
