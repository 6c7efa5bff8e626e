"""Table 2 and what belongs to it: pretraining objectives side by side, and segment ids crossed with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...config import Recipe
from ...stats.intervals import holm
from ...stats.summary import CellSummary, Comparison, interaction
from ...study.grid import ROW, CellKey, Grid, Part, Results
from ...study.parts import BLURB, blurb_parts
from ...study.study import Study
from ...tables.comparison_table import comparisons, direction, few_or_counted, p_value
from ...tables.paper import paper_notes
from ...tables.score_table import (
    PERCENT,
    cell_notes,
    cell_score,
    listed,
    paper_score,
    percent,
    percents,
    run_ids,
    seed_notes,
)
from ...tables.table import Answer, Table, both_intervals, interval, number, signed

CLOSELY = ("BIOSSES", "PubMedQA", "BioASQ", BLURB)  # where the paper's text says most


def objective_grid(study: Study, bases: Mapping[str, Recipe]) -> Grid:
    """Every encoder on every task by one recipe a task, laid out with encoders as the settings that are compared."""
    grid = study.grid({ROW: []}, bases=bases, parts=blurb_parts(study))
    return replace(
        grid,
        encoders={ROW: ""},
        settings=tuple(grid.encoders),
        recipes={("every objective", task): recipe for (_, task), recipe in grid.recipes.items()},
        cells={CellKey(ROW, key.encoder, key.part): configs for key, configs in grid.cells.items()},
        absent={name: why for name, why in grid.encoders.items() if why},
    )


def objective_table(results: Results, *, title: str, paper: str = "table2") -> Table:
    """A row per task, a column per objective, the paper's number in each cell."""
    names = results.grid.settings
    rows = [
        (
            part.label,
            *(cell_score(results, CellKey(ROW, name, part.label), paper=paper) for name in names),
        )
        for part in results.grid.parts
    ]
    notes = cell_notes(results, paper)
    if any(part.label == BLURB for part in results.grid.parts):
        notes.insert(1, "BLURB score: the mean over six groups of tasks of the mean within each, seed by seed; failed: "
                        "seeds with a collapsed run in any task.")  # fmt: skip
    return Table(title=title, columns=("Task", *results.grid.settings), rows=rows, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def means_table(results: Results, *, title: str) -> Table:
    """Table 2 at a glance: means alone, with how many runs have failed."""
    rows = []
    for part in results.grid.parts:
        cells = []
        for name in results.grid.settings:
            summary = results.summaries.get(CellKey(ROW, name, part.label))
            mean = None if summary is None or summary.mean is None else summary.mean * PERCENT
            failed = f" ×{summary.failed}" if summary is not None and summary.failed else ""
            cells.append(f"{number(mean)}{failed}")
        rows.append((part.label, *cells))
    notes = ["Means over seeds, times 100; ×n: so many of its seeds failed on dev. Means alone rank nothing: the table "
             "below has their uncertainty."]  # fmt: skip
    return Table(title=title, columns=("Task", *results.grid.settings), rows=rows, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def learned_answer(results: Results) -> Answer:
    """Which tasks are learned at all at this scale: what a comparison on the others is worth."""
    found: dict[str, list[str]] = {"in every run": [], "in some runs": [], "in no run": []}
    for part in results.grid.parts:
        summaries = [results.summaries[key] for key in results.cell_keys(parts=[part]) if key in results.summaries]
        runs, failed = sum(s.n for s in summaries), sum(s.failed for s in summaries)
        if runs and part.label != BLURB:
            where = "in every run" if not failed else "in no run" if failed == runs else "in some runs"
            found[where].append(part.label if where != "in some runs" else f"{part.label} ({runs - failed} of {runs})")
    said = [f"Credibly better than the trivial answer on dev {where}: {', '.join(names)}."
            for where, names in found.items() if names]  # fmt: skip
    if found["in no run"]:
        said.append(
            "Where no run is, differences say nothing of the objectives: it takes more data, or a larger encoder."
        )
    return Answer(question="Which tasks are learned at this scale?", sentences=said or ["Nothing has been run yet."])


def objectives_against_paper(results: Results, *, baseline: str, paper: str = "table2") -> Answer:
    """Differences to the baseline beside the paper's: each where its text says most, counted elsewhere."""
    closely, counted = [], Counter()
    for key, (comparison, _) in comparisons(results, baseline=baseline).items():
        part = results.part(key.part)
        theirs = [paper_score(paper, k, part) for k in (key, key._replace(setting=baseline))]
        if None in theirs or comparison.difference is None:
            continue
        printed = theirs[0] - theirs[1]
        outcome = direction(results, key, comparison, baseline=baseline, printed=printed)
        if key.part not in CLOSELY:
            counted[outcome] += 1
            continue
        both = both_intervals(percents(comparison.seed_interval), percents(comparison.example_interval))
        said = (
            f"{key.part}, {key.setting} against {baseline}: the paper {signed(printed)}, here "
            f"{signed(comparison.difference * PERCENT)} ({both}): {outcome}."
        )
        closely.append((outcome, said))
    sentences = few_or_counted(closely, what=f"on {', '.join(CLOSELY)}")
    if counted:
        listed = ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())
        sentences.append(f"The other tasks, {sum(counted.values())} comparisons: {listed}.")
    return Answer(question="Against the paper", sentences=sentences or ["No comparison has both numbers yet."])


def variance_table(results: Results) -> Table:
    """Where the spread of scores comes from: the pretraining seed, the fine-tuning seed, or neither alone."""
    columns = ("Task", "Objective", "Pretraining seeds", "Fine-tuning seeds", "sd by pretraining seed",
               "sd by fine-tuning seed", "sd of the rest")  # fmt: skip
    found = {key: summary for key, summary in results.summaries.items() if summary.variance is not None}
    rows = []
    for key, parts in ((key, summary.variance) for key, summary in found.items()):
        sds = (parts.pretraining, parts.finetuning, parts.residual)
        counts = (str(parts.n_encoders), str(parts.n_seeds))
        rows.append((key.part, key.setting, *counts, *(number(percent(sd)) for sd in sds)))
    notes = _variance_notes(found)
    if not rows:
        rows = [("each objective was pretrained once", "–", "1", "–", "–", "–", "–")]
        notes = ["With pretraining_seeds=2 or more the two are told apart."]
    return Table(title="Pretraining seeds and fine-tuning seeds", columns=columns, rows=rows, heads=2,
                 caption=results.caption, notes=notes, runs=run_ids(results))  # fmt: skip


def _variance_notes(summaries: Mapping[CellKey, CellSummary]) -> list[str]:
    notes = [
        "Every pretraining seed is fine-tuned with the same seeds, so a score is taken as the mean, and what the "
        "pretraining seed adds whatever the fine-tuning seed, and what the fine-tuning seed adds whatever the encoder, "
        "and the rest, which only the pair of the two explains: the standard deviation of each, times 100 (two-way "
        "crossed random effects, from mean squares). 0: not told from the rest. From few seeds they are rough: an sd "
        "from two seeds tells little more than its order of magnitude."
    ]
    single = [key for key, one in summaries.items() if 1 in (one.variance.n_encoders, one.variance.n_seeds)]
    if single:
        notes.append(f"With a single seed of one kind, the other's sd holds the rest as well: {listed(single)}.")
    fewer = [key for key, one in summaries.items() if one.variance.n_seeds < len({seed for _, seed in one.seeds})]
    if fewer:
        notes.append(
            f"Of the fine-tuning seeds, only those scored with every pretraining seed are used: {listed(fewer)}."
        )
    return notes


def segment_settings(bases: Mapping[str, Recipe], tasks: Sequence[str]) -> dict[tuple[str, str], Recipe]:
    """(setting, task) -> recipe: two segment ids, and one."""
    names = {"Two segment ids": "pair", "One segment id": "single"}
    return {(name, task): bases[task].replace(segment_ids=ids) for name, ids in names.items() for task in tasks}


def pair_parts(study: Study) -> tuple[Part, ...]:
    """The tasks that read two texts."""
    return tuple(
        Part(label=task.name, tasks=(task.name,), paper=task.name)
        for task in study.tasks
        if len(task.text_columns) == 2
    )


def interaction_table(results: Results, *, title: str, first: str, second: str, baseline: str) -> Table:
    """What changing from `second` to `first` does to each encoder, and how that differs from what it does to the
    baseline encoder.
    """
    changes: dict[CellKey, Comparison] = {}
    for key in results.cell_keys():
        change = results.compared(key, key._replace(setting=second)) if key.setting == first else None
        if change is not None:
            changes[key] = change
    corrected = holm([change.p_seeds for change in changes.values()])
    rows = []
    for (key, change), p in zip(changes.items(), corrected, strict=True):
        beside = _beside(results, key, second=second, baseline=baseline)
        rows.append(
            (
                key.part,
                key.encoder,
                *_told(change),
                p_value(p),
                *(_told(beside) if beside else ("–", "–", "–")),
            )
        )
    columns = ("Task", "Encoder", "Difference", "over seeds", "over examples", "p (Holm)", f"less {baseline}'s",
               "over seeds", "over examples")  # fmt: skip
    notes = [
        f"Difference: {first.lower()} less {second.lower()}, times 100, paired by seed. The last three columns: that "
        f"difference less {baseline}'s on the same task (the interaction), with 95% intervals; where they hold 0, the "
        "objective is not seen to change what segment ids do.",
        *seed_notes(results, {key: change.seed_method for key, change in changes.items()}),
        *(f"On the paper: {note}" for note in paper_notes("table2") if "segment" in note.lower()),
    ]
    return Table(title=title, columns=columns, rows=sorted(rows, key=lambda row: _place(results, row)) or
                 [("not run", *("–" for _ in columns[1:]))], heads=2, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def _place(results: Results, row: Sequence[str]) -> tuple[int, int]:
    return [part.label for part in results.grid.parts].index(row[0]), list(results.grid.encoders).index(row[1])


def _beside(results: Results, key: CellKey, *, second: str, baseline: str) -> Comparison | None:
    if key.encoder == baseline:
        return None
    other = key._replace(encoder=baseline)
    cells = [results.cell(k) for k in (key, key._replace(setting=second), other, other._replace(setting=second))]
    if not all(cells):
        return None
    return interaction(cells[:2], cells[2:], results.references, clusters=results.grid.clusters)


def _told(change: Comparison) -> tuple[str, str, str]:
    difference = None if change.difference is None else change.difference * PERCENT
    return (
        signed(difference),
        interval(percents(change.seed_interval)),
        interval(percents(change.example_interval)),
    )
