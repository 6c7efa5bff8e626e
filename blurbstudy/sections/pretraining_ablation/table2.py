"""Table 2 and what belongs to it: pretraining objectives side by side, and segment ids crossed with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ...stats.intervals import holm
from ...stats.summary import CellSummary, Comparison, interaction
from ...study.conditions import BLURB
from ...study.grid import Condition, Results
from ...tables.comparison_table import agreement, comparisons, format_p_value, summarize_sentences
from ...tables.paper import paper_notes
from ...tables.score_table import (
    PERCENT,
    cell_notes,
    cell_score,
    name_cells,
    paper_score,
    percent,
    percents,
    run_ids,
    seed_notes,
)
from ...tables.table import KeyFinding, Table, describe_intervals, format_interval, format_number, format_signed

CLOSELY = ("BIOSSES", "PubMedQA", "BioASQ", BLURB)  # where the paper's text says most


def objective_table(results: Results, *, title: str, paper: str = "table2") -> Table:
    """A row per task, a column per objective, the paper's number in each cell."""
    names = results.grid.levels
    rows = [
        (
            part.label,
            *(cell_score(results, Condition("", name, part.label), paper=paper) for name in names),
        )
        for part in results.grid.columns
    ]
    notes = cell_notes(results, paper)
    if any(part.label == BLURB for part in results.grid.columns):
        notes.insert(1, "BLURB score: the mean over six groups of tasks of the mean within each, seed by seed; failed: "
                        "seeds with a collapsed run in any task.")  # fmt: skip
    return Table(title=title, columns=("Task", *results.grid.levels), rows=rows, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def means_table(results: Results, *, title: str) -> Table:
    """Table 2 at a glance: means alone, with how many runs have failed."""
    rows = []
    for part in results.grid.columns:
        cells = []
        for name in results.grid.levels:
            summary = results.summaries.get(Condition("", name, part.label))
            mean = None if summary is None or summary.mean is None else summary.mean * PERCENT
            failed = f" ×{summary.failed}" if summary is not None and summary.failed else ""
            cells.append(f"{format_number(mean)}{failed}")
        rows.append((part.label, *cells))
    notes = ["Means over seeds, times 100; ×n: so many of its seeds failed on dev. Means alone rank nothing: the table "
             "below has their uncertainty."]  # fmt: skip
    return Table(title=title, columns=("Task", *results.grid.levels), rows=rows, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def learned_answer(results: Results) -> KeyFinding:
    """Which tasks are learned at all at this scale: what a comparison on the others is worth."""
    found: dict[str, list[str]] = {"in every run": [], "in some runs": [], "in no run": []}
    for part in results.grid.columns:
        summaries = [results.summaries[key] for key in results.conditions(columns=[part]) if key in results.summaries]
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
    return KeyFinding(
        question="Which tasks are learned at this scale?", sentences=said or ["Nothing has been run yet."]
    )


def objectives_against_paper(results: Results, *, baseline: str, paper: str = "table2") -> KeyFinding:
    """Differences to the baseline beside the paper's: each where its text says most, counted elsewhere."""
    closely, counted = [], Counter()
    for key, (comparison, _) in comparisons(results, baseline=baseline).items():
        part = results.column(key.column)
        theirs = [paper_score(paper, k, part) for k in (key, key._replace(level=baseline))]
        if None in theirs or comparison.difference is None:
            continue
        printed = theirs[0] - theirs[1]
        outcome = agreement(results, key, comparison, baseline=baseline, printed=printed)
        if key.column not in CLOSELY:
            counted[outcome] += 1
            continue
        both = describe_intervals(percents(comparison.seed_interval), percents(comparison.example_interval))
        said = (
            f"{key.column}, {key.level} against {baseline}: the paper {format_signed(printed)}, here "
            f"{format_signed(comparison.difference * PERCENT)} ({both}): {outcome}."
        )
        closely.append((outcome, said))
    sentences = summarize_sentences(closely, what=f"on {', '.join(CLOSELY)}")
    if counted:
        by_outcome = ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())
        sentences.append(f"The other tasks, {sum(counted.values())} comparisons: {by_outcome}.")
    return KeyFinding(question="Against the paper", sentences=sentences or ["No comparison has both numbers yet."])


def variance_table(results: Results) -> Table:
    """Where the spread of scores comes from: the pretraining seed, the fine-tuning seed, or neither alone."""
    columns = ("Task", "Objective", "Pretraining seeds", "Fine-tuning seeds", "sd by pretraining seed",
               "sd by fine-tuning seed", "sd of the rest")  # fmt: skip
    found = {key: summary for key, summary in results.summaries.items() if summary.variance is not None}
    rows = []
    for key, parts in ((key, summary.variance) for key, summary in found.items()):
        sds = (parts.pretraining, parts.finetuning, parts.residual)
        counts = (str(parts.n_encoders), str(parts.n_seeds))
        rows.append((key.column, key.level, *counts, *(format_number(percent(sd)) for sd in sds)))
    notes = _variance_notes(found)
    if not rows:
        rows = [("each objective was pretrained once", "–", "1", "–", "–", "–", "–")]
        notes = ["With pretraining_seeds=2 or more the two are told apart."]
    return Table(title="Pretraining seeds and fine-tuning seeds", columns=columns, rows=rows, n_header_columns=2,
                 caption=results.caption, notes=notes, runs=run_ids(results))  # fmt: skip


def _variance_notes(summaries: Mapping[Condition, CellSummary]) -> list[str]:
    notes = [
        "Every pretraining seed is fine-tuned with the same seeds, so a score is taken as the mean, and what the "
        "pretraining seed adds whatever the fine-tuning seed, and what the fine-tuning seed adds whatever the encoder, "
        "and the rest, which only the pair of the two explains: the standard deviation of each, times 100 (two-way "
        "crossed random effects, from mean squares). 0: not told from the rest. From few seeds they are rough: an sd "
        "from two seeds tells little more than its order of magnitude."
    ]
    single = [key for key, one in summaries.items() if 1 in (one.variance.n_encoders, one.variance.n_seeds)]
    if single:
        notes.append(f"With a single seed of one kind, the other's sd holds the rest as well: {name_cells(single)}.")
    fewer = [key for key, one in summaries.items() if one.variance.n_seeds < len({seed for _, seed in one.seeds})]
    if fewer:
        notes.append(
            f"Of the fine-tuning seeds, only those scored with every pretraining seed are used: {name_cells(fewer)}."
        )
    return notes


def interaction_table(results: Results, *, title: str, first: str, second: str, baseline: str) -> Table:
    """What changing from `second` to `first` does to each encoder, and how that differs from what it does to the
    baseline encoder.
    """
    changes: dict[Condition, Comparison] = {}
    for key in results.conditions():
        change = results.compare(key, key._replace(level=second)) if key.level == first else None
        if change is not None:
            changes[key] = change
    corrected = holm([change.p_seeds for change in changes.values()])
    rows = []
    for (key, change), p in zip(changes.items(), corrected, strict=True):
        beside = _beside(results, key, second=second, baseline=baseline)
        rows.append(
            (
                key.column,
                key.group,
                *_told(change),
                format_p_value(p),
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
                 [("not run", *("–" for _ in columns[1:]))], n_header_columns=2, caption=results.caption, notes=notes,
                 runs=run_ids(results))  # fmt: skip


def _place(results: Results, row: Sequence[str]) -> tuple[int, int]:
    return [part.label for part in results.grid.columns].index(row[0]), list(results.grid.groups).index(row[1])


def _beside(results: Results, key: Condition, *, second: str, baseline: str) -> Comparison | None:
    if key.group == baseline:
        return None
    other = key._replace(group=baseline)
    cells = [results.cell(k) for k in (key, key._replace(level=second), other, other._replace(level=second))]
    if not all(cells):
        return None
    return interaction(cells[:2], cells[2:], results.references, clusters=results.grid.pretraining_seeds)


def _told(change: Comparison) -> tuple[str, str, str]:
    difference = None if change.difference is None else change.difference * PERCENT
    return (
        format_signed(difference),
        format_interval(percents(change.seed_interval)),
        format_interval(percents(change.example_interval)),
    )
