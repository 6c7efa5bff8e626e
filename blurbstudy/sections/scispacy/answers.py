"""What Tables 10 and 11 show, compared with the paper, and both tables in one figure."""

from __future__ import annotations

from collections.abc import Mapping

from ...baselines import MODELS
from ...stats.intervals import holm
from ...study.decisions import decide
from ...study.grid import Condition, Results
from ...tables.chart import BLUE, PAPER, SOFT, VERMILION, Key, Panel
from ...tables.comparison_table import ONE_SEED_DEMO
from ...tables.figure import Figure
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.paper import AGAINST_PAPER, NOT_COMPARED, paper_number, shown_number
from ...tables.scale import Scale
from ...tables.score_table import PERCENT, percent, percents
from ...tables.table import KeyFinding
from .grids import FINE_TUNED, MEAN
from .scores import RELAXED, STRICT, Baselines, Gap, by_table, gap, is_released, paper_column
from .tables10_11 import describe_models

QUESTION = "How far is fine-tuning ahead of an off-the-shelf tool?"
Pair = tuple[float, float]  # by exact boundaries, and by overlap; in percent


def scispacy_answer(baselines: Baselines, results: Results) -> KeyFinding:
    """The gap by exact boundaries, and how much of it remains by overlap."""
    sentences = [_describe_versions(baselines)] if baselines.predictions else []
    if not results.decides:
        return KeyFinding(question=QUESTION, sentences=[*sentences, ONE_SEED_DEMO.text])
    tables = by_table(results)
    for encoder in results.grid.groups:
        gaps = _gaps_by_column(baselines, tables, encoder)
        selected = {MEAN: gaps[MEAN]} if MEAN in gaps else gaps
        corrected = iter(holm([gap.comparison.p for pair in selected.values() for gap in pair]))
        for column, (exact, overlap) in selected.items():
            change = "shrinks" if abs(overlap.difference) < abs(exact.difference) else "does not shrink"
            sets = column if column != MEAN else "mean of the five sets"
            sentences.append(
                f"{encoder} against the better of scispaCy's models, {sets}: by exact boundaries "
                f"{_describe_gap(exact, next(corrected))}. By overlap {_describe_gap(overlap, next(corrected))}. The "
                f"difference {change}."
            )
    return KeyFinding(question=QUESTION, sentences=sentences or ["Nothing has been run yet."])


def _describe_versions(baselines: Baselines) -> str:
    released = [name for name, predictions in baselines.predictions.items() if is_released(predictions)]
    retrained = [name for name in baselines.predictions if name not in released]
    models = [f"{' and '.join(released)} as released"] if released else []
    if retrained:
        models.append(f"{' and '.join(retrained)} retrained with the published configuration, without word vectors")
    return f"scispaCy's models: {'; '.join(models)}."


def _gaps_by_column(baselines: Baselines, tables: Mapping[str, Results], encoder: str) -> dict[str, tuple[Gap, Gap]]:
    """Column -> gap by exact boundaries and by overlap, where both can be computed."""
    gaps = {}
    for column in baselines.columns:
        exact, overlap = (
            gap(baselines, tables[table], table=table, encoder=encoder, column=column) for table in (STRICT, RELAXED)
        )
        if exact is not None and overlap is not None:
            gaps[column] = (exact, overlap)
    return gaps


def _describe_gap(gap: Gap, p: float | None) -> str:
    """The outcome with this corrected p, the difference and its interval."""
    change = gap.comparison
    interval = change.reason if change.interval is None else f"95% {format_interval(percents(change.interval))}"
    return f"{decide(change, p).value}, {format_signed(gap.difference * PERCENT)} ({interval})"


def scispacy_against_paper(baselines: Baselines, results: Results) -> KeyFinding:
    """scispaCy's columns and the gaps compared with the paper's."""
    if not results.shows_paper:
        return NOT_COMPARED
    sentences, tables = [], by_table(results)
    for model in MODELS:
        for table, how in ((STRICT, "exact"), (RELAXED, "overlap")):
            differences = _differences_to_paper(baselines, model.name, table)
            if differences:
                listed = ", ".join(f"{column} {format_signed(value)}" for column, value in differences.items())
                sentences.append(f"scispaCy {model.name}, {how}: ours minus the paper's: {listed}.")
    for encoder in results.grid.groups:
        for column, (exact, overlap) in _gaps_by_column(baselines, tables, encoder).items():
            if exact.paper is not None and overlap.paper is not None:
                sentences.append(
                    f"{encoder} minus scispaCy max, {column}: exact {_compare_with_printed(exact, exact.paper)}; "
                    f"overlap {_compare_with_printed(overlap, overlap.paper)}."
                )
    unprinted = [name for name in results.grid.groups if paper_number(STRICT, paper_column(name), MEAN) is None]
    sentences += [f"The paper has no column for {name}." for name in unprinted]
    return KeyFinding(question=AGAINST_PAPER, sentences=sentences or ["No comparison has both numbers yet."])


