"""Comparisons with a baseline: differences next to the paper's and rates of collapse, as tables and in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..stats.contrasts import Comparison
from ..study.decisions import Decision, Outcome, decide_collapse, decide_levels, tested_conditions
from ..study.grid import Condition, Results, in_sentence
from .formatting import format_interval, format_number, format_signed
from .paper import AGAINST_PAPER, NOT_COMPARED
from .score import difference_bar
from .score_table import MAX_NAMED, PERCENT, paper_score, percent, percents, run_ids, seed_notes
from .table import HtmlCell, KeyFinding, Remark, Table, empty_row, number_with_details

PAIRS_NOTE = (
    "Pairs: pretraining seeds × fine-tuning seeds scored on both sides; t has fewer degrees of freedom than there are "
    "pairs, since those of one seed are not independent."
)
DIFFERENCE_NOTE = (
    "95%: interval over seeds and test examples together, whose variances are added, also as a bar (dotted: zero; "
    "thick: over seeds alone, from three on). p is corrected for all comparisons, the interval is not, so one that "
    "leaves out zero can stand beside undecided. "
    "80%: the smallest difference that a study of this size detects with 80% power (p < 0.05 without correction). "
    "Differences of correlations are taken on Fisher's z scale."
)

ONE_SEED_DEMO = Remark("One seed: this demonstrates the tables and decides nothing.")
NO_REMARK = Remark("")  # below a table whose place ONE_SEED_DEMO takes


def paper_difference(results: Results, condition: Condition, *, baseline: str, paper: str) -> float | None:
    """The paper's number of a condition minus that of its baseline, in points; None where it lacks one."""
    both = (condition, condition._replace(level=baseline))
    ours, theirs = (paper_score(results, each, paper=paper) for each in both)
    return None if ours is None or theirs is None else ours - theirs


def paired_table(results: Results, *, title: str, baseline: str, paper: str) -> Table | Remark:
    """Differences from the baseline, next to the differences between the paper's numbers."""
    if not results.decides:
        return ONE_SEED_DEMO
    decisions, beside = decide_levels(results, baseline=baseline), bool(paper) and results.shows_paper
    reach = widest_interval([decision.comparison for decision in decisions])
    rows = [
        (
            *_row_headers(decision, several=len(results.grid.columns) > 1),
            *difference_cells(decision.comparison, reach=reach),
            format_p_value(decision.p),
            _format_pairs(decision),
            decision.outcome.value,
            *(
                [format_signed(paper_difference(results, decision.condition, baseline=baseline, paper=paper))]
                if beside
                else []
            ),
        )
        for decision in decisions
    ]
    axes = results.grid.axes
    headers = (axes.level, "Task") if axes.group is None else (axes.level, axes.group)
    columns = (*headers, "Difference", "95%", "80%", "p (Holm)", "seeds", "Here")
    columns += ("The paper's",) if beside else ()
    n_effects = len({(decision.condition.level, decision.condition.column) for decision in decisions})
    notes = [
        f"Difference from {in_sentence(baseline)}, times 100; positive: better. {DIFFERENCE_NOTE} Averages over "
        f"encoders are tested first (Holm's correction over {n_effects}), and single encoders only where their average "
        "is decided (Holm's correction among them). All runs count, collapsed ones included; those that diverged "
        "count as the trivial baseline.",
        *tested_conditions(results, baseline=baseline)[1],
        *seed_notes(results, {d.condition: d.comparison.seed_method for d in decisions if not d.is_average}),
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
        kind="paired",
    )


def widest_interval(changes: Sequence[Comparison]) -> float:
    """The largest end of their intervals, in points: the reach of the axis that their bars share."""
    return max((abs(end) * PERCENT for change in changes for end in change.interval or ()), default=0.0)


def difference_cells(change: Comparison | None, *, reach: float = 0.0) -> tuple[str, str | HtmlCell, str]:
    """A difference, its interval with the intervals over each source, and what such a study decides.
    `reach`: points to either side of zero on the axis of the bar; 0: no bar.
    """
    if change is None:
        return "–", "–", "–"
    if change.interval is None:
        return format_signed(percent(change.difference), 1), change.reason or "–", "–"
    parts = {"seeds": change.seed_interval, "examples": change.example_interval, "Nadeau-Bengio": change.nadeau_bengio}
    lines = [f"{name} {format_interval(percents(bounds), 1)}" for name, bounds in parts.items() if bounds is not None]
    intervals = percents(change.interval), percents(change.seed_interval)
    bar = difference_bar(percent(change.difference), *intervals, reach=reach)
    interval = number_with_details(None, format_interval(percents(change.interval), 1), lines, bar=bar)
    return format_signed(percent(change.difference), 1), interval, format_number(percent(change.detectable), 1)


