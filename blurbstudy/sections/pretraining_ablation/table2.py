"""Table 2: pretraining objectives side by side, and segment ids crossed with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...stats.contrasts import Comparison
from ...stats.crossed_seeds import VarianceParts
from ...stats.summary import CellSummary
from ...study.conditions import BLURB
from ...study.decisions import decide_family, decide_levels
from ...study.grid import Condition, Results
from ...tables.comparison_table import (
    DIFFERENCE_NOTE,
    ONE_SEED_DEMO,
    agreement,
    describe_difference,
    difference_cells,
    format_p_value,
    paper_difference,
    summarize_sentences,
)
from ...tables.formatting import format_number
from ...tables.paper import AGAINST_PAPER, NOT_COMPARED
from ...tables.score_table import (
    cell_caveats,
    cell_legend,
    cell_score,
    name_cells,
    paper_remarks,
    percent,
    run_ids,
    seed_notes,
)
from ...tables.table import KeyFinding, Remark, Table, empty_row

PAPER = "table2"
DISCUSSED_IN_PAPER = ("BIOSSES", "PubMedQA", "BioASQ", BLURB)


def objective_table(results: Results, *, title: str) -> Table:
    """A row per task, a column per objective, the paper's number in each cell."""
    rows = [
        (label, *(cell_score(results, Condition("", name, label), paper=PAPER) for name in results.grid.levels))
        for label in _labels(results)
    ]
    notes = cell_caveats(results)
    if BLURB in _labels(results):
        notes.insert(
            0,
            "BLURB score: the mean over six groups of tasks of the mean within each, seed by seed, over the seeds "
            "without a collapsed run on any task.",
        )
    columns = ("Task", *results.grid.levels)
    legend, runs = cell_legend(results, PAPER), run_ids(results)
    return Table(
        title=title, columns=columns, rows=rows, caption=results.caption, notes=notes, legend=legend, runs=runs
    )


def _labels(results: Results) -> list[str]:
    return [column.label for column in results.grid.columns]


def learnable_tasks(results: Results) -> KeyFinding:
    """Which tasks are learned at all at this scale, which bounds what comparisons on them can show."""
    names: dict[str, list[str]] = {"in every run": [], "in some runs": [], "in no run": []}
    for column in results.grid.columns:
        conditions = results.conditions(columns=[column])
        summaries = [results.summaries[condition] for condition in conditions if condition in results.summaries]
        runs, failed = sum(summary.runs for summary in summaries), sum(summary.failed for summary in summaries)
        if not runs or column.label == BLURB:
            continue
        if failed in (0, runs):
            names["in no run" if failed else "in every run"].append(column.label)
        else:
            names["in some runs"].append(f"{column.label} ({runs - failed} of {runs})")
    sentences = [
        f"Trained, and better than the trivial baseline on dev, {where}: {', '.join(tasks)}."
        for where, tasks in names.items()
        if tasks
    ]
    if names["in no run"]:
        sentences.append(
            "Differences on tasks that no run has learned say nothing about the objectives; use more data or a larger "
            "encoder."
        )
    question = "Which tasks are learned at this scale?"
    return KeyFinding(question=question, sentences=sentences or ["Nothing has been run yet."])


def compare_objectives_with_paper(results: Results, *, baseline: str) -> KeyFinding:
    """Differences to the baseline next to the paper's: each where the paper discusses it, counted elsewhere."""
    if not results.shows_paper:
        return NOT_COMPARED
    outcomes, counts = [], Counter[str]()
    for decision in decide_levels(results, baseline=baseline):
        condition = decision.condition
        printed = paper_difference(results, condition, baseline=baseline, paper=PAPER)
        if printed is None or decision.comparison.difference is None:
            continue
        outcome = agreement(decision, printed=printed)
        if condition.column in DISCUSSED_IN_PAPER:
            text = describe_difference(decision.comparison, printed=printed, outcome=outcome)
            outcomes.append((outcome, f"{condition.column}, {condition.level} against {baseline}: {text}"))
        else:
            counts[outcome] += 1
    sentences = summarize_sentences(outcomes, what=f"on {', '.join(DISCUSSED_IN_PAPER)}")
    if counts:
        by_outcome = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        sentences.append(f"The other tasks, {counts.total()} comparisons: {by_outcome}.")
    return KeyFinding(question=AGAINST_PAPER, sentences=sentences or ["No comparison has both numbers yet."])