def _compare_with_printed(gap: Gap, printed: float) -> str:
    agreement = "undecided here"
    if decide(gap.comparison, gap.comparison.p).decided:
        agreement = "same direction" if printed * gap.difference > 0 else "opposite direction"
    return f"{format_signed(printed)} in the paper, {format_signed(gap.difference * PERCENT)} here, {agreement}"


def _differences_to_paper(baselines: Baselines, name: str, table: str) -> dict[str, float]:
    differences = {}
    for column in baselines.columns:
        score, printed = baselines.score(table, name, column), paper_number(table, f"scispaCy {name}", column)
        if score is not None and printed is not None:
            differences[column] = score.score * PERCENT - printed
    return differences


def overlap_figure(baselines: Baselines, results: Results, *, title: str) -> Figure:
    """Every system on every set: from exact boundaries (filled) to overlap (hollow), the paper's two numbers below."""
    models = {f"scispaCy {model.name}": model.name for model in MODELS}
    systems, tables = [*models, *results.grid.groups], by_table(results)
    pairs = {  # (column, system) -> ours, the paper's
        (column, system): (
            _baseline_pair(baselines, models[system], column)
            if system in models
            else _encoder_pair(tables, system, column),
            _pair(*(shown_number(results, table, paper_column(system), column) for table in tables)),
        )
        for column in baselines.columns
        for system in systems
    }
    ours = [score for pair, _ in pairs.values() for score in pair or ()]
    across = Scale.around(ours, otherwise=(0, 100))
    panels, descriptions = [], []
    for column in baselines.columns:
        panel = Panel(title=column, x=across, rows=systems, row=36)
        for row, system in enumerate(systems):
            pair, printed = pairs[column, system]
            if pair:
                _draw_pair(
                    panel,
                    pair,
                    panel.row_at(row) - 6 * bool(printed),
                    VERMILION if system in models else BLUE,
                    shape="dot",
                )
                exact, overlap = map(format_number, pair)
                descriptions.append(f"{column}, {system}: {exact} exact, {overlap} overlap.")
            else:
                panel.text(panel.box_left + 8, panel.row_at(row) + 4, _without(tables, system, column), color=SOFT)
            if printed:
                _draw_pair(panel, printed, panel.row_at(row) + 8, PAPER, shape="diamond")
        panel.axis_across("test F1 × 100")
        panels.append(panel)
    present = {system for (_, system), (pair, _) in pairs.items() if pair}
    keys = [
        (Key("scispaCy", VERMILION, "dot", dash=""), present & {*models}),
        (Key("fine-tuned, mean over seeds", BLUE, "dot", dash=""), present - {*models}),
        (Key("exact boundaries", SOFT, "dot"), present),
        (Key("overlap", SOFT, "dot", hollow=True), present),
        (Key("the paper (an arrow: beyond the axis)", PAPER, "diamond", dash=""), any(p for _, p in pairs.values())),
    ]
    return Figure(
        title=title,
        alt="F1 by exact boundaries and by overlap. " + " ".join(descriptions),
        panels=panels,
        keys=[key for key, occurs in keys if occurs],
        reading="The longer a line, the more of a system's errors are boundaries alone. All panels have one axis.",
        caption=f"{results.caption} · {describe_models(baselines)}",
    )


def _baseline_pair(baselines: Baselines, name: str, column: str) -> Pair | None:
    scores = (baselines.score(table, name, column) for table in (STRICT, RELAXED))
    return _pair(*(None if score is None else score.score * PERCENT for score in scores))


def _without(tables: Mapping[str, Results], encoder: str, column: str) -> str:
    """Why an encoder has no mean."""
    ran = any(Condition(encoder, FINE_TUNED, column) in results.summaries for results in tables.values())
    return "collapsed" if ran else "no runs"


def _encoder_pair(tables: Mapping[str, Results], encoder: str, column: str) -> Pair | None:
    summaries = (results.summaries.get(Condition(encoder, FINE_TUNED, column)) for results in tables.values())
    return _pair(*(None if summary is None else percent(summary.noncollapsed_mean) for summary in summaries))


def _pair(exact: float | None, overlap: float | None) -> Pair | None:
    return None if exact is None or overlap is None else (exact, overlap)


def _draw_pair(panel: Panel, pair: Pair, y: float, color: str, *, shape: str) -> None:
    """Exact filled, overlap hollow; beyond the axis an arrow."""
    inside = [value for value in pair if value in panel.x]
    panel.line([(panel.across(min(max(value, panel.x.low), panel.x.high)), y) for value in pair], color, width=1.6)
    for value in pair:
        if value in inside:
            panel.mark(shape, panel.across(value), y, color, hollow=value == pair[1], tip=format_number(value))
        else:
            panel.beyond(value, y, color)
