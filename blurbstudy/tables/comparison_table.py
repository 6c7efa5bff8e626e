"""Comparisons with a baseline: paired differences next to the paper's, as a table and in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..stats.intervals import Interval, holm
from ..stats.summary import CellSummary, Comparison
from ..study.grid import Condition, Results
from .formatting import describe_intervals, format_interval, format_number, format_signed
from .score_table import MAX_NAMED, PERCENT, paper_score, percent, percents, run_ids, seed_notes
from .table import KeyFinding, Table, empty_row

PAIRS_NOTE = (
    "Pairs: pretraining seeds × fine-tuning seeds scored on both sides; t has fewer degrees of freedom than there are "
    "pairs, since those of one seed are not independent."
)


def comparisons(results: Results, *, baseline: str) -> dict[Condition, tuple[Comparison, float | None]]:
    """Every level against the baseline, with the p of the paired t-test after Holm's correction over all of them.

    Cells with the baseline's own runs are left out; of cells with the same runs only the first is tested.
    """
    compared = {}
    for condition in _tested(results, baseline=baseline)[0]:
        comparison = results.compare(condition, condition._replace(level=baseline))
        if comparison is not None:
            compared[condition] = comparison
    corrected = holm([comparison.p_seeds for comparison in compared.values()])
    return {key: (comparison, p) for (key, comparison), p in zip(compared.items(), corrected, strict=True)}


def _tested(results: Results, *, baseline: str) -> tuple[list[Condition], list[str]]:
    """Conditions to compare with the baseline, and a note on each that has the runs of another."""
    tested: dict[tuple[frozenset[str], frozenset[str]], Condition] = {}
    notes = []
    cells = results.grid.cells
    for condition in results.conditions():
        if condition.level == baseline or condition not in cells:
            continue
        ids, baseline_ids = (
            frozenset(config.id for config in cells.get(k, ())) for k in (condition, condition._replace(level=baseline))
        )
        if ids == baseline_ids:
            notes.append(f"{condition.name}: the same settings as {baseline}, so the same runs; not tested.")
        elif (ids, baseline_ids) in tested:
            notes.append(f"{condition.name}: the same runs as {tested[ids, baseline_ids].name}; counted once.")
        else:
            tested[ids, baseline_ids] = condition
    return list(tested.values()), notes


def paper_difference(results: Results, condition: Condition, *, baseline: str, paper: str) -> float | None:
    """The paper's number of a condition minus that of its baseline, in points; None where it lacks one."""
    column = results.column(condition.column)
    ours, theirs = (paper_score(paper, k, column) for k in (condition, condition._replace(level=baseline)))
    return None if ours is None or theirs is None else ours - theirs


def paired_table(results: Results, *, title: str, baseline: str, paper: str) -> Table:
    """Differences to the baseline, paired by seed, next to the differences between the paper's numbers."""
    compared = comparisons(results, baseline=baseline)
    rows = [
        (
            *_row_headers(condition, several=len(results.grid.columns) > 1),
            format_signed(percent(comparison.difference)),
            format_interval(percents(comparison.seed_interval)),
            format_p_value(p),
            format_interval(percents(comparison.example_interval)),
            _format_pairs(comparison),
            _verdict(results, condition, comparison, p, baseline=baseline),
            format_signed(paper_difference(results, condition, baseline=baseline, paper=paper)),
        )
        for condition, (comparison, p) in compared.items()
    ]
    axes = results.grid.axes
    headers = (axes.level, "Task") if axes.group is None else (axes.group, axes.level)
    columns = (*headers, "Difference", "over seeds", "p (Holm)", "over examples", "pairs", "Here", "The paper's")
    notes = [
        f"Difference to {baseline}, times 100, paired by seed; positive: better than {baseline}. 95% intervals. p: "
        f"paired t-test over seeds, Holm's correction over the {len(compared)} comparisons of this table. Here: "
        "better or worse where both uncertainties say so.",
        *_tested(results, baseline=baseline)[1],
        *seed_notes(results, {key: comparison.seed_method for key, (comparison, _) in compared.items()}),
    ]
    if results.grid.pretraining_seeds:
        notes.append(PAIRS_NOTE)
    return Table(
        title=title,
        columns=columns,
        rows=rows or [empty_row(columns)],
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
        runs=run_ids(results),
    )


