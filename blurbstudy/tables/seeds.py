"""Agreement of seeds, and what their ensembles gain, as lines and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..stats.intervals import MIN_RUNS
from ..stats.seeds.best_of import BestOf
from ..stats.seeds.cells import seeds_of
from ..stats.seeds.consistency import Agreement
from ..stats.seeds.ensembles import Ensemble, Ensembles
from ..study.grid import Condition, Results
from ..training.run_record import RunRecord
from .formatting import format_count, format_interval, format_number, format_signed
from .score_table import percent, percents
from .table import NOT_RUN, Table, empty_row

ENSEMBLE_NOTE = (
    "An ensemble takes the mean probability or score of its runs, or their majority; its gain is against the mean "
    "score of the same runs one by one. Members are all runs that did not collapse, none is chosen by dev. Intervals "
    "over seeds and examples need two disjoint ensembles, so up to half of the runs; that of all runs is over test "
    "examples alone."
)


def agreement_line(found: Agreement) -> str:
    """Agreement of the runs of one cell in one line; scores times 100, Fleiss' kappa and ICC as they are."""
    if found.value is None:
        return f"agreement of seeds: none, {format_count(found.n, 'run')} did not collapse"
    parts = [f"{_value(found)} {_interval(found)} ({found.measure})"]
    if found.kappa is not None:
        interval = "(no interval)" if found.kappa_interval is None else format_interval(found.kappa_interval)
        parts.append(f"Fleiss' kappa {format_number(found.kappa)} {interval}")
    if found.all_right is not None:
        shares = (percent(share) for share in (found.all_right, found.some_right, found.none_right))
        words = (
            f"{format_number(share)} with {who}" for share, who in zip(shares, ("all", "some", "none"), strict=True)
        )
        parts.append(f"% of {found.items} right {', '.join(words)} of them")
    return f"agreement of {found.n} seeds{_left_out(found.collapsed)}: {'; '.join(parts)}"


def ensemble_lines(found: Ensembles) -> list[str]:
    """The ensembles of several runs, one line each; scores times 100."""
    return [
        f"ensemble of {one.size} ({found.method}): {format_number(percent(one.score))}, against "
        f"{format_number(percent(one.members))} of its runs one by one: {format_signed(percent(one.gain))} {_gain(one)}"
        for one in found.sizes
        if one.size > 1
    ]


def best_of_line(found: BestOf) -> str:
    """What choosing the best of several seeds by dev buys; '' where there are too few."""
    k = len(found.dev)
    if k < 2:
        return ""
    dev = f"dev {format_number(percent(found.dev[0]))} to {format_number(percent(found.dev[-1]))}"
    if found.test is None:
        return f"choosing the best of {k} seeds by dev instead of one: {dev}, in part by luck"
    test = f"test {format_number(percent(found.test[0]))} to {format_number(percent(found.test[-1]))}"
    return f"choosing the best of {k} seeds by dev instead of one: {dev}, {test}"


def results_seeds_table(results: Results) -> Table:
    """`seeds_table` of `seeds_cells`; folded."""
    cells = {
        condition.name: seeds_of(records, results.references[records[0].config.task])
        for condition, records in seeds_cells(results).items()
    }
    return replace(seeds_table(cells, caption=results.caption), folded=True)


def seeds_cells(results: Results) -> dict[Condition, list[RunRecord]]:
    """Every cell of one task, on the official split, with at least three runs."""
    cells = {}
    for condition in results.conditions():
        records = results.cell(condition)
        column = results.column(condition.column)
        if len(column.tasks) == 1 and column.splits is None and len(records) >= MIN_RUNS:
            cells[condition] = records
    return cells


def seeds_table(
    cells: Mapping[str, tuple[Agreement, Ensembles]],
    *,
    title: str = "Seeds: agreement and ensembles",
    caption: str = "",
    notes: Sequence[str] = (),
) -> Table:
    """A row per cell.

    Args:
        cells: name -> agreement and ensembles of its runs.
    """
    columns = ("Cell", "Runs", "Agreement", "Kappa", "Right with all", "with some", "with none", "Ensemble", "Gain")
    rows = [_row(name, *cell) for name, cell in cells.items()]
    measures = ", ".join(sorted({agreement.measure for agreement, _ in cells.values()}))
    return Table(
        title=title,
        columns=columns,
        rows=rows or [empty_row(columns, NOT_RUN)],
        caption=caption,
        notes=[
            f"Agreement{f': {measures}' * bool(measures)}; with 95% intervals over seeds and test examples, from three "
            "runs on and where they differ; shares in percent. Runs that collapsed are left out and counted.",
            f"Ensemble: of all runs. {ENSEMBLE_NOTE}",
            *notes,
        ],
    )


def _row(name: str, found: Agreement, together: Ensembles) -> tuple[str, ...]:
    runs = f"{found.n}{_left_out(found.collapsed)}"
    shares = [format_number(percent(share)) for share in (found.all_right, found.some_right, found.none_right)]
    value = "–" if found.value is None else f"{_value(found)} {_interval(found)}"
    whole = together.sizes[-1] if together.sizes else None
    score = "–" if whole is None else f"{format_number(percent(whole.score))} ({together.method})"
    gain = "–" if whole is None else f"{format_signed(percent(whole.gain))} {_gain(whole)}"
    return name, runs, value, format_number(found.kappa), *shares, score, gain


def _value(found: Agreement) -> str:
    return format_number(found.value if found.measure.startswith("ICC") else percent(found.value))


def _interval(found: Agreement) -> str:
    if found.interval is None:
        return "(no interval)"
    return format_interval(found.interval if found.measure.startswith("ICC") else percents(found.interval))


def _left_out(collapsed: int) -> str:
    return f" ({collapsed} collapsed, left out)" if collapsed else ""


def _gain(one: Ensemble) -> str:
    if one.interval is not None:
        return format_interval(percents(one.interval))
    if one.example_interval is not None:
        return f"{format_interval(percents(one.example_interval))} over test examples alone"
    return f"(no interval: {one.reason})"
