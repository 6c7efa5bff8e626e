"""Table 7: what removing the top layers costs on each task, and what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from ...stats.intervals import Interval
from ...stats.summary import Comparison
from ...study.conditions import BLURB
from ...study.grid import Condition, Grid, Results, TaskColumn
from ...study.study import Study
from ...tables.paper import paper_number, paper_tables
from ...tables.score_table import PERCENT, cell_notes, cell_score, percent, percents
from ...tables.table import (
    HtmlCell,
    KeyFinding,
    Score,
    Table,
    describe_intervals,
    format_interval,
    format_signed,
    interval_lines,
    number_with_details,
)
from .grids import PAPER_LAYERS, removed_layers
from .savings import saved, share_of_seconds

PAPER = "table7"
DROP = "Performance drop"  # the paper's column
MATTERS, SMALL, SPARED, UNDECIDED = "depth matters", "a small drop", "depth hardly matters", "undecided"
VERDICTS = (MATTERS, SMALL, SPARED, UNDECIDED)
ANSWERS = {  # verdict -> how an answer says it
    MATTERS: "Depth matters", SMALL: "Depth matters a little", SPARED: "Depth hardly matters",
    UNDECIDED: "Whether depth matters is undecided",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What removal costs on one task or group; fractions, negative where it costs."""

    worst: float  # the lowest difference to full depth
    at: str  # the setting it belongs to
    over_seeds: Interval | None  # 95%, of the true worst
    over_examples: Interval | None
    half: Comparison | None  # half of the layers against all; 95% intervals of its own
    collapsed: bool = False  # every run at full depth has failed, so there is nothing to lose


def drops(results: Results) -> dict[str, Drop]:
    """Part -> drop, of parts that have runs at full depth and at another.

    The worst of several differences, each a little wrong, is worse than the truth more often than not. So its interval
    is made of those of all depths, each at a confidence so high that all hold at once (Bonferroni): where they do, the
    worst true difference lies between the lowest of their lower and the lowest of their upper bounds.
    """
    baseline, *cut = results.grid.levels
    (name,) = results.grid.groups
    found = {}
    for part in results.grid.columns:
        keys = {setting: Condition(name, setting, part.label) for setting in results.grid.levels}
        at_once = 1 - 0.05 / max(1, len(cut))
        compared = {s: results.compare(keys[s], keys[baseline], confidence=at_once) for s in cut}
        compared = {s: one for s, one in compared.items() if one is not None and one.difference is not None}
        if not compared:
            continue
        at = min(compared, key=lambda setting: compared[setting].difference)
        half = half_depth(results)
        found[part.label] = Drop(
            worst=compared[at].difference,
            at=at,
            over_seeds=_lowest([one.seed_interval for one in compared.values()]),
            over_examples=_lowest([one.example_interval for one in compared.values()]),
            half=results.compare(keys[half], keys[baseline]) if half else None,
            collapsed=results.summaries[keys[baseline]].failed == results.summaries[keys[baseline]].n,
        )
    return found


def _lowest(intervals: Sequence[Interval | None]) -> Interval | None:
    if None in intervals:
        return None
    return min(low for low, _ in intervals), min(high for _, high in intervals)


def half_depth(results: Results) -> str | None:
    """The setting that removes half of the layers, or the nearest to it; None where nothing is removed."""
    return min(
        results.grid.levels[1:], key=lambda setting: abs(_share(results.grid, setting) - Fraction(1, 2)), default=None
    )


def _share(grid: Grid, setting: str) -> Fraction:
    """The share of the layers that a setting removes."""
    (layers,) = grid.layers.values()
    return Fraction(removed_layers(grid, setting), layers)


def paper_column(grid: Grid, setting: str) -> str:
    """The paper's column of the same share of layers; '' where it has none."""
    column = str(_share(grid, setting) * PAPER_LAYERS)
    return column if column in paper_tables()[PAPER]["cells"] else ""


