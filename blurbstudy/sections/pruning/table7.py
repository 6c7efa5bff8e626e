"""Table 7: what removing the top layers costs on each task, and what it saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...stats.contrasts import Comparison
from ...stats.intervals import Interval
from ...study.conditions import BLURB
from ...study.grid import Condition, Grid, Results, TaskColumn
from ...study.study import Study
from ...tables.comparison_table import ONE_SEED_DEMO
from ...tables.formatting import format_interval, format_signed
from ...tables.paper import AGAINST_PAPER, NOT_COMPARED, paper_number, paper_tables, shown_number
from ...tables.score_table import PERCENT, cell_caveats, cell_legend, cell_score, percent, percents
from ...tables.table import HtmlCell, KeyFinding, Remark, Score, Table, number_with_details
from .grids import PAPER_LAYERS, Parameters, grid_depth, removed_layers
from .savings import format_saving, time_ratio

PAPER = "table7"
DROP = "Performance drop"  # the paper's column
SUBSTANTIAL, SMALL, NEGLIGIBLE, UNDECIDED = "substantial drop", "small drop", "negligible drop", "undecided"
VERDICTS = {  # verdict -> start of a sentence
    SUBSTANTIAL: "Removing top layers costs substantially",
    SMALL: "It costs a little",
    NEGLIGIBLE: "It costs a negligible amount",
    UNDECIDED: "Undecided",
}


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What removal costs on one task or group of tasks; fractions, negative where it costs."""

    worst: float  # the lowest difference to full depth
    level: str  # where that is
    interval: Interval | None  # 95%, of the true worst, over seeds and test examples
    half: Comparison | None  # half of the layers against all
    collapsed: bool = False  # every run at full depth has collapsed


def max_drops(results: Results) -> dict[str, Drop]:
    """Task column -> drop, where there are runs at full depth and at another.

    The worst of several noisy differences overstates the true worst. Its interval therefore combines the intervals of
    all depths, each at a confidence at which all hold at once (Bonferroni): the worst true difference then lies between
    the lowest of their lower and the lowest of their upper bounds.
    """
    baseline, *reduced = results.grid.levels
    (name,) = results.grid.groups
    half = half_depth(results)
    confidence = 1 - 0.05 / max(1, len(reduced))
    drops = {}
    for label in (column.label for column in results.grid.columns):
        full = Condition(name, baseline, label)
        changes = {level: results.compare(full._replace(level=level), full) for level in reduced}
        changes = {level: change for level, change in changes.items() if change is not None}
        differences = {level: c.difference for level, c in changes.items() if c.difference is not None}
        if not differences:
            continue
        worst = min(differences, key=lambda level: differences[level])
        drops[label] = Drop(
            worst=differences[worst],
            level=worst,
            interval=_lowest([changes[level].interval_at(confidence) for level in differences]),
            half=results.compare(full._replace(level=half), full) if half else None,
            collapsed=results.summaries[full].all_collapsed,
        )
    return drops


def _lowest(intervals: Sequence[Interval | None]) -> Interval | None:
    complete = [bounds for bounds in intervals if bounds is not None]
    if len(complete) < len(intervals):
        return None
    return min(low for low, _ in complete), min(high for _, high in complete)


def half_depth(results: Results) -> str | None:
    """The level that removes half of the layers, or the nearest to it; None where nothing is removed."""
    grid = results.grid
    return min(grid.levels[1:], key=lambda level: abs(2 * removed_layers(grid, level) - grid_depth(grid)), default=None)


def paper_column(grid: Grid, level: str) -> str:
    """The paper's column of the same share of layers; '' where it has none."""
    column, remainder = divmod(removed_layers(grid, level) * PAPER_LAYERS, grid_depth(grid))
    return str(column) if not remainder and str(column) in paper_tables()[PAPER]["cells"] else ""