def variance_table(results: Results) -> Table:
    """How much of the spread of scores the pretraining seed, the fine-tuning seed and the rest explain."""
    columns = (
        "Task", "Objective", "Pretraining seeds", "Fine-tuning seeds", "sd by pretraining seed",
        "sd by fine-tuning seed", "sd of the rest",
    )  # fmt: skip
    variances = {
        condition: summary.variance for condition, summary in results.summaries.items() if summary.variance is not None
    }
    rows = []
    for condition, variance in variances.items():
        sds = (variance.pretraining, variance.finetuning, variance.residual)
        counts = (str(variance.n_encoders), str(variance.n_seeds))
        rows.append((condition.column, condition.level, *counts, *(format_number(percent(sd)) for sd in sds)))
    notes = _variance_notes(results.summaries, variances)
    if not rows:
        rows = [("each objective was pretrained once", "–", "1", "–", "–", "–", "–")]
        notes = ["Set pretraining_seeds to 2 or more to separate the two."]
    return Table(
        title="Pretraining seeds and fine-tuning seeds",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
        runs=run_ids(results),
    )


def _variance_notes(
    summaries: Mapping[Condition, CellSummary], variances: Mapping[Condition, VarianceParts]
) -> list[str]:
    notes = [
        "Every pretraining seed is fine-tuned with the same seeds. A score is modelled as the mean plus an effect of "
        "the pretraining seed, an effect of the fine-tuning seed and a rest that depends on the pair: the standard "
        "deviation of each, times 100 (two-way crossed random effects, from mean squares). 0: not distinguishable "
        "from the rest. With few seeds these are rough: an sd from two seeds gives only an order of magnitude."
    ]
    single = [condition for condition, variance in variances.items() if 1 in (variance.n_encoders, variance.n_seeds)]
    if single:
        notes.append(f"With a single seed of one kind, the other's sd includes the rest: {name_cells(single)}.")
    fewer = [
        condition
        for condition, variance in variances.items()
        if variance.n_seeds < len({seed[1] for seed in summaries[condition].seeds if isinstance(seed, tuple)})
    ]
    if fewer:
        notes.append(
            f"Of the fine-tuning seeds, only those scored with every pretraining seed are used: {name_cells(fewer)}."
        )
    return notes


def interaction_table(results: Results, *, title: str, first: str, second: str, baseline: str) -> Table | Remark:
    """The effect of level `first` against `second` on each encoder, and its difference from the baseline encoder's."""
    if not results.decides:
        return ONE_SEED_DEMO
    changes: dict[Condition, Comparison] = {}
    for column in results.grid.columns:
        for group in results.grid.groups:
            condition = Condition(group, first, column.label)
            change = results.compare(condition, condition._replace(level=second))
            if change is not None:
                changes[condition] = change
    effects = decide_family(changes)
    interactions = {
        condition: _interaction(results, condition, second=second, baseline=baseline) for condition in changes
    }
    changed = decide_family({condition: change for condition, change in interactions.items() if change is not None})
    rows = [
        (
            condition.column,
            condition.group,
            *difference_cells(effect.comparison),
            format_p_value(effect.p),
            *difference_cells(interactions[condition]),
            format_p_value(changed[condition].p if condition in changed else None),
        )
        for condition, effect in effects.items()
    ]
    columns = (
        "Task", "Encoder", "Difference", "95%", "80%", "p (Holm)", f"less {baseline}'s", "95%", "80%", "p (Holm)",
    )  # fmt: skip
    notes = [
        f"Difference: {first.lower()} less {second.lower()}, times 100. The last four columns: that difference less "
        f"{baseline}'s on the same task (the interaction). Where p is 0.05 or more, there is no evidence that the "
        f"objective changes the effect of segment ids. {DIFFERENCE_NOTE}",
        *seed_notes(results, {condition: change.seed_method for condition, change in changes.items()}),
        *(note for note in paper_remarks(results, PAPER) if "segment" in note.lower()),
    ]
    return Table(
        title=title,
        columns=columns,
        rows=rows or [empty_row(columns)],
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
        runs=run_ids(results),
    )


def _interaction(results: Results, condition: Condition, *, second: str, baseline: str) -> Comparison | None:
    """The change of an encoder less that of the baseline encoder; None for the baseline itself, or without runs."""
    if condition.group == baseline:
        return None
    reference = condition._replace(group=baseline)
    return results.compare(condition, condition._replace(level=second), reference, reference._replace(level=second))
