"""The verdicts on the paper's claims as rows that open, and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ...study.study import Study
from ...tables.comparison_table import format_p_value
from ...tables.formatting import format_count, format_interval, format_number, format_signed
from ...tables.score_table import percent, percents
from ...tables.table import KeyFinding, Table
from ..parameters import ClaimsParameters as Parameters
from .claims import RULES, SELDOM, load_claims
from .evidence import Evidence, collect_runs
from .folded_rows import FoldedRow, FoldedRows, RowGroup, details_table
from .forest_plot import forest
from .paper_claims import describe_contrast, describe_printed, margin_of, printed_agreement, printed_difference
from .verdicts import (
    CONFIRMED,
    CONTRADICTED,
    NOT_TESTED,
    OPPOSES,
    SUPPORTS,
    UNCONFIRMABLE,
    UNDECIDED,
    UNDECIDED_VERDICT,
    UNTESTED,
    VERDICTS,
    Judgement,
    Verdict,
    judge,
)

VERBS = {  # outcome -> of one comparison, and of several
    SUPPORTS: ("supports it", "support it"),
    OPPOSES: ("opposes it", "oppose it"),
    UNDECIDED: ("is undecided", "are undecided"),
}
CSS_CLASSES = {
    CONFIRMED: "confirmed",
    CONTRADICTED: "contradicted",
    UNCONFIRMABLE: "inconclusive",
    UNDECIDED_VERDICT: "inconclusive",
    NOT_TESTED: "not",
}
QUESTION = "Which of the paper's claims hold?"
HEADS = (
    ("statement", "Claim"),
    ("badge", "Verdict"),
    ("figure", "Differences"),
    ("numbers", "The paper's own numbers"),
)
COLUMNS = ("Comparison", "Outcome", "Difference", "95%", "80%", "p", "n", "Collapsed", "The paper")


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Every claim with its verdict, and the runs behind them."""

    verdicts: tuple[Verdict, ...]
    evidence: Evidence
    margin: float  # points
    is_demo: bool = False  # on generated data

    def of(self, verdict: str) -> list[Verdict]:
        return [judged for judged in self.verdicts if judged.verdict == verdict]


def claim_verdicts(study: Study[Parameters]) -> Verdicts:
    """Judge every claim from the runs in the study's store; nothing is run."""
    evidence, margin = collect_runs(study), study.parameters.margin
    verdicts = tuple(judge(claim, evidence.cell, margin=margin) for claim in load_claims())
    return Verdicts(verdicts=verdicts, evidence=evidence, margin=margin, is_demo=study.is_demo)


def verdict_rows(verdicts: Verdicts) -> FoldedRows:
    """A row per claim: statement, verdict, its comparisons as a figure, the paper's numbers. Decided claims come first,
    and those without runs are folded away.
    """
    groups = []
    for verdict in VERDICTS:
        judged = verdicts.of(verdict)
        heading = f"{verdict[0].upper()}{verdict[1:]}: {format_count(len(judged), 'claim')}"
        missing = verdicts.evidence.missing.items() if verdict == NOT_TESTED else ()
        if judged:
            groups.append(
                RowGroup(
                    heading=heading,
                    rows=[_claim_row(claim_verdict, verdicts.margin) for claim_verdict in judged],
                    folded=verdict == NOT_TESTED,
                    note="\n".join(f"No runs of {notebook}: {why}" for notebook, why in missing),
                )
            )
    return FoldedRows(
        title="Verdicts on the paper's claims",
        columns=(
            "Claim",
            "Sections",
            "Verdict",
            "Comparisons",
            "The paper's own numbers",
            "Confirmed if",
            "Contradicted if",
            "Caveat",
        ),  # fmt: skip
        rows=[
            (
                judged.claim.statement,
                ", ".join(judged.claim.sections),
                judged.verdict,
                describe_outcomes(judged),
                printed_agreement(judged.claim, margin=margin_of(judged.claim, verdicts.margin)),
                judged.claim.confirmed_if,
                judged.claim.contradicted_if,
                judged.claim.caveat,
            )
            for judged in verdicts.verdicts
        ],
        groups=groups,
        details_table=comparison_table(verdicts),
        legend=_legend(verdicts),
        heads=HEADS,
        kind="verdicts",
        caption=verdicts.evidence.caption,
    )