def _row_headers(condition: Condition, *, several: bool) -> tuple[str, str]:
    if not condition.group:
        return condition.level, condition.column
    return condition.group, f"{condition.level}, {condition.column}" if several else condition.level


def _sides(results: Results, condition: Condition, baseline: str) -> list[CellSummary]:
    return [results.summaries[k] for k in (condition, condition._replace(level=baseline))]


def _verdict(results: Results, condition: Condition, comparison: Comparison, p: float | None, *, baseline: str) -> str:
    """better or worse where both uncertainties say so; undecided, or both collapsed with every seed."""
    if _all_collapsed(_sides(results, condition, baseline)):
        return "both collapsed"
    if p is None or p >= 0.05 or comparison.difference is None or not excludes_zero(comparison.example_interval):
        return "undecided"
    return "better" if comparison.difference > 0 else "worse"


def _format_pairs(comparison: Comparison) -> str:
    """`5`; with pretraining and fine-tuning seeds `3 × 2`, or `5 of 3 × 2`."""
    pairs = [seed for seed in comparison.seeds if isinstance(seed, tuple)]
    if not pairs:
        return str(comparison.n_pairs)
    a, n = (len(set(seeds)) for seeds in zip(*pairs, strict=True))
    return f"{a} × {n}" if a * n == comparison.n_pairs else f"{comparison.n_pairs} of {a} × {n}"


def key_findings(results: Results, *, question: str, baseline: str) -> KeyFinding:
    """What is better or worse than the baseline by both uncertainties, and what is undecided."""
    sentences = [_failures(results)] if results.summaries else ["Nothing has been run yet."]
    compared = comparisons(results, baseline=baseline)
    n_undecided, n_collapsed = 0, 0
    for condition, (comparison, p) in compared.items():
        sides = _sides(results, condition, baseline)
        if _all_collapsed(sides):
            n_collapsed += 1
            continue
        clear_over_seeds = p is not None and p < 0.05
        clear_over_examples = excludes_zero(comparison.example_interval)
        n_undecided += not (clear_over_seeds and clear_over_examples)
        if clear_over_seeds and comparison.difference is not None:
            word = "better" if comparison.difference > 0 else "worse"
            verdict = (
                f"is {word} than {baseline}" if clear_over_examples else f"against {baseline} is undecided, {word}"
            )
            caveat = "" if clear_over_examples else "; clear over seeds, not over test examples"
            collapsed = " against ".join(f"{summary.failed} of {summary.n}" for summary in sides)
            sentences.append(
                f"{condition.panel}: {condition.level} {verdict} by "
                f"{format_number(abs(comparison.difference) * PERCENT)}{caveat} (95% over seeds "
                f"{format_interval(percents(comparison.seed_interval))}, p {format_p_value(p)} after Holm; over test "
                f"examples {format_interval(percents(comparison.example_interval))}; collapsed: {collapsed})."
            )
    if n_undecided or n_collapsed:
        which = "all" if not n_undecided else n_collapsed
        why = f", {which} since both sides collapsed with every seed" if n_collapsed else ""
        sentences.append(f"Undecided: {n_undecided + n_collapsed} of {len(compared)} comparisons with {baseline}{why}.")
    return KeyFinding(question=question, sentences=sentences)


