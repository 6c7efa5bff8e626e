"""The verdicts on the paper's claims as tables and sentences, compared with the paper's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from ...study.study import Study
from ...tables.comparison_table import format_p_value
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.score_table import PERCENT, percent, percents
from ...tables.table import HtmlCell, KeyFinding, RowHeader, Table, number_with_details
from .claims import RULES, SELDOM, load_claims
from .evidence import Evidence, collect_runs
from .forest_plot import forest
from .grids import Parameters
from .paper_claims import describe_contrast, margin_of, printed_agreement, printed_difference
from .verdicts import (
    CONFIRMED,
    CONTRADICTED,
    INCONCLUSIVE,
    INCONCLUSIVE_VERDICT,
    NOT_TESTED,
    OPPOSES,
    SUPPORTS,
    UNCONFIRMABLE,
    UNTESTED,
    VERDICTS,
    Judgement,
    Verdict,
    judge,
)

NAMED = 3  # test sets that a verdict names
VERBS = {  # outcome -> of one comparison, and of several
    SUPPORTS: ("supports it", "support it"),
    OPPOSES: ("opposes it", "oppose it"),
    INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
}
CSS_CLASSES = {
    CONFIRMED: "confirmed",
    CONTRADICTED: "contradicted",
    UNCONFIRMABLE: "inconclusive",
    INCONCLUSIVE_VERDICT: "inconclusive",
    NOT_TESTED: "not",
}


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Every claim with its verdict, and the runs behind them."""

    verdicts: tuple[Verdict, ...]
    evidence: Evidence
    margin: float  # points
    is_demo: bool = False  # on generated data

    def of(self, verdict: str) -> list[Verdict]:
        """Claims of one verdict."""
        return [judged for judged in self.verdicts if judged.verdict == verdict]


def claim_verdicts(study: Study[Parameters]) -> Verdicts:
    """Judge every claim from the runs in the study's store; nothing is run."""
    evidence, margin = collect_runs(study), study.parameters.margin
    verdicts = tuple(judge(claim, evidence.cell, margin=margin) for claim in load_claims())
    return Verdicts(verdicts=verdicts, evidence=evidence, margin=margin, is_demo=study.is_demo)


def verdict_table(verdicts: Verdicts) -> Table:
    """A row per claim: statement, verdict, its comparisons as a figure and as numbers, and the paper's numbers."""
    rows = []
    for judged in verdicts.verdicts:
        claim = judged.claim
        rows.append(
            (
                RowHeader(
                    claim.statement,
                    f"{_format_sections(claim.sections)}. Confirmed if {claim.confirmed_if}. Contradicted if "
                    f"{claim.contradicted_if}." + (f" {claim.caveat}" if claim.caveat else ""),
                ),
                _badge(judged),
                forest(judged.judgements, margin=margin_of(claim, verdicts.margin), label=claim.statement),
                _numbers(judged),
                printed_agreement(claim, margin=margin_of(claim, verdicts.margin)),
            )
        )
    columns = ("Claim", "Verdict", "Differences", "In numbers", "The paper's own numbers")
    notes = [
        "Verdict: how many of the claim's comparisons support it, oppose it or are inconclusive; the others have no "
        "runs here, or the same runs on both sides. A comparison of scores is decided by one p over seeds and test "
        "examples, whose variances are added; *little or no difference* by two one-sided tests at 0.05 (the 90% "
        "interval lies within the margin). Rates of collapse (runs that diverged, predict a constant or have not "
        "trained) are compared by exact tests, within each encoder and task.",
        f"{UNCONFIRMABLE.capitalize()}: with endless seeds too the test examples would leave so much uncertainty that "
        "an average study could not confirm the claim, if the true difference is that of the paper, or 0 where little "
        "or no difference is claimed. The numbers of examples are those with which 80% of studies would.",
        f"A difference within {format_number(verdicts.margin)} points (score times 100) counts as negligible.",
        *(f"Rule `{name}`: {text}." for name, text in RULES.items()),
        "Claims with rule `all` or `most` cannot be confirmed if fewer than half of their comparisons have runs.",
        "Differences: each comparison is a point with its 95% interval over seeds and test examples; the line is 0, "
        "the band is the margin. In numbers, 80%: the smallest difference that 80% of studies of this size would "
        "decide. "
        "The paper's own numbers: whether its printed differences, taken at face value, agree with the claim.",
        *(f"No runs of {stem}: {why}." for stem, why in verdicts.evidence.missing.items()),
    ]
    if verdicts.evidence.systems:
        notes.append(
            "scispaCy max: for each test set the model with the better score on it, an oracle that is not available "
            "in advance. A model has one set of predictions and no seeds: every seed of an encoder is compared with "
            f"its one score, on the same resamples of test examples. {verdicts.evidence.systems}."
        )
    runs = {judged.claim.id: _run_ids(judged) for judged in verdicts.verdicts}
    return Table(
        title="Verdicts on the paper's claims",
        columns=columns,
        rows=rows,
        notes=notes,
        kind="verdicts",
        caption=verdicts.evidence.caption,
        runs=runs,
    )


