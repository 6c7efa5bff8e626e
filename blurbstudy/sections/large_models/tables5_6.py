"""Tables 5 and 6: LARGE encoders under each technique, and on all tasks with the best one, against BASE encoders."""

from __future__ import annotations

from dataclasses import replace

from ...engine.sources.encoder_spec import PRETRAIN, read_pretrain_spec
from ...stats.contrasts import Comparison
from ...study.conditions import BLURB
from ...study.decisions import Decision, Outcome, decide_family
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.comparison_table import DIFFERENCE_NOTE, NO_REMARK, ONE_SEED_DEMO, difference_cells, format_p_value
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.paper import shown_number
from ...tables.score_table import cell_caveats, cell_legend, cell_score, percent, percents
from ...tables.table import Cell, HtmlCell, KeyFinding, Remark, RowHeader, Score, Table, empty_row, number_with_details
from .grids import BASE_COUNTERPART, LARGE, NOT_REQUESTED, Parameters

PAPER = "table6"
DELTA = "delta BASE model"  # the paper's row


def large_table(study: Study[Parameters], chosen: Results, *, title: str) -> Table:
    """Table 6: a row per task, a column per LARGE encoder, and the difference from the BASE counterpart below."""
    names = chosen.grid.levels
    labels = [column.label for column in chosen.grid.columns]
    rows: list[tuple[Cell, ...]] = [
        (label, *(_large_cell(study, chosen, name, label) for name in names)) for label in labels
    ]
    if BLURB in labels:
        rows.append((f"Δ {BASE_COUNTERPART}, BLURB score", *(_delta(study, chosen, name) for name in names)))
    notes = cell_caveats(chosen)
    if BLURB in labels:
        notes.insert(
            1,
            f"Δ {BASE_COUNTERPART}: the BLURB score less that of the BASE counterpart on the same tasks, seeds and "
            f"techniques{', with its 95% interval' if chosen.decides else ''}.",
        )
    large = chosen.select(groups=[LARGE], columns=chosen.grid.columns)
    return Table(
        title=title,
        columns=("Task", *names),
        rows=rows,
        caption=large.caption,
        notes=notes,
        legend=cell_legend(chosen, PAPER),
    )


def _large_cell(study: Study[Parameters], chosen: Results, name: str, label: str) -> Score:
    condition = Condition(LARGE, name, label)
    score = replace(cell_score(chosen, condition, paper=PAPER), paper=shown_number(chosen, PAPER, name, label))
    if condition in chosen.grid.cells or study.encoder_specs[name] is None:
        return score
    return replace(score, state=NOT_REQUESTED)


def _delta(study: Study[Parameters], chosen: Results, name: str) -> HtmlCell:
    printed = shown_number(chosen, PAPER, name, DELTA)
    paper = [f"paper {format_signed(printed)}"] if printed is not None else []
    change = base_comparison(chosen, name, BLURB)
    if change is None or change.difference is None:
        return number_with_details(None, "–", paper)
    interval = change.reason if change.interval is None else f"95% {format_interval(percents(change.interval))}"
    details = [f"to {study.parameters.counterparts[name]}", interval, *paper]
    return number_with_details(change.difference, format_signed(percent(change.difference)), details)


def base_comparison(chosen: Results, name: str, column: str) -> Comparison | None:
    """A LARGE encoder less its BASE counterpart under the same techniques; None where one has no runs, or the tables no
    such column, as the BLURB score of some of the tasks.
    """
    if column not in (known.label for known in chosen.grid.columns):
        return None
    return chosen.compare(Condition(LARGE, name, column), Condition(BASE_COUNTERPART, name, column))


def base_decisions(chosen: Results) -> list[Decision]:
    """Every LARGE encoder against its counterpart on every column, with Holm's correction over all."""
    changes = {}
    for name in chosen.grid.levels:
        for column in chosen.grid.columns:
            change = base_comparison(chosen, name, column.label)
            if change is not None and change.difference is not None:
                changes[Condition(LARGE, name, column.label)] = change
    return list(decide_family(changes).values())


def base_table(study: Study[Parameters], chosen: Results) -> Table | Remark:
    """By task: the LARGE encoder, its BASE counterpart, and their difference."""
    if not chosen.decides:
        return ONE_SEED_DEMO
    counterparts, rows = study.parameters.counterparts, []
    for decision in base_decisions(chosen):
        _, name, column = decision.condition
        means = [chosen.summaries[Condition(size, name, column)].mean for size in (LARGE, BASE_COUNTERPART)]
        rows.append(
            (
                RowHeader(name, f"against {counterparts[name]}"),
                column,
                *(format_number(percent(mean)) for mean in means),
                *difference_cells(decision.comparison),
                format_p_value(decision.p),
                str(decision.comparison.n),
                decision.outcome.value,
            )
        )
    columns = (
        "Encoder", "Task", LARGE, BASE_COUNTERPART, "Difference", "95%", "80%", "p (Holm)", "seeds", "Here",
    )  # fmt: skip
    missing = [name for name in chosen.grid.levels if study.encoder_specs[name] and name not in counterparts]
    notes = [
        "Difference: LARGE less its BASE counterpart, both with the technique that LARGE takes on the task, times 100; "
        f"Holm's correction over {len(rows)} comparisons. Means of all runs, collapsed ones included. {DIFFERENCE_NOTE}"
    ]
    if missing:
        notes.append(f"No BASE counterpart is given for {', '.join(missing)}.")
    return Table(
        title="LARGE against BASE, with the same techniques",
        columns=columns,
        n_header_columns=2,
        caption=chosen.caption,
        rows=rows or [empty_row(columns)],
        notes=notes,
    )