def _row_headers(decision: Decision, *, several: bool) -> tuple[str, str]:
    condition = decision.condition
    level = f"{condition.level}, {condition.column}" if several and condition.group else condition.level
    if decision.is_average:
        level = f"{condition.level}, {condition.column}" if several else condition.level
        return level, f"mean of {decision.groups}"
    return (level, condition.group) if condition.group else (condition.level, condition.column)


def _format_pairs(decision: Decision) -> str:
    """`5`; with pretraining and fine-tuning seeds `3 × 2`, or `5 of 3 × 2`."""
    comparison = decision.comparison
    pairs = [seed for seed in comparison.seeds if isinstance(seed, tuple)]
    if not pairs:
        return str(comparison.n) if comparison.paired else f"{comparison.n}, not paired"
    a, n = (len(set(seeds)) for seeds in zip(*pairs, strict=True))
    return f"{a} × {n}" if a * n == comparison.n else f"{comparison.n} of {a} × {n}"


def collapse_table(results: Results, *, title: str, baseline: str) -> Table | Remark:
    """The rate of collapse of every level against the baseline's, over all groups and columns."""
    if not results.decides:
        return NO_REMARK
    decided = decide_collapse(results, baseline=baseline)
    rows = [
        (
            level,
            f"{change.collapsed[0]} of {change.n[0]}",
            f"{change.collapsed[1]} of {change.n[1]}",
            format_signed(change.difference * PERCENT, 1),
            format_interval(percents(change.interval), 1),
            format_p_value(p),
            change.method,
        )
        for level, (change, p) in decided.items()
    ]
    axes = results.grid.axes
    columns = (axes.level, "collapsed", f"{baseline}", "Difference in points", "95%", "p (Holm)", "by")
    notes = [
        "Runs that collapsed, counted within each encoder and task and tested exactly; Holm's correction over "
        f"{len(decided)} rows. The difference is the mean over encoders and tasks, weighted by their runs."
    ]
    if results.grid.axes.group is None:  # the levels are encoders
        notes.append(
            "Each level is an encoder that was pretrained once or a few times, so this holds for these encoders."
        )
    return Table(title=title, columns=columns, rows=rows or [empty_row(columns)], caption=results.caption, notes=notes)


def key_findings(results: Results, *, question: str, baseline: str) -> KeyFinding:
    """Which rates of collapse and which means differ from the baseline's, and what is undecided."""
    if not results.summaries:
        return KeyFinding(question=question, sentences=["Nothing has been run yet."])
    sentences = [_collapsed_runs(results)]
    if not results.decides:
        return KeyFinding(question=question, sentences=[*sentences, ONE_SEED_DEMO.text])
    changed: dict[str, list[str]] = {}
    for level, (change, p) in decide_collapse(results, baseline=baseline).items():
        if p < 0.05:
            counts = " against ".join(f"{k} of {n}" for k, n in zip(change.collapsed, change.n, strict=True))
            side = level if change.difference > 0 else baseline
            where = all_with((key.group, s.collapsed) for key, s in results.summaries.items() if key.level == side)
            words = f"{level}, {counts}{where} ({_p(p)})"
            changed.setdefault("Fewer" if change.difference < 0 else "More", []).append(words)
    sentences += [
        f"{word} runs collapse than with {in_sentence(baseline)}: {'; '.join(levels)}; exact tests, after Holm."
        for word, levels in changed.items()
    ]
    decisions = decide_levels(results, baseline=baseline)
    averaged = {(d.condition.level, d.condition.column) for d in decisions if d.is_average}
    effects = [d for d in decisions if d.is_average or (d.condition.level, d.condition.column) not in averaged]
    for effect in (d for d in effects if d.outcome.decided):
        same = (effect.condition.level, effect.condition.column)
        members = [d for d in decisions if d is not effect and (d.condition.level, d.condition.column) == same]
        sentences.append(_describe_decision(effect, members, baseline=baseline))
    undecided = [d for d in effects if not d.outcome.decided]
    if undecided:
        reaches = [d.comparison.detectable for d in undecided if d.comparison.detectable is not None]
        reach = f"; differences of {_range(reaches)} points would be detected with 80% power" if reaches else ""
        sentences.append(
            f"Undecided: {len(undecided)} of {len(effects)} comparisons with {in_sentence(baseline)}{reach}."
        )
    return KeyFinding(question=question, sentences=sentences)


def all_with(collapsed: Iterable[tuple[str, int]]) -> str:
    """`, all with ELECTRA` where one encoder of several has every collapsed run.
    `collapsed`: encoder and collapsed runs, of each cell.
    """
    totals: Counter[str] = Counter()
    for encoder, n in collapsed:
        totals[encoder] += n
    names = [encoder for encoder, n in totals.items() if n]
    return f", all with {names[0]}" if len(names) == 1 < len(totals) else ""


