"""Tables 5 and 6: LARGE encoders under each technique, and on all tasks with the best one, against BASE encoders."""

from __future__ import annotations

from dataclasses import replace

from ...engine.sources.encoder_spec import PRETRAIN, read_pretrain_spec
from ...stats.intervals import holm
from ...stats.summary import Comparison
from ...study.conditions import BLURB
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.comparison_table import excludes_zero, format_p_value
from ...tables.formatting import describe_intervals, format_interval, format_number, format_signed, interval_lines
from ...tables.paper import paper_number
from ...tables.score_table import cell_notes, cell_score, percent, percents
from ...tables.table import Cell, HtmlCell, KeyFinding, RowHeader, Score, Table, empty_row, number_with_details
from .grids import BASE_COUNTERPART, LARGE, NOT_REQUESTED, Parameters

PAPER = "table6"
DELTA = "delta BASE model"  # the paper's row


def large_table(study: Study[Parameters], chosen: Results, *, title: str) -> Table:
    """Table 6: a row per task, a column per LARGE encoder, and the difference to the BASE counterpart below."""
    names = chosen.grid.levels
    labels = [column.label for column in chosen.grid.columns]
    rows: list[tuple[Cell, ...]] = [
        (label, *(_large_cell(study, chosen, name, label) for name in names)) for label in labels
    ]
    if BLURB in labels:
        rows.append((f"Δ {BASE_COUNTERPART}, BLURB score", *(_delta(study, chosen, name) for name in names)))
    notes = cell_notes(chosen, PAPER)
    notes.insert(
        1,
        f"Δ {BASE_COUNTERPART}: the BLURB score less that of the BASE counterpart on the same tasks, seeds and "
        "techniques, paired by seed; 95% intervals.",
    )
    large = chosen.select(groups=[LARGE], columns=chosen.grid.columns)
    return Table(title=title, columns=("Task", *names), rows=rows, caption=large.caption, notes=notes)


def _large_cell(study: Study[Parameters], chosen: Results, name: str, label: str) -> Score:
    condition = Condition(LARGE, name, label)
    score = replace(cell_score(chosen, condition, paper=PAPER), paper=paper_number(PAPER, name, label))
    if condition in chosen.grid.cells or study.encoder_specs[name] is None:
        return score
    return replace(score, state=NOT_REQUESTED)


def _delta(study: Study[Parameters], chosen: Results, name: str) -> HtmlCell:
    printed = paper_number(PAPER, name, DELTA)
    paper = [f"paper {format_signed(printed)}"] if printed is not None else []
    change = base_comparison(chosen, name, BLURB)
    if change is None or change.difference is None:
        return number_with_details(None, "–", paper)
    intervals = interval_lines(percents(change.seed_interval), percents(change.example_interval))
    details = [f"to {study.parameters.counterparts[name]}", *intervals, *paper]
    return number_with_details(change.difference, format_signed(percent(change.difference)), details)


def base_comparison(chosen: Results, name: str, column: str) -> Comparison | None:
    """A LARGE encoder less its BASE counterpart under the same techniques; None where one has no runs."""
    return chosen.compare(Condition(LARGE, name, column), Condition(BASE_COUNTERPART, name, column))


def base_comparisons(chosen: Results) -> dict[tuple[str, str], tuple[Comparison, float | None]]:
    """(LARGE encoder, task column) -> comparison with its counterpart, and its p after Holm's correction over all."""
    changes = {}
    for name in chosen.grid.levels:
        for column in chosen.grid.columns:
            change = base_comparison(chosen, name, column.label)
            if change is not None and change.difference is not None:
                changes[name, column.label] = change
    corrected = holm([change.p_seeds for change in changes.values()])
    return {key: (change, p) for (key, change), p in zip(changes.items(), corrected, strict=True)}


def base_table(study: Study[Parameters], chosen: Results) -> Table:
    """By task: the LARGE encoder, its BASE counterpart, and their difference."""
    counterparts, rows = study.parameters.counterparts, []
    for (name, column), (change, p) in base_comparisons(chosen).items():
        means = [chosen.summaries[Condition(size, name, column)].mean for size in (LARGE, BASE_COUNTERPART)]
        rows.append(
            (
                RowHeader(name, f"against {counterparts[name]}"),
                column,
                *(format_number(percent(mean)) for mean in means),
                format_signed(percent(change.difference)),
                format_interval(percents(change.seed_interval)),
                format_p_value(p),
                format_interval(percents(change.example_interval)),
                str(change.n_pairs),
            )
        )
    columns = (
        "Encoder", "Task", LARGE, BASE_COUNTERPART, "Difference", "over seeds", "p (Holm)", "over examples", "pairs",
    )  # fmt: skip
    missing = [name for name in chosen.grid.levels if study.encoder_specs[name] and name not in counterparts]
    notes = [
        "Difference: LARGE less its BASE counterpart, both with the technique that LARGE takes on the task, times 100, "
        f"paired by seed; 95% intervals; p: paired t-test over seeds, Holm's correction over {len(rows)} comparisons."
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
    sentences, compared = [], base_comparisons(chosen)
    for name in chosen.grid.levels:
        by_task = [compared[key] for key in compared if key[0] == name and key[1] != BLURB]
        if not by_task:
            continue
        decided = [
            change.difference
            for change, p in by_task
            if change.difference is not None and p is not None and p < 0.05 and excludes_zero(change.example_interval)
        ]
        better, worse = sum(d > 0 for d in decided), sum(d < 0 for d in decided)
        sentence = (
            f"{name} against {study.parameters.counterparts[name]} with the same techniques: better on {better}, worse "
            f"on {worse} and undecided on {len(by_task) - len(decided)} of {len(by_task)} tasks"
        )
        if (name, BLURB) in compared:
            blurb, _ = compared[name, BLURB]
            intervals = describe_intervals(percents(blurb.seed_interval), percents(blurb.example_interval))
            sentence += f"; BLURB score {format_signed(percent(blurb.difference))} ({intervals})"
        sentences.append(f"{sentence}.")
    return KeyFinding(question="Is LARGE better than BASE?", sentences=sentences or ["Nothing has been run yet."])


def compare_large_with_paper(study: Study[Parameters], chosen: Results) -> KeyFinding:
    """The difference to BASE next to the paper's, encoder by encoder."""
    sentences = []
    for name in chosen.grid.levels:
        printed, change = paper_number(PAPER, name, DELTA), base_comparison(chosen, name, BLURB)
        if printed is None or change is None or change.difference is None:
            continue
        clear = excludes_zero(change.seed_interval) and excludes_zero(change.example_interval)
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