def pruning_table(results: Results, *, title: str) -> Table:
    """A row per task, a column per depth, the worst drop and the drop at half depth."""
    (name,) = results.grid.groups
    drops, half, levels = max_drops(results), half_depth(results), results.grid.levels
    rows = [
        (
            label,
            *(_cell(results, Condition(name, level, label)) for level in levels),
            *_drop_cells(results, drops, label),
        )
        for label in (column.label for column in results.grid.columns)
    ]
    half_name = f"Drop at half depth ({half})" if half else "Drop at half depth"
    columns = ("Task", *(f"{level} removed" for level in levels), "Worst drop", half_name)
    notes = cell_caveats(results)
    if results.decides:
        notes.append(
            "Worst drop, as the paper defines it: the lowest difference from full depth over the removed depths. Its "
            "95% interval holds for all depths at once (Bonferroni), as the worst of several is picked after looking. "
            "Drop at half depth: one difference, with a 95% interval of its own. Intervals are over seeds and test "
            "examples."
        )
    unmatched = [level for level in levels if not paper_column(results.grid, level)]
    if unmatched and results.shows_paper:
        notes.append(f"The paper removes 0, 2, 4 and 6 of 12 layers; it has no number for {', '.join(unmatched)}.")
    return Table(
        title=title,
        columns=columns,
        rows=rows,
        caption=results.caption,
        notes=notes,
        legend=cell_legend(results, PAPER),
    )


def _cell(results: Results, key: Condition) -> Score:
    cell = cell_score(results, key, paper=PAPER)
    column = paper_column(results.grid, key.level)
    return replace(cell, paper=shown_number(results, PAPER, column, key.column) if column else None)


def _drop_cells(results: Results, drops: Mapping[str, Drop], label: str) -> tuple[HtmlCell | str, HtmlCell | str]:
    drop, printed = drops.get(label), shown_number(results, PAPER, DROP, label)
    paper = [f"paper {format_signed(printed)}"] if printed is not None else []
    if drop is None:
        return number_with_details(None, "–", paper), "–"
    details = [*([_interval_line(drop.interval)] if results.decides else []), *paper]
    worst = number_with_details(drop.worst, f"{format_signed(percent(drop.worst))} at {drop.level}", details)
    half = drop.half
    if half is None:
        return worst, "–"
    lines = [_interval_line(half.interval)] if results.decides else []
    return worst, number_with_details(half.difference, format_signed(percent(half.difference)), lines)


def _interval_line(interval: Interval | None) -> str:
    return f"95% {format_interval(percents(interval))}" if interval else "no interval: too few seeds"


def group_results(study: Study[Parameters], results: Results) -> Results:
    """The same runs with a column per group of tasks: the mean over its tasks, seed by seed."""
    groups: dict[str, list[str]] = {}
    for task in study.tasks:
        groups.setdefault(task.group, []).append(task.name)
    return _with_columns(results, [TaskColumn(label=group, tasks=tuple(tasks)) for group, tasks in groups.items()])


def blurb_score_results(study: Study[Parameters], results: Results) -> Results:
    """The same runs with one column: the BLURB score, or the mean of the tasks where they are not all of BLURB."""
    blurb = next((column for column in results.grid.columns if column.label == BLURB), None)
    mean = TaskColumn(label="mean of the tasks", tasks=tuple(task.name for task in study.tasks))
    return _with_columns(results, [blurb or mean])


def _with_columns(results: Results, columns: Sequence[TaskColumn]) -> Results:
    (name,), cells = results.grid.groups, results.grid.cells
    merged = {}
    for level in results.grid.levels:
        for column in columns:
            runs = tuple(run for task in column.tasks for run in cells.get(Condition(name, level, task), ()))
            merged |= {Condition(name, level, column.label): runs} if runs else {}
    return replace(results, grid=replace(results.grid, columns=tuple(columns), cells=merged))


def verdict(drop: Drop, *, margin: float) -> str:
    """How large the worst drop is by its interval; `margin` in points."""
    if drop.collapsed or drop.interval is None:
        return UNDECIDED
    low, high = drop.interval
    bounded = low > -margin / PERCENT
    if high < 0:
        return SMALL if bounded else SUBSTANTIAL
    return NEGLIGIBLE if bounded else UNDECIDED


class PaperDrops(NamedTuple):
    """What the paper's drops of a group of tasks say."""

    verdict: str
    span: str  # worst to best, in points; '' where the paper prints none

    def __str__(self) -> str:
        return "\n".join(filter(None, self))


def paper_verdict(tasks: Sequence[str], *, margin: float) -> PaperDrops:
    """The paper's drops of a group, and on which side of the margin they lie."""
    printed = [value for task in tasks if (value := paper_number(PAPER, DROP, task)) is not None]
    if not printed:
        return PaperDrops("–", "")
    beyond = sum(value < -margin for value in printed)
    mixed = f"{beyond} of {len(printed)} substantial"
    text = SUBSTANTIAL if beyond == len(printed) else mixed if beyond else NEGLIGIBLE
    worst, best = format_signed(min(printed)), format_signed(max(printed))
    return PaperDrops(text, worst if worst == best else f"{worst} to {best}")


