"""Comparisons with a baseline: paired differences beside the paper's, what they say, and where they point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..stats.intervals import holm
from ..stats.summary import CellSummary, Comparison
from ..study.grid import Condition, Results
from .score_table import MAX_NAMED, PERCENT, paper_score, percent, percents, run_ids, seed_notes
from .table import NOT_RUN, KeyFinding, Table, describe_intervals, format_interval, format_number, format_signed

PAIRS_NOTE = (
    "Pairs: pretraining seeds × fine-tuning seeds scored on both sides; t has fewer degrees of freedom than there are "
    "pairs, since those of one seed are not independent."
)


def comparisons(results: Results, *, baseline: str) -> dict[Condition, tuple[Comparison, float | None]]:
    """Every setting against the baseline, with Holm's correction of the paired t-test over the whole table.

    Cells with the baseline's own runs are left out, and of cells with the same runs the first alone is tested.
    """
    found = {}
    for key in _tested(results, baseline=baseline)[0]:
        comparison = results.compare(key, key._replace(level=baseline))
        if comparison is not None:
            found[key] = comparison
    corrected = holm([comparison.p_seeds for comparison in found.values()])
    return {key: (comparison, p) for (key, comparison), p in zip(found.items(), corrected, strict=True)}


def _tested(results: Results, *, baseline: str) -> tuple[list[Condition], list[str]]:
    """Cells to compare with the baseline, and a note on each that has the runs of another."""
    tested: dict[tuple[frozenset[str], frozenset[str]], Condition] = {}
    notes = []
    for key in (key for key in results.conditions() if key.level != baseline and key in results.grid.cells):
        mine, theirs = (
            frozenset(config.id for config in results.grid.cells[k]) for k in (key, key._replace(level=baseline))
        )
        if mine == theirs:
            notes.append(f"{key.name}: the same settings as {baseline}, so the same runs; not tested.")
        elif (mine, theirs) in tested:
            notes.append(f"{key.name}: the same runs as {tested[mine, theirs].name}; counted once.")
        else:
            tested[mine, theirs] = key
    return list(tested.values()), notes


def paired_table(results: Results, *, title: str, baseline: str, paper: str) -> Table:
    """Differences to the baseline, paired by seed, with the difference between the paper's two numbers beside them."""
    rows = []
    parts = {part.label: part for part in results.grid.columns}
    compared = comparisons(results, baseline=baseline)
    for key, (comparison, p) in compared.items():
        theirs = [paper_score(paper, k, parts[key.column]) for k in (key, key._replace(level=baseline))]
        printed = format_signed(theirs[0] - theirs[1]) if None not in theirs else "–"
        rows.append(
            (
                *_row_headers(key, several=len(parts) > 1),
                format_signed(percent(comparison.difference)),
                format_interval(percents(comparison.seed_interval)),
                format_p_value(p),
                format_interval(percents(comparison.example_interval)),
                _pairs(comparison),
                _verdict(results, key, comparison, p, baseline=baseline),
                printed,
            )
        )
    axes = results.grid.axes
    heads = (axes.level, "Task") if axes.group is None else (axes.group, axes.level)
    columns = (*heads, "Difference", "over seeds", "p (Holm)", "over examples", "pairs", "Here", "The paper's")
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
        rows=rows or [_empty(columns)],
        n_header_columns=2,
        caption=results.caption,
        notes=notes,
        runs=run_ids(results),
    )


def _row_headers(key: Condition, *, several: bool) -> tuple[str, str]:
    if not key.group:
        return key.level, key.column
    return key.group, f"{key.level}, {key.column}" if several else key.level


def _verdict(results: Results, key: Condition, comparison: Comparison, p: float | None, *, baseline: str) -> str:
    """better or worse where both uncertainties say so; undecided, or both collapsed with every seed."""
    if _all_collapsed([results.summaries[k] for k in (key, key._replace(level=baseline))]):
        return "both collapsed"
    if p is None or p >= 0.05 or not excludes_zero(comparison.example_interval):
        return "undecided"
    return "better" if comparison.difference > 0 else "worse"


def _pairs(comparison: Comparison) -> str:
    """How many; of pretraining and of fine-tuning seeds where there are both, as `3 × 2`, or `5 of 3 × 2`."""
    if not comparison.seeds or isinstance(comparison.seeds[0], int):
        return str(comparison.n_pairs)
    a, n = (len(set(seeds)) for seeds in zip(*comparison.seeds, strict=True))
    return f"{a} × {n}" if a * n == comparison.n_pairs else f"{comparison.n_pairs} of {a} × {n}"


