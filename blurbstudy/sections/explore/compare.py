"""Two groups of runs compared: one test over seeds and test examples, and the rates of collapse."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from ...stats.contrasts import Comparison
from ...stats.counts import Counts, compare_rates
from ...stats.summary import compare
from ...study.decisions import Outcome, decide
from ...tables.comparison_table import DIFFERENCE_NOTE, difference_cells, format_p_value
from ...tables.figure import Stack, points_figure
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.score_table import percent, percents
from ...tables.table import Remark, Table
from .catalog import RunGroup, StoreCatalog
from .runs import group_points


def comparable_groups(catalog: StoreCatalog, first: RunGroup) -> list[RunGroup]:
    """Groups that can be compared with `first`: same task and data, at least one common seed."""
    groups = catalog.groups_of_data.get((first.task.name, first.data), [])
    return [group for group in groups if group.key != first.key and group.runs.keys() & first.runs.keys()]


def default_pair(catalog: StoreCatalog) -> tuple[RunGroup, RunGroup] | tuple[None, None]:
    """The initial pair, a setting and what it is compared with: of one encoder if possible, with the most common seeds,
    the one with fewer techniques last.
    """
    best, most = (None, None), (False, 0)
    ideal = (True, max((len(group.runs) for group in catalog.groups), default=0))
    for groups in catalog.groups_of_data.values():
        for first, second in permutations(groups, 2):
            common = len(first.runs.keys() & second.runs.keys())
            if common and (rank := (first.encoder == second.encoder, common)) > most:
                best, most = (second, first), rank
                if most == ideal:
                    return best
    return best


def compare_groups(catalog: StoreCatalog, first: RunGroup | None, second: RunGroup | None) -> Stack | Remark:
    """The first group minus the second."""
    if not catalog.groups:
        return catalog.empty
    if first is None or second is None:
        return Remark(text="No two settings of this store share a task and a seed, so there is nothing to compare.")
    if second not in comparable_groups(catalog, first):
        return Remark(text=f"{first.title} and {second.title} share no task and seed. Select two that do.")
    comparison = compare([[catalog.records(group) for group in (first, second)]], catalog.references(first))
    collapsed = [catalog.n_collapsed(group) for group in (first, second)]
    runs = [len(group.runs) for group in (first, second)]
    rates = compare_rates([Counts(collapsed[0], runs[0], collapsed[1], runs[1])])
    names = [_label(group, both=(first, second)) for group in (first, second)]
    shared = f", {first.encoder}" if first.encoder == second.encoder else ""
    columns = ("Difference", "95%", "80%", "p", "Seeds", "Collapsed", "Difference in points, 95%", "p")
    row = (
        *difference_cells(comparison),
        format_p_value(comparison.p),
        str(comparison.n),
        f"{collapsed[0]} of {runs[0]} against {collapsed[1]} of {runs[1]}",
        "–"
        if rates is None
        else f"{format_signed(percent(rates.difference))}\n{format_interval(percents(rates.interval))}",
        format_p_value(None if rates is None else rates.p),
    )
    sentence = verdict(comparison, *names, all_collapsed=collapsed == runs)
    table = Table(
        title=f"{first.task.name}{shared}: {names[0]} against {names[1]}",
        columns=columns,
        rows=[row],
        caption=catalog.caption([first, second]),
        notes=[
            f"Test scores times 100; positive: the first is better. {DIFFERENCE_NOTE} Rates of collapse: "
            "Boschloo's exact test. Both p are for this one comparison. They are not valid if you try many pairs "
            "and report the best; the tables of the study correct for that (Holm)."
        ],
    )
    sides = [replace(group_points(catalog, g), label=name) for g, name in zip((first, second), names, strict=True)]
    figure = points_figure(
        {first.task.name: sides}, title="The two settings, seed by seed", paired=True, caption=table.caption
    )
    return Stack(parts=[Remark(sentence, kind="verdict"), table, figure])


def _label(group: RunGroup, *, both: tuple[RunGroup, RunGroup]) -> str:
    return group.name if both[0].encoder == both[1].encoder else f"{group.encoder}, {group.name}"


def verdict(comparison: Comparison, first: str, second: str, *, all_collapsed: bool = False) -> str:
    """Better or worse by the test over seeds and examples; otherwise why it is undecided."""
    if comparison.difference is None:
        return "Undecided: no seed has a score on both sides."
    if all_collapsed:
        return "Undecided: every run of both settings collapsed."
    outcome = decide(comparison, comparison.p)
    if outcome is Outcome.NOT_JUDGED:
        return f"Undecided: {comparison.reason}."
    known = f"95% {format_interval(percents(comparison.interval), 1)}, over seeds and test examples"
    interval = comparison.reason if comparison.interval is None else known
    if outcome.decided:
        by = format_number(percent(abs(comparison.difference)), 1)
        return f"{first} is {outcome.value} than {second} by {by} ({interval})."
    difference = format_signed(percent(comparison.difference), 1)
    return (
        f"Undecided: {first} minus {second} is {difference} ({interval}). 80% of such studies "
        f"would decide a difference of {format_number(percent(comparison.detectable), 1)}."
    )