def compare_with_paper(results: Results, *, baseline: str, paper: str) -> KeyFinding:
    """Whether our differences have the sign of the paper's, comparison by comparison."""
    outcomes = []
    for condition, (comparison, _) in comparisons(results, baseline=baseline).items():
        printed = paper_difference(results, condition, baseline=baseline, paper=paper)
        if printed is None or comparison.difference is None:
            continue
        outcome = agreement(results, condition, comparison, baseline=baseline, printed=printed)
        text = describe_difference(comparison, printed=printed, outcome=outcome)
        outcomes.append((outcome, f"{condition.panel}: {condition.level} against {baseline}: {text}"))
    sentences = summarize_sentences(outcomes, what=f"with {baseline}")
    printed_groups = {
        condition.group
        for condition in results.conditions()
        if paper_score(paper, condition, results.column(condition.column)) is not None
    }
    missing = [name for name in results.grid.groups if name not in printed_groups]
    if missing:
        sentences.append(f"The paper has no row for {', '.join(missing)}.")
    return KeyFinding(question="Against the paper", sentences=sentences or ["No comparison has both numbers yet."])


def describe_difference(comparison: Comparison, *, printed: float, outcome: str) -> str:
    """The paper's difference, ours with both intervals, and the outcome."""
    intervals = describe_intervals(percents(comparison.seed_interval), percents(comparison.example_interval))
    ours = format_signed(percent(comparison.difference))
    return f"the paper {format_signed(printed)}, here {ours} ({intervals}): {outcome}."


def summarize_sentences(outcomes: Sequence[tuple[str, str]], *, what: str) -> list[str]:
    """The sentences of (outcome, sentence) pairs; if many are undecided, only their count.

    Args:
        what: the comparisons, for that count: `with BERT`.
    """
    undecided = [outcome for outcome, _ in outcomes if outcome.startswith("undecided")]
    if len(undecided) <= MAX_NAMED:
        return [sentence for _, sentence in outcomes]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(undecided).most_common())
    return [
        *(sentence for outcome, sentence in outcomes if not outcome.startswith("undecided")),
        f"Of {len(outcomes)} comparisons {what} that the paper prints too: {counts}. The tables have their numbers.",
    ]


def agreement(results: Results, condition: Condition, comparison: Comparison, *, baseline: str, printed: float) -> str:
    """Same or opposite direction as the paper's difference; undecided where an interval contains 0."""
    if _all_collapsed(_sides(results, condition, baseline)):
        return "undecided here, both collapsed"
    excludes = excludes_zero(comparison.seed_interval) and excludes_zero(comparison.example_interval)
    if not excludes or comparison.difference is None:
        return "undecided here"
    if abs(printed) < 0.005:  # two decimals are printed
        return "undecided, the paper's two numbers are equal"
    return "same direction" if printed * comparison.difference > 0 else "opposite direction"


def excludes_zero(bounds: Interval | None) -> bool:
    """Whether an interval lies on one side of 0; False for None."""
    return bounds is not None and (bounds[0] > 0 or bounds[1] < 0)


def _all_collapsed(summaries: Sequence[CellSummary]) -> bool:
    return all(summary.failed == summary.n for summary in summaries)


def _failures(results: Results) -> str:
    # The BLURB score's cells hold the runs of the other cells.
    summaries = {key: cell for key, cell in results.summaries.items() if results.column(key.column).weights is None}
    failed = {key: summary.failed for key, summary in summaries.items() if summary.failed}
    total, runs = sum(failed.values()), sum(summary.n for summary in summaries.values())
    if not failed:
        return f"Fine-tuning collapsed in none of {runs} cases (a setting with a seed)."
    if total == runs:
        return f"Fine-tuning collapsed in all {runs} cases (a setting with a seed)."
    start = f"Fine-tuning collapsed in {total} of {runs} cases (a setting with a seed)"
    fully_collapsed = sum(summaries[key].n == count for key, count in failed.items())
    if fully_collapsed > 1:
        return f"{start}: with every seed in {fully_collapsed} of {len(summaries)} cells of the table."
    worst = max(failed, key=lambda key: failed[key] / summaries[key].n)
    return f"{start}, most often with {worst.name} ({failed[worst]} of {summaries[worst].n})."


def format_p_value(p: float | None) -> str:
    """Two significant digits, or `< 0.001`."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