def key_findings(results: Results, *, question: str, baseline: str) -> KeyFinding:
    """What the numbers say: better or worse where both uncertainties say so, and what is undecided."""
    sentences = [_failures(results)] if results.summaries else ["Nothing has been run yet."]
    compared = comparisons(results, baseline=baseline)
    undecided, hopeless = 0, 0
    for key, (comparison, p) in compared.items():
        both = [results.summaries[k] for k in (key, key._replace(level=baseline))]
        collapsed = " against ".join(f"{summary.failed} of {summary.n}" for summary in both)
        if _all_collapsed(both):
            hopeless += 1
            continue
        over_seeds = p is not None and p < 0.05
        over_examples = excludes_zero(comparison.example_interval)
        undecided += not (over_seeds and over_examples)
        if over_seeds:
            word = "better" if comparison.difference > 0 else "worse"
            verdict = f"is {word} than {baseline}" if over_examples else f"against {baseline} is undecided, {word}"
            unsure = "" if over_examples else "; clear over seeds, not over test examples"
            sentences.append(
                f"{key.panel}: {key.level} {verdict} by "
                f"{format_number(abs(comparison.difference) * PERCENT)}{unsure} (95% over seeds "
                f"{format_interval(percents(comparison.seed_interval))}, p {format_p_value(p)} after Holm; over test "
                f"examples {format_interval(percents(comparison.example_interval))}; collapsed: {collapsed})."
            )
    if undecided or hopeless:
        why = f", {'all' if not undecided else hopeless} since both sides collapsed with every seed" if hopeless else ""
        sentences.append(f"Undecided: {undecided + hopeless} of {len(compared)} comparisons with {baseline}{why}.")
    return KeyFinding(question=question, sentences=sentences)


def compare_with_paper(results: Results, *, baseline: str, paper: str) -> KeyFinding:
    """Whether our differences point where the paper's point, comparison by comparison; or that ours point nowhere."""
    parts = {part.label: part for part in results.grid.columns}
    told = []
    for key, (comparison, _) in comparisons(results, baseline=baseline).items():
        theirs = [paper_score(paper, k, parts[key.column]) for k in (key, key._replace(level=baseline))]
        if None in theirs or comparison.difference is None:
            continue
        printed, ours = theirs[0] - theirs[1], comparison.difference * PERCENT
        outcome = agreement(results, key, comparison, baseline=baseline, printed=printed)
        both = describe_intervals(percents(comparison.seed_interval), percents(comparison.example_interval))
        said = (
            f"{key.panel}: {key.level} against {baseline}: the paper {format_signed(printed)}, here "
            f"{format_signed(ours)} ({both}): {outcome}."
        )
        told.append((outcome, said))
    sentences = summarize_sentences(told, what=f"with {baseline}")
    named = [name for name in results.grid.groups if name not in _paper_rows(results, paper)]
    if named:
        sentences.append(f"The paper has no row for {', '.join(named)}.")
    return KeyFinding(question="Against the paper", sentences=sentences or ["No comparison has both numbers yet."])


def summarize_sentences(told: Sequence[tuple[str, str]], *, what: str) -> list[str]:
    """Sentences on comparisons: each that points somewhere; a few of those that do not, or how many there are."""
    nowhere = [outcome for outcome, _ in told if outcome.startswith("undecided")]
    if len(nowhere) <= MAX_NAMED:
        return [said for _, said in told]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(nowhere).most_common())
    return [
        *(said for outcome, said in told if not outcome.startswith("undecided")),
        f"Of {len(told)} comparisons {what} that the paper prints too: {counts}. The tables have their numbers.",
    ]


def agreement(results: Results, key: Condition, comparison: Comparison, *, baseline: str, printed: float) -> str:
    """One of three outcomes; a difference points somewhere only where neither interval holds 0."""
    if _all_collapsed([results.summaries[k] for k in (key, key._replace(level=baseline))]):
        return "undecided here, both collapsed"
    if not (excludes_zero(comparison.seed_interval) and excludes_zero(comparison.example_interval)):
        return "undecided here"
    if abs(printed) < 0.005:  # two decimals are printed
        return "undecided, the paper's two numbers are equal"
    return "same direction" if printed * comparison.difference > 0 else "opposite direction"


def excludes_zero(bounds: tuple[float, float] | None) -> bool:
    """Whether an interval lies on one side of 0; not where there is none."""
    return bounds is not None and (bounds[0] > 0 or bounds[1] < 0)


def _all_collapsed(summaries: Sequence[CellSummary]) -> bool:
    return all(summary.failed == summary.n for summary in summaries)


def _paper_rows(results: Results, paper: str) -> set[str]:
    return {
        key.group
        for key in results.conditions()
        for part in results.grid.columns
        if part.label == key.column and paper_score(paper, key, part) is not None
    }


def _failures(results: Results) -> str:
    # The BLURB score's cells are the other cells' runs again.
    summaries = {key: one for key, one in results.summaries.items() if results.column(key.column).weights is None}
    failed = {key: summary.failed for key, summary in summaries.items() if summary.failed}
    total, runs = sum(failed.values()), sum(summary.n for summary in summaries.values())
    if not failed:
        return f"Fine-tuning collapsed in none of {runs} cases (a setting with a seed)."
    whole = sum(results.summaries[key].n == count for key, count in failed.items())
    if total == runs:
        return f"Fine-tuning collapsed in all {runs} cases (a setting with a seed)."
    if whole > 1:
        return (
            f"Fine-tuning collapsed in {total} of {runs} cases (a setting with a seed): with every seed in {whole} of "
            f"{len(summaries)} cells of the table."
        )
    worst = max(failed, key=lambda key: failed[key] / results.summaries[key].n)
    return (
        f"Fine-tuning collapsed in {total} of {runs} cases (a setting with a seed), most often with {worst.name} "
        f"({failed[worst]} of {results.summaries[worst].n})."
    )


def format_p_value(p: float | None) -> str:
    """Two significant digits, and a bound where it is tiny."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def _empty(columns: Sequence[str]) -> tuple[str, ...]:
    return (NOT_RUN, *("–" for _ in columns[1:]))
