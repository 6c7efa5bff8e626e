"""What removing layers saves in parameters, seconds and memory, beside the loss in score; and drops as a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from ...models import Architecture
from ...study.grid import Condition, Grid, Results
from ...study.study import Study
from ...tables.figure import BLUE, GREEN, VERMILION, Figure, as_svg, canvas, without_mathtext
from ...tables.score_table import PERCENT, percent, percents
from ...tables.table import Table, format_interval, format_signed
from ...training.run_record import RunRecord
from .grids import depth, removed_layers

COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00")
MARKERS = "osD^v"
LEAST = 1e-6  # seconds: no run is faster, and none is divided by 0


def savings_table(study: Study, results: Results, whole: Results) -> Table:
    """Depth by depth: what is saved, beside the loss in `whole`, the same runs seen as one part."""
    (name,), (part,) = results.grid.groups, whole.grid.columns
    baseline = results.grid.levels[0]
    source = study.sources.encoders.get(name)
    shape = Architecture(**source.architecture) if source else None
    rows = []
    for setting in results.grid.levels:
        removed = removed_layers(results.grid, setting)
        change = whole.compare(Condition(name, setting, part.label), Condition(name, baseline, part.label))
        changed = change is not None and change.difference is not None and setting != baseline
        rows.append(
            (
                f"{setting} removed",
                _parameters(shape, depth(study) - removed),
                *spent(results, setting, baseline),
                format_signed(percent(change.difference)) if changed else "–",
                format_interval(percents(change.seed_interval)) if changed else "–",
                format_interval(percents(change.example_interval)) if changed else "–",
                _hardest(results, setting, baseline),
            )
        )
    columns = ("Layers", "Parameters", "Seconds of a run", "Peak memory", f"{part.label[0].upper()}{part.label[1:]}",
               "over seeds", "over examples", "Lost most")  # fmt: skip
    notes = [
        "Parameters: of embeddings and layers. Seconds: mean over runs that there are at both depths (same task, same "
        "seed), training and evaluation together, as their records say; in brackets, against full depth, the median of "
        "such pairs. A run of a population is given an equal share of its time.",
        "Memory: the mean of what the records call the peak: on a GPU of the allocator, on a CPU of the whole process, "
        "Python and libraries included, so that little of it is saved; both while the run's population was trained.",
        f"Made on: {_machines(results)}. Runs of full depth may come from another notebook, at another time.",
        f"{columns[4]}: the difference to full depth, with 95% intervals. Lost most: the task with the lowest one.",
    ]
    return Table(title="What removal saves, and what it costs", columns=columns, rows=rows, caption=results.caption,
                 notes=notes)  # fmt: skip


def spent(results: Results, setting: str, baseline: str) -> tuple[str, str]:
    """Seconds and peak memory of the runs at this depth, against those of the same task and seed at full depth."""
    mine, theirs = _runs(results, setting), _runs(results, baseline)
    both = [(mine[key], theirs[key]) for key in mine if key in theirs]
    if not both:
        return "–", "–"
    seconds = sum(one.seconds for one, _ in both) / len(both)
    peak = sum(one.peak_bytes for one, _ in both) / len(both)
    faster = share_of_seconds(results, setting, baseline)
    smaller = median(one.peak_bytes / max(full.peak_bytes, 1) for one, full in both)
    return f"{seconds:.3g} ({saved(faster)})", f"{peak / 2**20:,.0f} MiB ({saved(smaller)})"


def share_of_seconds(results: Results, setting: str, baseline: str) -> float:
    """Of a run at full depth: the median over pairs of one task and seed, which one run that had to wait does not move.

    There is at least one pair.
    """
    mine, theirs = _runs(results, setting), _runs(results, baseline)
    return median(mine[key].seconds / max(theirs[key].seconds, LEAST) for key in mine if key in theirs)


def saved(share: float) -> str:
    """How much less than at full depth a share of it is: '−31%'."""
    change = round(100 * (share - 1))
    return f"{change:+d}%".replace("-", "−") if change else "0%"


def _parameters(shape: Architecture | None, left: int) -> str:
    if shape is None:
        return "–"
    count = shape.with_layers(left).n_parameters
    return f"{count / 1e6:.3g} M ({saved(count / shape.n_parameters)})"


def _runs(results: Results, setting: str) -> dict[tuple[str, int], RunRecord]:
    """(task, seed) -> record, of all runs at a depth."""
    found = (record for key in results.conditions() if key.level == setting for record in results.cell(key))
    return {(record.config.task, record.config.seed): record for record in found}


def _machines(results: Results) -> str:
    made = Counter(
        f"{record.environment.get('device', 'unknown device')}, {record.environment.get('population', '?')} at once"
        for record in results.records.values()
    )
    return "; ".join(f"{text} ({count} runs)" for text, count in sorted(made.items())) or "nothing yet"


def _hardest(results: Results, setting: str, baseline: str) -> str:
    found = _differences(results, setting, baseline)
    worst = min(found, key=found.get, default=None)
    return "–" if worst is None or setting == baseline else f"{worst} {format_signed(found[worst])}"


def _differences(results: Results, setting: str, baseline: str) -> dict[str, float]:
    """Task -> difference to full depth, in points."""
    (name,) = results.grid.groups
    found = {}
    for part in (part for part in results.grid.columns if len(part.tasks) == 1):
        change = results.compare(Condition(name, setting, part.label), Condition(name, baseline, part.label))
        if change is not None and change.difference is not None:
            found[part.label] = change.difference * PERCENT
    return found


@without_mathtext
def drops_figure(study: Study, results: Results, papers: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """A panel per group of tasks, a line per task: the difference to full depth against the share of layers removed.

    Args:
        papers: task -> (share of layers removed, difference to full depth in points), as the paper has them.
    """
    groups: dict[str, list[str]] = {}
    for task in study.tasks:
        groups.setdefault(task.group, []).append(task.name)
    drawing, grid = canvas(width=11.0, height=0.6 + 2.7 * -(-len(groups) // 3), rows=-(-len(groups) // 3), cols=3)
    flat, said = [axes for row in grid for axes in row], []
    baseline = results.grid.levels[0]
    found = {setting: _differences(results, setting, baseline) for setting in results.grid.levels}
    for axes, (group, tasks) in zip(flat, groups.items(), strict=False):
        for index, task in enumerate(tasks):
            shown = {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)], "ms": 4}
            points = [(_share(results.grid, setting), own[task]) for setting, own in found.items() if task in own]
            axes.plot(*zip(*points, strict=True), lw=1.8, label=task, **shown) if points else None
            if papers.get(task):
                axes.plot(*zip(*papers[task], strict=True), lw=1, ls="--", mfc="none", alpha=0.7, **shown)
            ours = ", ".join(f"{format_signed(y)} at {x:.0f}%" for x, y in points if x) or "not run"
            said.append(f"{task}: {ours}.")
        axes.axhline(0, color="#6b7280", lw=0.8)
        axes.set_title(group, fontsize=10, loc="left", fontweight="bold")
        axes.set_xlabel("% of layers removed", fontsize=9)
        axes.set_ylabel("points to full depth", fontsize=9)
        axes.grid(color="#e5e7eb", lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, fontsize=7.5)
    for axes in flat[len(groups) :]:
        axes.set_axis_off()
    notes = ["Full lines: means over seeds here. Dashed, with hollow marks: the paper's. No intervals are drawn; they "
             "are in the tables."]  # fmt: skip
    return Figure(title="Drops by depth", alt=" ".join(said), svg=as_svg(drawing), caption=results.caption, notes=notes)


def _share(grid: Grid, setting: str) -> float:
    """Percent of the layers that a setting removes."""
    (layers,) = grid.layers.values()
    return 100 * removed_layers(grid, setting) / layers