def pruning_table(results: Results, *, title: str) -> Table:
    """A row per task, a column per depth, the worst drop and the drop at half depth."""
    (name,) = results.grid.groups
    found, half = drops(results), half_depth(results)
    rows = []
    for part in results.grid.columns:
        cells = [_cell(results, Condition(name, setting, part.label)) for setting in results.grid.levels]
        rows.append((part.label, *cells, *_told(found.get(part.label), part)))
    columns = (
        "Task", *(f"{setting} removed" for setting in results.grid.levels), "Worst drop",
        f"Drop at half depth ({half})" if half else "Drop at half depth",
    )  # fmt: skip
    notes = [
        *cell_notes(results, PAPER),
        "Worst drop, as the paper defines it: the lowest difference to full depth over the removed depths, paired by "
        "seed. Its 95% intervals hold for all depths at once (Bonferroni), since the worst of several is picked after "
        "looking. Drop at half depth: one difference, with 95% intervals of its own.",
    ]
    unmatched = [setting for setting in results.grid.levels if not paper_column(results.grid, setting)]
    if unmatched:
        notes.append(f"The paper removes 0, 2, 4 and 6 of 12 layers; it has no number for {', '.join(unmatched)}.")
    return Table(title=title, columns=columns, rows=rows, caption=results.caption, notes=notes)


def _cell(results: Results, key: Condition) -> Score:
    cell = cell_score(results, key, paper=PAPER)
    column = paper_column(results.grid, key.level)
    return replace(cell, paper=paper_number(PAPER, column, key.column) if column else None)


def _told(drop: Drop | None, part: TaskColumn) -> tuple[HtmlCell | str, HtmlCell | str]:
    printed = paper_number(PAPER, DROP, part.label)
    paper = [f"paper {format_signed(printed)}"] if printed is not None else []
    if drop is None:
        return number_with_details(None, "–", paper), "–"
    both = interval_lines(percents(drop.over_seeds), percents(drop.over_examples))
    worst = number_with_details(drop.worst, f"{format_signed(percent(drop.worst))} at {drop.at}", [*both, *paper])
    half = drop.half
    if half is None:
        return worst, "–"
    both = interval_lines(percents(half.seed_interval), percents(half.example_interval))
    return worst, number_with_details(half.difference, format_signed(percent(half.difference)), both)


def group_results(study: Study, results: Results) -> Results:
    """The same runs, with BLURB's groups of tasks for parts: the mean over a group's tasks, seed by seed."""
    groups: dict[str, list[str]] = {}
    for task in study.tasks:
        groups.setdefault(task.group, []).append(task.name)
    return _by_parts(results, [TaskColumn(label=group, tasks=tuple(tasks)) for group, tasks in groups.items()])


def overall(study: Study, results: Results) -> Results:
    """The same runs, with one part: the BLURB score, or the mean of the tasks where they are not all of BLURB."""
    whole = next((part for part in results.grid.columns if part.label == BLURB), None)
    return _by_parts(
        results, [whole or TaskColumn(label="mean of the tasks", tasks=tuple(t.name for t in study.tasks))]
    )


def _by_parts(results: Results, parts: Sequence[TaskColumn]) -> Results:
    (name,) = results.grid.groups
    cells = {}
    for setting in results.grid.levels:
        for part in parts:
            runs = [run for task in part.tasks for run in results.grid.cells.get(Condition(name, setting, task), ())]
            cells |= {Condition(name, setting, part.label): tuple(runs)} if runs else {}
    return replace(results, grid=replace(results.grid, columns=tuple(parts), cells=cells))


def verdict(drop: Drop, *, margin: float) -> str:
    """Whether depth matters, by both intervals of the worst drop; `margin` in points."""
    if drop.collapsed or drop.over_seeds is None or drop.over_examples is None:
        return UNDECIDED
    falls = all(high < 0 for _, high in (drop.over_seeds, drop.over_examples))
    bounded = all(low > -margin / PERCENT for low, _ in (drop.over_seeds, drop.over_examples))
    if falls:
        return SMALL if bounded else MATTERS
    return SPARED if bounded else UNDECIDED


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
    said = MATTERS if beyond == len(printed) else SPARED if not beyond else f"{beyond} of {len(printed)} beyond it"
    worst, best = format_signed(min(printed)), format_signed(max(printed))
    return PaperDrops(said, worst if worst == best else f"{worst} to {best}")