def _range(values: Sequence[float]) -> str:
    low, high = (format_number(end * PERCENT, 1) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _describe_decision(decision: Decision, members: Sequence[Decision], *, baseline: str) -> str:
    """A decided difference in a sentence, with the encoders of which it is the mean."""
    condition, change = decision.condition, decision.comparison
    assert change.difference is not None
    where = f"{condition.column}, mean of {decision.groups} encoders" if decision.is_average else condition.panel
    each = ", ".join(
        f"{member.condition.group} {format_signed(percent(member.comparison.difference), 1)}"
        + ("" if member.outcome.decided else f" {member.outcome.value}")
        for member in members
    )
    return (
        f"{where}: {condition.level} is {decision.outcome.value} than {in_sentence(baseline)} by "
        f"{format_number(abs(change.difference) * PERCENT, 1)} (95% {format_interval(percents(change.interval), 1)}, "
        f"{_p(decision.p)} after Holm){f': {each}' if each else ''}."
    )


def compare_with_paper(results: Results, *, baseline: str, paper: str) -> KeyFinding:
    """Whether our differences have the sign of the paper's, comparison by comparison."""
    if not results.shows_paper:
        return NOT_COMPARED
    outcomes = []
    for decision in decide_levels(results, baseline=baseline):
        condition = decision.condition
        printed = paper_difference(results, condition, baseline=baseline, paper=paper)
        if decision.is_average or printed is None or decision.comparison.difference is None:
            continue
        outcome = agreement(decision, printed=printed)
        text = describe_difference(decision.comparison, printed=printed, outcome=outcome)
        outcomes.append((outcome, f"{condition.panel}: {condition.level} against {in_sentence(baseline)}: {text}"))
    sentences = summarize_sentences(outcomes, what=f"with {in_sentence(baseline)}")
    printed_groups = {
        condition.group
        for condition in results.conditions()
        if paper_score(results, condition, paper=paper) is not None
    }
    missing = [name for name in results.grid.groups if name not in printed_groups]
    if missing:
        sentences.append(f"The paper has no row for {', '.join(missing)}.")
    return KeyFinding(question=AGAINST_PAPER, sentences=sentences or ["No comparison has both numbers yet."])


def describe_difference(comparison: Comparison, *, printed: float, outcome: str) -> str:
    """The paper's difference, ours with its interval, and the outcome."""
    ours = format_signed(percent(comparison.difference), 1)
    interval = comparison.reason if comparison.interval is None else format_interval(percents(comparison.interval), 1)
    return f"the paper {format_signed(printed)}, here {ours} ({interval}): {outcome}."


def summarize_sentences(outcomes: Sequence[tuple[str, str]], *, what: str) -> list[str]:
    """The sentences of (outcome, sentence) pairs; if many are undecided, only their count.
    `what`: the comparisons, for that count: `with BERT`.
    """
    undecided = [outcome for outcome, _ in outcomes if outcome.startswith("undecided")]
    if len(undecided) <= MAX_NAMED:
        return [sentence for _, sentence in outcomes]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(undecided).most_common())
    return [
        *(sentence for outcome, sentence in outcomes if not outcome.startswith("undecided")),
        f"Of {len(outcomes)} comparisons {what} that the paper prints too: {counts}. The tables have their numbers.",
    ]


def agreement(decision: Decision, *, printed: float) -> str:
    """Same or opposite direction as the paper's difference, or undecided."""
    if decision.outcome is Outcome.BOTH_COLLAPSED:
        return "undecided here, both collapsed"
    if not decision.outcome.decided or decision.comparison.difference is None:
        return "undecided here"
    if abs(printed) < 0.005:  # two decimals are printed
        return "undecided, the paper's two numbers are equal"
    return "same direction" if printed * decision.comparison.difference > 0 else "opposite direction"


def _collapsed_runs(results: Results) -> str:
    """How many runs collapsed, and where most of them."""
    summaries = results.summaries
    single = {key: summary for key, summary in summaries.items() if len(summary.tasks) == 1} or summaries
    total, runs = (sum(values) for values in zip(*((s.collapsed, s.runs) for s in single.values()), strict=True))
    if not total:
        return f"None of {runs} runs collapsed."
    fully = sum(summary.collapsed == summary.runs for summary in single.values())
    start = f"{total} of {runs} runs collapsed"
    if runs == len(single):  # one a cell
        return f"{start}."
    if fully > 1:
        return f"{start}: all runs in {fully} of {len(single)} cells of the table."
    worst = max(single, key=lambda key: single[key].collapsed / single[key].runs)
    return f"{start}, most often with {worst.name} ({single[worst].collapsed} of {single[worst].runs})."


def _p(p: float | None) -> str:
    """`p < 0.001`, `p = 0.013`."""
    text = format_p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def format_p_value(p: float | None) -> str:
    """Two significant digits, or `< 0.001`."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