def contrast_table(verdicts: Verdicts) -> Table:
    """Every comparison with runs, with its numbers and the paper's."""
    rows, runs = [], {}
    for judged in verdicts.verdicts:
        for judgement in (j for j in judged.judgements if j.outcome != UNTESTED):
            description, numbers = describe_contrast(judgement.contrast), judgement.estimate
            runs[f"{judged.claim.id}: {description}"] = numbers.run_ids
            details = [numbers.why, f"would take {numbers.needed}" if numbers.needed else ""]
            rows.append(
                (
                    judged.claim.id,
                    description,
                    ": ".join(filter(None, [judgement.outcome, "; ".join(filter(None, details))])),
                    format_signed(percent(numbers.difference)),
                    format_interval(percents(numbers.interval)),
                    format_number(percent(numbers.detectable)),
                    format_p_value(judgement.p),
                    str(numbers.n),
                    " / ".join(numbers.collapsed),
                    format_signed(printed_difference(judgement.contrast)),
                )
            )
    columns = ("Claim", "Comparison", "Outcome", "Difference", "95%", "80%", "p", "n", "Collapsed", "Paper")
    notes = [
        "Difference: the first minus the second, times 100, of scores or of rates of collapse; of a single rate of "
        f"collapse, less {SELDOM:.0%}. 95%: over seeds and test examples; of rates, none where tasks or encoders are "
        "the units. 80%: the smallest difference that 80% of studies of this size would decide. n: seeds on "
        "both sides, or runs. Collapsed: of the first / of the second. Beyond the same of: a difference minus the same "
        "difference elsewhere. p: the smaller of the p-values of the claim and of its opposite, corrected by the "
        "claim's rule."
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(
        title="The comparisons behind the verdicts",
        columns=columns,
        n_header_columns=2,
        notes=notes,
        runs=runs,
        rows=rows,
        caption=verdicts.evidence.caption,
        folded=True,
    )


def verdicts_answer(verdicts: Verdicts) -> KeyFinding:
    """The number of claims per verdict, and the decided ones."""
    counts = ", ".join(f"{len(verdicts.of(verdict))} {verdict}" for verdict in VERDICTS)
    about = " on generated data, which says nothing about the claims themselves" if verdicts.is_demo else ""
    sentences = [f"Of {len(verdicts.verdicts)} claims{about}: {counts}."]
    for verdict in (CONFIRMED, CONTRADICTED):
        for judged in verdicts.of(verdict):
            statement = judged.claim.statement.rstrip(".")
            sentences.append(f"{verdict.capitalize()}: {statement} ({_describe_outcomes(judged)}).")
    return KeyFinding(question="Which of the paper's claims hold?", sentences=sentences, on_front_page=True)


def _format_sections(sections: Sequence[str]) -> str:
    """`("Abstract", "3.4")` -> `Abstract, section 3.4`."""
    numbers = [section for section in sections if section[0].isdigit()]
    parts = [section for section in sections if section not in numbers]
    parts += [f"section{'s'[: len(numbers) > 1]} {' and '.join(numbers)}"] if numbers else []
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _badge(judged: Verdict) -> HtmlCell:
    kind, counts = CSS_CLASSES[judged.verdict], _describe_outcomes(judged)
    if judged.needed:
        more = f" and {len(judged.needed) - NAMED} more" if len(judged.needed) > NAMED else ""
        counts += f". It would take {'; '.join(judged.needed[:NAMED])}{more}"
    markup = f'<span class="verdict {kind}">{escape(judged.verdict)}</span><small>{escape(counts)}</small>'
    return HtmlCell(markup=markup, text=f"{judged.verdict} ({counts})", value=VERDICTS.index(judged.verdict))


def _describe_outcomes(judged: Verdict) -> str:
    """`of 6 comparisons 3 support it, 1 opposes it, 2 are inconclusive; 2 more have no runs`."""
    missing = judged.count(UNTESTED)
    tested = len(judged.judgements) - missing
    if not tested:
        return f"no runs for {'its one comparison' if missing == 1 else f'any of {missing} comparisons'}"
    counts = {outcome: judged.count(outcome) for outcome in VERBS if judged.count(outcome)}
    if len(counts) == 1:
        ((outcome, n),) = counts.items()
        several = "both comparisons" if n == 2 else f"all {n} comparisons"
        text = f"the one comparison {VERBS[outcome][0]}" if n == 1 else f"{several} {VERBS[outcome][1]}"
    else:
        listed = ", ".join(f"{n} {VERBS[outcome][n > 1]}" for outcome, n in counts.items())
        text = f"of {tested} comparisons {listed}"
    return text + (f"; {missing} more {'have' if missing > 1 else 'has'} no runs" if missing else "")


def _numbers(judged: Verdict) -> HtmlCell | str:
    """One comparison in full; several by their range and median."""
    tested = [j for j in judged.judgements if j.estimate.difference is not None]
    if len(tested) == 1:
        return _full_numbers(tested[0])
    values = sorted(j.estimate.difference * PERCENT for j in tested if j.estimate.difference is not None)
    if not values:
        return "–"
    span = f"{format_signed(values[0])} to {format_signed(values[-1])}, median {format_signed(median(values))}"
    text = f"all {format_signed(values[0])}" if format_signed(values[0]) == format_signed(values[-1]) else span
    open_ones = (j.estimate.detectable for j in tested if j.outcome == INCONCLUSIVE)
    reaches = [reach * PERCENT for reach in open_ones if reach is not None]
    return text + (f"\n80%: {format_number(min(reaches))} to {format_number(max(reaches))}" if reaches else "")


def _full_numbers(judgement: Judgement) -> HtmlCell:
    numbers = judgement.estimate
    lines = [f"95% {format_interval(percents(numbers.interval))}"]
    if judgement.p is None:
        lines.append(numbers.why)
    elif judgement.outcome == INCONCLUSIVE and numbers.detectable is not None:
        lines.append(f"80% {format_number(percent(numbers.detectable))}")
    p = f"p {format_p_value(judgement.p)}, " if judgement.p is not None else ""
    difference = format_signed(percent(numbers.difference))
    return number_with_details(numbers.difference, difference, [*lines, f"{p}n {numbers.n}"])


def _run_ids(judged: Verdict) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for judgement in judged.judgements for run in judgement.estimate.run_ids))