def group_table(study: Study, results: Results, *, margin: float) -> Table:
    """Groups of tasks, and the tasks in them, by whether depth matters."""
    groups = group_results(study, results)
    by_group, by_task = drops(groups), drops(results)
    rows = []
    for part in groups.grid.columns:
        lines = [("mean of the group", by_group.get(part.label), part.tasks)] if len(part.tasks) > 1 else []
        lines += [(task, by_task.get(task), (task,)) for task in part.tasks]
        for label, drop, tasks in lines:
            told = ("–",) * 4 if drop is None else (
                f"{format_signed(percent(drop.worst))} at {drop.at}", format_interval(percents(drop.over_seeds)),
                format_interval(percents(drop.over_examples)), verdict(drop, margin=margin),
            )  # fmt: skip
            rows.append((part.label, label, *told, str(paper_verdict(tasks, margin=margin))))
    columns = ("Group", "Task", "Worst drop", "over seeds", "over examples", "Here", "The paper's drops")
    notes = [
        f"{MATTERS.capitalize()}: both 95% intervals of the worst drop lie below 0 (those of all depths hold at once). "
        f"{SPARED.capitalize()}: both lie above −{margin:g} points. Both at once: {SMALL}. Neither: {UNDECIDED}, as is "
        "whatever has a single seed, or has collapsed with every seed at full depth. The paper's drops are called by "
        "their size alone: beyond that margin or not."
    ]
    return Table(
        title="Where depth matters",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
    )


def pruning_answer(study: Study, results: Results, *, margin: float) -> KeyFinding:
    """Which groups of tasks need their top layers, and what removal saves at half depth."""
    half, groups = half_depth(results), group_results(study, results)
    found = {part: verdict(drop, margin=margin) for part, drop in drops(groups).items()}
    sentences = [
        f"{ANSWERS[said]}: {', '.join(part for part, own in found.items() if own == said)}."
        for said in VERDICTS
        if said in found.values()
    ]
    for part, drop in drops(overall(study, results)).items():
        if drop.half is None:  # its runs are still to come
            continue
        collapsed = [task for task, own in drops(results).items() if own.collapsed]
        within = f" ({', '.join(collapsed)} among them, where every run at full depth collapsed)" if collapsed else ""
        changed = share_of_seconds(results, half, results.grid.levels[0])
        sentences.append(
            f"Removing {half} layers changes the {part}{within} by {format_signed(percent(drop.half.difference))} ("
            f"{describe_intervals(percents(drop.half.seed_interval), percents(drop.half.example_interval))}), and the "
            f"seconds of a run by {saved(changed)} (median of pairs of one task and seed)."
        )
    return KeyFinding(question="Which tasks need the top layers?", sentences=sentences or ["Nothing has been run yet."])


def pruning_against_paper(study: Study, results: Results, *, margin: float) -> KeyFinding:
    """Verdicts by group beside what the paper's drops say."""
    sentences = []
    groups = group_results(study, results)
    for part, drop in drops(groups).items():
        ours = verdict(drop, margin=margin)
        theirs = paper_verdict(groups.column(part).tasks, margin=margin)
        outcome = "undecided here" if ours == UNDECIDED else "agrees" if _agrees(ours, theirs.verdict) else "differs"
        sentences.append(
            f"{part[0].upper()}{part[1:]}: the paper's drops are {theirs.span} ({theirs.verdict}); here the worst of "
            f"the group's mean is {format_signed(percent(drop.worst))} ("
            f"{describe_intervals(percents(drop.over_seeds), percents(drop.over_examples))}; {ours}): {outcome}."
        )
    return KeyFinding(question="Against the paper", sentences=sentences or ["No group has runs at two depths yet."])


def _agrees(ours: str, theirs: str) -> bool:
    return (ours == MATTERS) == (theirs != SPARED)


def paper_drops(study: Study) -> dict[str, list[tuple[float, float]]]:
    """Task -> (share of layers removed in percent, difference to full depth in points), as the paper prints them."""
    found = {}
    for task in (task.name for task in study.tasks):
        printed = {removed: paper_number(PAPER, str(removed), task) for removed in (0, 2, 4, 6)}
        if None not in printed.values():
            found[task] = [(100 * removed / PAPER_LAYERS, value - printed[0]) for removed, value in printed.items()]
    return found