def comparison_table(verdicts: Verdicts) -> Table:
    """Every comparison of every claim, with unrounded numbers and its runs: a file."""
    rows, runs = [], {}
    for judged in verdicts.verdicts:
        for judgement in judged.judgements:
            description, numbers = describe_contrast(judgement.contrast), judgement.estimate
            runs[f"{judged.claim.id}: {description}"] = numbers.run_ids
            low, high = percents(numbers.interval) or (None, None)
            values = (percent(numbers.difference), low, high, percent(numbers.detectable), judgement.p)
            rows.append(
                (
                    judged.claim.id,
                    description,
                    judgement.outcome,
                    "; ".join(_remarks(judgement)),
                    *map(_unrounded, values),
                    str(numbers.n),
                    " / ".join(numbers.collapsed),
                    _unrounded(printed_difference(judgement.contrast)),
                )
            )
    columns = ("Claim", "Comparison", "Outcome", "Remarks", "Difference", "95% low", "95% high", "80%", "p", "n",
               "Collapsed", "The paper's difference")  # fmt: skip
    return Table(title="The comparisons behind the verdicts", columns=columns, rows=rows, runs=runs)


def verdicts_answer(verdicts: Verdicts) -> KeyFinding:
    """The number of claims per verdict, and the decided ones."""
    counts = ", ".join(f"{len(verdicts.of(verdict))} {verdict}" for verdict in VERDICTS)
    about = " on generated data, which says nothing about the claims themselves" if verdicts.is_demo else ""
    sentences = [f"Of {len(verdicts.verdicts)} claims{about}: {counts}."]
    for verdict in (CONFIRMED, CONTRADICTED):
        for judged in verdicts.of(verdict):
            statement = judged.claim.statement.rstrip(".")
            sentences.append(f"{verdict.capitalize()}: {statement} ({describe_outcomes(judged)}).")
    return KeyFinding(question=QUESTION, sentences=sentences, on_front_page=True)


def describe_outcomes(judged: Verdict) -> str:
    """`of 6 comparisons 3 support it, 1 opposes it, 2 are undecided; 2 more have no runs`."""
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


def _claim_row(judged: Verdict, study_margin: float) -> FoldedRow:
    claim, margin = judged.claim, margin_of(judged.claim, study_margin)
    figure = forest(judged.judgements, margin=margin, label=claim.statement)
    badge = f'<b class="verdict {CSS_CLASSES[judged.verdict]}">{escape(judged.verdict)}</b>'
    cells = [("statement", escape(claim.statement))]
    if judged.tested:
        cells += [("badge", f"{badge}<small>{escape(_short_outcomes(judged))}</small>"), ("figure", figure.markup)]
    agreement = printed_agreement(claim, margin=margin)
    if agreement != "–":
        cells.append(("numbers", f"<small>Paper: </small>{agreement}"))
    criterion = [
        f"{_format_sections(claim.sections)}. Confirmed if {claim.confirmed_if}. Contradicted if "
        f"{claim.contradicted_if}.",
        claim.caveat,
        f"{describe_outcomes(judged).capitalize()}." if judged.tested else "",
        f"To confirm it, if the differences are those that the paper prints, would take {'; '.join(judged.needed)}."
        if judged.needed
        else "",
    ]
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in criterion if text)
    rows = [_comparison_row(judgement, margin) for judgement in judged.judgements]
    if judged.tested:
        table = details_table(COLUMNS, rows, label=claim.statement)
    else:  # nothing but the paper's numbers
        table = details_table((COLUMNS[0], COLUMNS[-1]), [(row[0], row[-1]) for row in rows], label=claim.statement)
    return FoldedRow(cells=cells, details=paragraphs + table)


