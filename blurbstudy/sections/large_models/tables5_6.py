"""Tables 5 and 6: LARGE encoders under each technique, then on all tasks with the best one, beside their BASE twins."""

from __future__ import annotations

from dataclasses import replace

from ...engine.sources.encoder_spec import PRETRAIN, read_pretrain_spec
from ...models import Architecture
from ...stats.intervals import holm
from ...stats.summary import Comparison
from ...study.conditions import BLURB
from ...study.grid import Condition, Results, TaskColumn
from ...study.study import Study
from ...tables.comparison_table import excludes_zero, format_p_value
from ...tables.paper import paper_number
from ...tables.score_table import PERCENT, cell_notes, cell_score, percent, percents
from ...tables.table import (
    Cell,
    HtmlCell,
    KeyFinding,
    RowHeader,
    Score,
    Table,
    describe_intervals,
    format_interval,
    format_number,
    format_signed,
    interval_lines,
    number_with_details,
)
from .grids import LARGE, NOT_ASKED, TWIN

PAPER = "table6"
DELTA = "delta BASE model"  # the paper's row


def large_table(study: Study, chosen: Results, *, title: str) -> Table:
    """Table 6: a row per task, a column per LARGE encoder, and the difference to the BASE twin below."""
    names = chosen.grid.levels
    rows: list[tuple[Cell, ...]] = [
        (part.label, *(_large_cell(study, chosen, name, part) for name in names)) for part in chosen.grid.columns
    ]
    if any(part.label == BLURB for part in chosen.grid.columns):
        rows.append(("Δ BASE twin, BLURB score", *(_delta(study, chosen, name) for name in names)))
    notes = cell_notes(chosen, PAPER)
    notes.insert(1, "Δ BASE twin: the BLURB score less that of the BASE twin on the same tasks, seeds and techniques, "
                    "paired by seed; 95% intervals.")  # fmt: skip
    return Table(title=title, columns=("Task", *names), rows=rows, caption=_large_only(chosen).caption, notes=notes)


def _large_cell(study: Study, chosen: Results, name: str, part: TaskColumn) -> Score:
    cell = cell_score(chosen, Condition(LARGE, name, part.label), paper=PAPER)
    cell = replace(cell, paper=paper_number(PAPER, name, part.label))
    given = study.encoder_specs[name] is not None
    return (
        replace(cell, state=NOT_ASKED)
        if given and Condition(LARGE, name, part.label) not in chosen.grid.cells
        else cell
    )


def _delta(study: Study, chosen: Results, name: str) -> HtmlCell:
    printed = paper_number(PAPER, name, DELTA)
    paper = [f"paper {format_signed(printed)}"] if printed is not None else []
    change = twin_comparison(chosen, name, BLURB)
    if change is None or change.difference is None:
        return number_with_details(None, "–", paper)
    both = interval_lines(percents(change.seed_interval), percents(change.example_interval))
    said = [f"to {study.parameters.counterparts[name]}", *both, *paper]
    return number_with_details(change.difference, format_signed(percent(change.difference)), said)


def _large_only(chosen: Results) -> Results:
    return chosen.select(groups=[LARGE], columns=chosen.grid.columns)


def twin_comparison(chosen: Results, name: str, part: str) -> Comparison | None:
    """A LARGE encoder less its BASE twin under the same techniques; None where one has no runs."""
    return chosen.compare(Condition(LARGE, name, part), Condition(TWIN, name, part))


def twin_comparisons(chosen: Results) -> dict[tuple[str, str], tuple[Comparison, float | None]]:
    """(LARGE encoder, part) -> comparison with its twin, and its p after Holm's correction over all of them."""
    found = {}
    for name in chosen.grid.levels:
        for part in chosen.grid.columns:
            change = twin_comparison(chosen, name, part.label)
            if change is not None and change.difference is not None:
                found[name, part.label] = change
    corrected = holm([change.p_seeds for change in found.values()])
    return {key: (change, p) for (key, change), p in zip(found.items(), corrected, strict=True)}


def twin_table(study: Study, chosen: Results) -> Table:
    """Task by task: the LARGE encoder, its BASE twin, and their difference."""
    twins, rows = study.parameters.counterparts, []
    for (name, part), (change, p) in twin_comparisons(chosen).items():
        means = [chosen.summaries[Condition(row, name, part)].mean for row in (LARGE, TWIN)]
        rows.append(
            (
                RowHeader(name, f"against {twins[name]}"),
                part,
                *(format_number(percent(mean)) for mean in means),
                format_signed(percent(change.difference)),
                format_interval(percents(change.seed_interval)),
                format_p_value(p),
                format_interval(percents(change.example_interval)),
                str(change.n_pairs),
            )
        )
    columns = (
        "Encoder",
        "Task",
        "LARGE",
        "BASE twin",
        "Difference",
        "over seeds",
        "p (Holm)",
        "over examples",
        "pairs",
    )
    without = [name for name in chosen.grid.levels if study.encoder_specs[name] is not None and name not in twins]
    notes = [
        "Difference: LARGE less BASE twin, both with the technique that LARGE takes on the task, times 100, paired by "
        f"seed; 95% intervals; p: paired t-test over seeds, Holm's correction over {len(rows)} comparisons.",
        *([f"No BASE twin is given for {', '.join(without)}."] if without else []),
    ]
    return Table(
        title="LARGE against BASE, with the same techniques",
        columns=columns,
        n_header_columns=2,
        caption=chosen.caption,
        rows=rows or [("not run", *("–" for _ in columns[1:]))],
        notes=notes,
    )