def large_findings(study: Study[Parameters], chosen: Results) -> KeyFinding:
    """Whether size pays: the BLURB score against the BASE counterpart's, and how many tasks decide for either."""
    if not chosen.decides:
        return KeyFinding(
            question="Is LARGE better than BASE?", sentences=["One seed does not decide whether size pays."]
        )
    sentences, decisions = [], base_decisions(chosen)
    for name in chosen.grid.levels:
        mine = {decision.condition.column: decision for decision in decisions if decision.condition.level == name}
        by_task = [decision.outcome for column, decision in mine.items() if column != BLURB]
        if not by_task:
            continue
        better, worse = by_task.count(Outcome.BETTER), by_task.count(Outcome.WORSE)
        sentence = (
            f"{name} against {study.parameters.counterparts[name]} with the same techniques: better on {better}, worse "
            f"on {worse} and undecided on {len(by_task) - better - worse} of {len(by_task)} tasks"
        )
        if BLURB in mine:
            blurb = mine[BLURB].comparison
            interval = blurb.reason if blurb.interval is None else f"95% {format_interval(percents(blurb.interval))}"
            sentence += f"; BLURB score {format_signed(percent(blurb.difference))} ({interval})"
        sentences.append(f"{sentence}.")
    return KeyFinding(question="Is LARGE better than BASE?", sentences=sentences or ["Nothing has been run yet."])


def compare_large_with_paper(study: Study[Parameters], chosen: Results) -> KeyFinding | Remark:
    """The difference from BASE next to the paper's, encoder by encoder."""
    if not chosen.shows_paper:
        return NO_REMARK  # said of Table 5 above
    sentences = []
    for name in chosen.grid.levels:
        printed, change = shown_number(chosen, PAPER, name, DELTA), base_comparison(chosen, name, BLURB)
        if printed is None or change is None or change.difference is None:
            continue
        clear = change.p is not None and change.p < 0.05
        agree = "same direction" if printed * change.difference > 0 else "opposite direction"
        sentences.append(
            f"{name}, BLURB score against BASE: the paper {format_signed(printed)}, which fits none of its BASE "
            f"scores; here {format_signed(percent(change.difference))} against {study.parameters.counterparts[name]} "
            f"with the same techniques: {agree if clear else 'undecided here'}."
        )
    return KeyFinding(question="LARGE against BASE and the paper", sentences=sentences or ["No difference yet."])


def substitute_encoder_table(study: Study[Parameters]) -> Table:
    """Which encoder fills each row of the paper's table, released or a substitute, and its BASE counterpart."""
    counterparts, rows = study.parameters.counterparts, []
    for name, spec in study.parameters.large_encoders.items():
        base = counterparts.get(name)
        rows.append(
            (
                name,
                _describe_encoder(study, name, spec),
                _describe_shape(study, name),
                f"{base}\n{_describe_encoder(study, base, study.encoder_specs[base])}" if base else "none given",
                _describe_shape(study, base) if base else "–",
                study.encoder_notes.get(name, ""),
            )
        )
    columns = ("Row of the paper", "Encoder used here", "Shape", BASE_COUNTERPART, "Shape of the counterpart", "Note")
    notes = [
        "A substitute takes the place of a LARGE encoder that is not available: a deeper and wider encoder pretrained "
        "here, or one pretrained on general-domain text. Its numbers say nothing about the encoder it replaces."
    ]
    has_substitutes = any(str(spec).startswith(PRETRAIN) for spec in study.parameters.large_encoders.values())
    return Table(
        title="The encoder behind each row",
        columns=columns,
        rows=rows,
        caption=study.provenance,
        notes=notes if has_substitutes else [],
    )


def _describe_encoder(study: Study[Parameters], name: str, spec: str | None) -> str:
    if spec is None:
        return study.encoders[name]
    if not spec.startswith(PRETRAIN):
        return spec.rstrip("/").rsplit("/", 1)[-1].removeprefix("hub:")
    return f"substitute, pretrained here: {read_pretrain_spec(name, spec).description}"


def _describe_shape(study: Study[Parameters], name: str) -> str:
    source = study.sources.encoders.get(name)
    if source is None:
        return "–"
    shape = source.architecture
    return f"{shape.n_layers} layers of width {shape.width}\n{shape.n_parameters / 1e6:.3g} M parameters"