def _comparison_row(judgement: Judgement, margin: float) -> tuple[str, ...]:
    numbers = judgement.estimate
    remarks = _remarks(judgement)
    return (
        describe_contrast(judgement.contrast),
        judgement.outcome + (f": {'; '.join(remarks)}" if remarks else ""),
        format_signed(percent(numbers.difference), 1),
        format_interval(percents(numbers.interval), 1),
        format_number(percent(numbers.detectable), 1),
        format_p_value(judgement.p),
        str(numbers.n) if numbers.tested else "–",
        " / ".join(numbers.collapsed) or "–",
        describe_printed(judgement.contrast, margin=margin),
    )


def _remarks(judgement: Judgement) -> list[str]:
    numbers = judgement.estimate
    return [*filter(None, [numbers.why, f"would take {numbers.needed}" if numbers.needed else ""])]


def _short_outcomes(judged: Verdict) -> str:
    """`3 of 6 support, 1 of 6 opposes`; where none is decided, how many there are."""
    n = judged.tested
    decided = [(judged.count(outcome), outcome) for outcome in (SUPPORTS, OPPOSES)]
    listed = ", ".join(f"{k} of {n} {VERBS[outcome][k > 1].removesuffix(' it')}" for k, outcome in decided if k)
    if listed or n == len(judged.judgements):
        return listed or format_count(n, "comparison")
    return f"{n} of {len(judged.judgements)} with runs"


def _legend(verdicts: Verdicts) -> list[str]:
    notes = [
        "Click a claim for its criterion and its comparisons one by one. The figure: each comparison is a point with "
        "its 95% interval, named where you point at it; the line is 0, the band is the margin, and "
        "a point at an edge lies at it or beyond.",
        f"A difference within {verdicts.margin:g} points (score times 100) counts as negligible.",
        "A comparison of scores is decided by one p over seeds and test examples, whose variances are added; "
        "*little or no difference* by two one-sided tests at 0.05 (the 90% interval lies within the margin). Rates of "
        "collapse (runs that diverged, predict a constant or have not trained) are compared by exact tests within each "
        "encoder and task; sets of tasks by a permutation of tasks, since a task often collapses as a whole and its "
        "runs are not independent.",
        f"{UNCONFIRMABLE.capitalize()}: even with endless seeds the test examples would leave so much uncertainty that "
        "an average study could not confirm the claim, if the true difference is that of the paper, or 0 where little "
        "or no difference is claimed. The numbers of examples are those with which 80% of studies would.",
        *(f"Rule `{name}`: {text}." for name, text in RULES.items()),
        "Claims with rule `all` or `most` cannot be confirmed if fewer than half of their comparisons have runs.",
        "Difference: the first minus the second, times 100, of scores or of rates of collapse; of a single rate of "
        f"collapse, less {SELDOM:.0%}. 95%: over seeds and test examples; of rates, none where tasks or encoders are "
        "the units. 80%: the smallest difference detected with 80% power. p: the smaller of the "
        "p of the claim and of its opposite, corrected by the claim's rule. n: seeds on both sides, or runs. "
        "Collapsed: of the first / of the second. Less the same difference of: minus the same difference elsewhere.",
        "The paper's numbers: whether its printed differences, at face value, are as claimed.",
    ]
    if verdicts.evidence.systems:
        notes.append(
            "scispaCy max: for each test set the model with the better score on it, an oracle that is not available "
            "in advance. A model has one set of predictions and no seeds: every seed of an encoder is compared with "
            f"its one score, on the same resamples of test examples. {verdicts.evidence.systems}."
        )
    return notes


def _format_sections(sections: Sequence[str]) -> str:
    """`("Abstract", "3.4")` -> `Abstract, section 3.4`."""
    numbers = [section for section in sections if section[0].isdigit()]
    parts = [section for section in sections if section not in numbers]
    parts += [f"section{'s'[: len(numbers) > 1]} {' and '.join(numbers)}"] if numbers else []
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def _unrounded(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"