def group_table(study: Study[Parameters], results: Results, *, margin: float) -> Table | Remark:
    """Groups of tasks, and the tasks in them, with the size of their worst drop."""
    if not results.decides:
        return ONE_SEED_DEMO
    groups = group_results(study, results)
    by_group, by_task = max_drops(groups), max_drops(results)
    rows = []
    for group in groups.grid.columns:
        lines = [("mean of the group", by_group.get(group.label), group.tasks)] if len(group.tasks) > 1 else []
        lines += [(task, by_task.get(task), (task,)) for task in group.tasks]
        for label, drop, tasks in lines:
            cells = ["–"] * 3
            if drop is not None:
                cells = [
                    f"{format_signed(percent(drop.worst))} at {drop.level}",
                    format_interval(percents(drop.interval)),
                    verdict(drop, margin=margin),
                ]
            printed = [str(paper_verdict(tasks, margin=margin))] if results.shows_paper else []
            rows.append((group.label, label, *cells, *printed))
    columns = ("Group", "Task", "Worst drop", "95%", "Verdict")
    columns += ("The paper's drops",) if results.shows_paper else ()
    notes = [
        f"{SUBSTANTIAL.capitalize()}: the 95% interval of the worst drop lies below 0 (those of all depths hold at "
        f"once). {NEGLIGIBLE.capitalize()}: it lies above −{margin:g} points. Both: {SMALL}. Neither: {UNDECIDED}, as "
        "are drops from a single seed, or from a full depth at which every seed collapsed."
    ]
    if results.shows_paper:
        notes.append(
            "The paper's drops are judged by their size alone: beyond that margin or not. The margin was read off the "
            "paper's own table, so that table's agreement with it is no evidence."
        )
    return Table(
        title="Where depth matters",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
    )


def pruning_findings(study: Study[Parameters], results: Results, *, margin: float) -> KeyFinding:
    """Which groups of tasks need their top layers, and what removal saves at half depth."""
    if not results.decides:
        return KeyFinding(question="Which tasks need the top layers?", sentences=[ONE_SEED_DEMO.text])
    half = half_depth(results)
    verdicts = {group: verdict(drop, margin=margin) for group, drop in max_drops(group_results(study, results)).items()}
    sentences = [
        f"{start}: {', '.join(group for group in verdicts if verdicts[group] == name)}."
        for name, start in VERDICTS.items()
        if name in verdicts.values()
    ]
    for label, drop in max_drops(blurb_score_results(study, results)).items():
        if drop.half is None or half is None:
            continue
        collapsed = [task for task, task_drop in max_drops(results).items() if task_drop.collapsed]
        among = f" ({', '.join(collapsed)} among them, where every run at full depth collapsed)" if collapsed else ""
        changed = time_ratio(results, half, results.grid.levels[0])
        intervals = _interval_line(drop.half.interval)
        sentences.append(
            f"Removing {half} layers changes the {label}{among} by {format_signed(percent(drop.half.difference))} "
            f"({intervals}), and the seconds of a run by {format_saving(changed)} (median of pairs of one task and "
            "seed)."
        )
    return KeyFinding(question="Which tasks need the top layers?", sentences=sentences or ["Nothing has been run yet."])


def compare_pruning_with_paper(study: Study[Parameters], results: Results, *, margin: float) -> KeyFinding:
    """Verdicts by group next to those on the paper's drops."""
    if not results.shows_paper:
        return NOT_COMPARED
    sentences = []
    groups = group_results(study, results)
    for group, drop in max_drops(groups).items():
        ours = verdict(drop, margin=margin)
        theirs = paper_verdict(groups.column(group).tasks, margin=margin)
        agrees = (ours == SUBSTANTIAL) == (theirs.verdict != NEGLIGIBLE)
        outcome = "undecided here" if ours == UNDECIDED else "agrees" if agrees else "differs"
        intervals = _interval_line(drop.interval)
        sentences.append(
            f"{group[0].upper()}{group[1:]}: the paper's drops are {theirs.span} ({theirs.verdict}); here the worst "
            f"drop of the group's mean is {format_signed(percent(drop.worst))} ({intervals}; {ours}): {outcome}."
        )
    return KeyFinding(question=AGAINST_PAPER, sentences=sentences or ["No group has runs at two depths yet."])