def large_answer(study: Study, chosen: Results) -> KeyFinding:
    """Whether size pays: the BLURB score against the BASE twin's, and on how many tasks it is decided."""
    sentences, compared = [], twin_comparisons(chosen)
    for name in chosen.grid.levels:
        own = {part: one for (large, part), one in compared.items() if large == name and part != BLURB}
        if not own:
            continue
        decided = [
            change.difference
            for change, p in own.values()
            if p is not None and p < 0.05 and excludes_zero(change.example_interval)
        ]
        better, worse = sum(d > 0 for d in decided), sum(d < 0 for d in decided)
        twin = study.parameters.counterparts[name]
        said = f"{name} against {twin} with the same techniques: better on {better}, worse on {worse} and undecided on "
        said += f"{len(own) - len(decided)} of {len(own)} tasks"
        whole, _ = compared.get((name, BLURB), (None, None))
        if whole is not None:
            said += (
                f"; BLURB score {format_signed(whole.difference * PERCENT)} ("
                f"{describe_intervals(percents(whole.seed_interval), percents(whole.example_interval))})"
            )
        sentences.append(f"{said}.")
    return KeyFinding(question="Is LARGE better than BASE?", sentences=sentences or ["Nothing has been run yet."])


def large_against_paper(study: Study, chosen: Results) -> KeyFinding:
    """The difference to BASE beside the paper's, encoder by encoder."""
    sentences = []
    for name in chosen.grid.levels:
        printed, change = paper_number(PAPER, name, DELTA), twin_comparison(chosen, name, BLURB)
        if printed is None or change is None or change.difference is None:
            continue
        clear = excludes_zero(change.seed_interval) and excludes_zero(change.example_interval)
        agree = "same direction" if printed * change.difference > 0 else "opposite direction"
        sentences.append(
            f"{name}, BLURB score against BASE: the paper {format_signed(printed)}, which fits no BASE score that it "
            f"prints; here {format_signed(change.difference * PERCENT)} against {study.parameters.counterparts[name]} "
            f"with the same techniques: {agree if clear else 'undecided here'}."
        )
    return KeyFinding(question="LARGE against BASE, beside the paper", sentences=sentences or ["No difference yet."])


def stand_in_table(study: Study) -> Table:
    """Which encoder fills each row of the paper's table, released or a substitute, and its BASE counterpart."""
    twins, rows = study.parameters.counterparts, []
    for name, spec in study.parameters.large_encoders.items():
        twin = twins.get(name)
        rows.append(
            (
                name,
                _given(study, name, spec),
                _shape(study, name),
                f"{twin}\n{_given(study, twin, study.encoder_specs[twin])}" if twin else "none given",
                _shape(study, twin) if twin else "–",
                study.encoder_notes.get(name, ""),
            )
        )
    columns = ("Row of the paper", "What it is here", "Shape", "BASE twin", "Shape of the twin", "Remark")
    notes = [
        "A stand-in takes a LARGE encoder's place where that is not at hand: a deeper and wider encoder of our own "
        "pretraining, or one pretrained on general-domain text. Its numbers say nothing of the encoder it stands for."
    ]
    stands = any(str(spec).startswith(PRETRAIN) for spec in study.parameters.large_encoders.values())
    return Table(title="Which encoder stands for which", columns=columns, rows=rows, caption=study.provenance,
                 notes=notes if stands else [])  # fmt: skip


def _given(study: Study, name: str, spec: str | None) -> str:
    if spec is None:
        return study.encoders[name]
    if not spec.startswith(PRETRAIN):
        return spec.rstrip("/").rsplit("/", 1)[-1].removeprefix("hub:")
    return f"stand-in, pretrained here: {read_pretrain_spec(name, spec).in_words}"


def _shape(study: Study, name: str) -> str:
    source = study.sources.encoders.get(name)
    if source is None:
        return "–"
    shape = Architecture(**source.architecture)
    return f"{shape.n_layers} layers of width {shape.width}\n{shape.n_parameters / 1e6:.3g} M parameters"
