"""Agreement of seeds, and what their ensembles gain, as lines and as a table."""

from __future__ import annotations

from collections.abc import Mapping

from ..stats.intervals import MIN_RUNS
from ..stats.seeds.best_of import BestOf
from ..stats.seeds.cells import seeds_of
from ..stats.seeds.consistency import Agreement
from ..stats.seeds.ensembles import Ensemble, Ensembles
from ..study.grid import Condition, Results
from ..training.run_record import RunRecord
from .formatting import format_interval, format_number, format_signed
from .score_table import percent, percents
from .table import NOT_RUN, Table, empty_row

ENSEMBLE_NOTE = (
    "An ensemble takes the mean probability or score of its runs, or their majority; its gain is against the mean "
    "score of the same runs one by one. Members are all runs that did not collapse, none is chosen by dev. Intervals "
    "over seeds and examples need two disjoint ensembles, so up to half of the runs; that of all runs is over test "
    "examples alone."
)


def agreement_line(agreement: Agreement) -> str:
    """Agreement of the runs of one cell in one line; scores times 100, Fleiss' kappa and ICC as they are."""
    if agreement.value is None:
        return f"agreement of seeds: none, it needs two runs that did not collapse (here: {agreement.n})"
    parts = [f"{_value(agreement)} {_interval(agreement)} ({agreement.measure})"]
    if agreement.kappa is not None:
        interval = "(no interval)" if agreement.kappa_interval is None else format_interval(agreement.kappa_interval)
        parts.append(f"Fleiss' kappa {format_number(agreement.kappa)} {interval}")
    if agreement.all_right is not None:
        shares = (percent(share) for share in (agreement.all_right, agreement.some_right, agreement.none_right))
        words = (
            f"{format_number(share)} with {who}" for share, who in zip(shares, ("all", "some", "none"), strict=True)
        )
        parts.append(f"% of {agreement.items} right {', '.join(words)} of them")
    return f"agreement of {agreement.n} seeds{_left_out(agreement.collapsed)}: {'; '.join(parts)}"


def ensemble_lines(ensembles: Ensembles) -> list[str]:
    """The ensembles of several runs, one line each; scores times 100."""
    return [
        f"ensemble of {e.size} ({ensembles.method}): {format_number(percent(e.score))}, against "
        f"{format_number(percent(e.members))} of its runs one by one: {format_signed(percent(e.gain))} {_gain(e)}"
        for e in ensembles.sizes
        if e.size > 1
    ]


def best_of_line(best: BestOf) -> str:
    """What choosing the best of several seeds by dev buys; '' where there are too few."""
    k = len(best.dev)
    if k < 2:
        return ""
    dev = f"dev {format_number(percent(best.dev[0]))} to {format_number(percent(best.dev[-1]))}"
    if best.test is None:
        return f"choosing the best of {k} seeds by dev instead of one: {dev}, in part by luck"
    test = f"test {format_number(percent(best.test[0]))} to {format_number(percent(best.test[-1]))}"
    return f"choosing the best of {k} seeds by dev instead of one: {dev}, {test}"


def results_seeds_table(results: Results) -> Table:
    """`seeds_table` of `seeds_cells`."""
    cells = {
        condition.name: seeds_of(records, results.references[records[0].config.task])
        for condition, records in seeds_cells(results).items()
    }
    return seeds_table(cells, caption=results.caption)


def seeds_cells(results: Results) -> dict[Condition, list[RunRecord]]:
    """Every cell of one task, on the official split, with at least three runs."""
    cells = {}
    for condition in results.conditions():
        records = results.cell(condition)
        column = results.column(condition.column)
        if len(column.tasks) == 1 and column.splits is None and len(records) >= MIN_RUNS:
            cells[condition] = records
    return cells


def seeds_table(cells: Mapping[str, tuple[Agreement, Ensembles]], *, caption: str = "") -> Table:
    """A row per cell. `cells`: name -> agreement and ensembles of its runs."""
    columns = ("Cell", "Runs", "Agreement", "Kappa", "Right with all", "with some", "with none", "Ensemble", "Gain")
    rows = [_row(name, *cell) for name, cell in cells.items()]
    measures = ", ".join(sorted({agreement.measure for agreement, _ in cells.values()}))
    return Table(
        title="Seeds: agreement and ensembles",
        folded=True,
        columns=columns,
        rows=rows or [empty_row(columns, NOT_RUN)],
        caption=caption,
        notes=[
            f"Agreement{f': {measures}' * bool(measures)}; with 95% intervals over seeds and test examples, from three "
            "runs on and where they differ; shares in percent. Runs that collapsed are left out and counted.",
            f"Ensemble: of all runs. {ENSEMBLE_NOTE}",
        ],
    )


def _row(name: str, agreement: Agreement, ensembles: Ensembles) -> tuple[str, ...]:
    runs = f"{agreement.n}{_left_out(agreement.collapsed)}"
    shares = [
        format_number(percent(share)) for share in (agreement.all_right, agreement.some_right, agreement.none_right)
    ]
    value = "–" if agreement.value is None else f"{_value(agreement)} {_interval(agreement)}"
    full = ensembles.sizes[-1] if ensembles.sizes else None
    score = "–" if full is None else f"{format_number(percent(full.score))} ({ensembles.method})"
    gain = "–" if full is None else f"{format_signed(percent(full.gain))} {_gain(full)}"
    return name, runs, value, format_number(agreement.kappa), *shares, score, gain


def _value(agreement: Agreement) -> str:
    return format_number(agreement.value if agreement.measure.startswith("ICC") else percent(agreement.value))


def _interval(agreement: Agreement) -> str:
    if agreement.interval is None:
        return "(no interval)"
    return format_interval(agreement.interval if agreement.measure.startswith("ICC") else percents(agreement.interval))


def _left_out(collapsed: int) -> str:
    return f" ({collapsed} collapsed, left out)" if collapsed else ""


def _gain(ensemble: Ensemble) -> str:
    if ensemble.interval is not None:
        return format_interval(percents(ensemble.interval))
    if ensemble.example_interval is not None:
        return f"{format_interval(percents(ensemble.example_interval))} over test examples alone"
    return f"(no interval: {ensemble.reason})"
