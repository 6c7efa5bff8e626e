"""The verdicts on the paper's claims as tables and sentences, each beside what the paper's own numbers say of it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from ...study.study import NOT_A_RESULT, Study
from ...tables.comparison_table import format_p_value
from ...tables.score_table import PERCENT, percent, percents
from ...tables.table import (
    HtmlCell,
    KeyFinding,
    RowHeader,
    Table,
    format_interval,
    format_number,
    format_signed,
    interval_lines,
    number_with_details,
)
from .claims import RULES, load_claims
from .evidence import Evidence, gather
from .forest_plot import forest
from .grids import Parameters
from .paper_claims import contrast_in_words, margin_of, printed_agreement, printed_difference
from .verdicts import CONFIRMED, CONTRADICTED, OPEN, OPPOSES, SUPPORTS, UNTESTED, VERDICTS, Judgement, Verdict, judge

SAYS = {  # outcome -> what one comparison does, and what several do
    SUPPORTS: ("supports it", "support it"),
    OPPOSES: ("opposes it", "oppose it"),
    OPEN: ("leaves it open", "leave it open"),
}


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """Every claim with its verdict, and the runs that they rest on."""

    verdicts: tuple[Verdict, ...]
    evidence: Evidence
    margin: float  # points
    no_finding: bool

    def of(self, verdict: str) -> list[Verdict]:
        """Claims of one verdict."""
        return [one for one in self.verdicts if one.verdict == verdict]


def claim_verdicts(study: Study[Parameters]) -> Verdicts:
    """Judge every claim from the runs that the study's store holds; nothing is run."""
    evidence, margin = gather(study), study.parameters.margin
    verdicts = tuple(judge(claim, evidence.at, margin=margin) for claim in load_claims())
    return Verdicts(verdicts=verdicts, evidence=evidence, margin=margin, no_finding=study.is_demo)


def verdict_table(found: Verdicts) -> Table:
    """A row per claim: what is claimed, the verdict, the comparisons behind it in a small figure, the paper's own."""
    rows = []
    for one in found.verdicts:
        claim = one.claim
        rows.append(
            (
                RowHeader(
                    claim.statement,
                    f"{_place(claim.section)}. Confirmed if {claim.confirmed_if}. Contradicted if "
                    f"{claim.contradicted_if}.",
                ),
                _badge(one),
                forest(one.judgements, margin=margin_of(claim, found.margin), label=claim.statement),
                _numbers(one),
                printed_agreement(claim, margin=margin_of(claim, found.margin)),
            )
        )
    columns = ("Claim", "Verdict", "Differences", "In numbers", "The paper's own numbers")
    notes = [
        "Verdict: of the comparisons that decide the claim, how many support it, oppose it or leave it open; the rest "
        "have no runs here, or the same runs on both sides. One supports or opposes where both uncertainties do: "
        "Student's t over seeds (paired, Holm's correction within the claim) and the bootstrap over test examples; how "
        "often runs fail, by Fisher's exact test.",
        f"A difference counts as negligible within {format_number(found.margin)} points (score times 100).",
        *(f"Rule `{name}`: {text}." for name, text in RULES.items()),
        "All and most cannot be confirmed where fewer than half of the comparisons have runs.",
        "Differences: each comparison as a point with its 95% intervals, thick over seeds, thin over test examples; "
        "the line is 0, the band the margin. The paper's own numbers: whether the differences that it prints are as "
        "it claims, taken at face value.",
        *(f"No runs of {stem}: {why}." for stem, why in found.evidence.missing.items()),
    ]
    if found.evidence.systems:
        notes.append(
            "scispaCy max: for each test set the model that scores better on it, an oracle that is not available in "
            "advance. A model has one set of predictions and no seeds: what an encoder's seed scores is held against "
            f"its one score, over seeds and on the same draws of test examples. {found.evidence.systems}."
        )
    if found.no_finding:
        notes.insert(0, f"{NOT_A_RESULT} So is no verdict in this table.")
    runs = {one.claim.id: _run_ids(one) for one in found.verdicts}
    return Table(title="Verdicts on the paper's claims", columns=columns, rows=rows, notes=notes, kind="verdicts",
                 caption=found.evidence.caption, runs=runs)  # fmt: skip


def contrast_table(found: Verdicts) -> Table:
    """Every comparison that has runs, with its numbers and the paper's."""
    rows, runs = [], {}
    for one in found.verdicts:
        for judgement in (j for j in one.judgements if j.outcome != UNTESTED):
            said = contrast_in_words(judgement.contrast)
            runs[f"{one.claim.id}: {said}"] = judgement.run_ids
            rows.append(
                (
                    one.claim.id,
                    said,
                    f"{judgement.outcome}{f': {judgement.why}' if judgement.why else ''}",
                    format_signed(percent(judgement.difference)),
                    format_interval(percents(judgement.over_seeds)),
                    format_interval(percents(judgement.over_examples)),
                    format_p_value(judgement.p),
                    str(judgement.n),
                    " / ".join(judgement.failed),
                    format_signed(printed_difference(judgement.contrast)),
                )
            )
    columns = ("Claim", "What is claimed", "The runs", "Difference", "over seeds", "over examples", "p (Holm)", "n",
               "failed", "The paper's")  # fmt: skip
    notes = [
        "Difference: the first less the second, times 100; of comparisons of failures, of the shares of failed runs. "
        "n: pairs of seeds, or runs on both sides; beside a system without seeds, seeds. failed: of the first / of the "
        "second. Beyond the same of: a difference less the same difference elsewhere. p: the smaller of that of the "
        "claim and that of its opposite, after Holm's correction within the claim."
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(
        title="The comparisons behind the verdicts",
        columns=columns,
        n_header_columns=2,
        notes=notes,
        runs=runs,
        rows=rows,
        caption=found.evidence.caption,
        folded=True,
    )


def verdicts_answer(found: Verdicts) -> KeyFinding:
    """How many claims came out how, and which were decided."""
    counts = ", ".join(f"{len(found.of(verdict))} {verdict}" for verdict in VERDICTS)
    said = [f"{NOT_A_RESULT} The verdicts below are none either."] if found.no_finding else []
    said.append(f"Of {len(found.verdicts)} claims: {counts}.")
    for verdict in (CONFIRMED, CONTRADICTED):
        for one in found.of(verdict):
            said.append(f"{verdict.capitalize()}: {one.claim.statement.rstrip('.')} ({_counted(one)}).")
    return KeyFinding(question="Which of the paper's claims hold?", sentences=said, on_front_page=True)


def _place(section: str) -> str:
    """`Abstract; 3.4` -> `Abstract, section 3.4`."""
    places = section.split("; ")
    numbers = [place for place in places if place[0].isdigit()]
    said = [place for place in places if place not in numbers]
    said += [f"section{'s'[: len(numbers) > 1]} {' and '.join(numbers)}"] if numbers else []
    text = ", ".join(said)
    return text[0].upper() + text[1:]


def _badge(one: Verdict) -> HtmlCell:
    kind, counts = one.verdict.split()[0], _counted(one)
    markup = f'<span class="verdict {kind}">{escape(one.verdict)}</span><small>{escape(counts)}</small>'
    return HtmlCell(markup=markup, text=f"{one.verdict} ({counts})", value=VERDICTS.index(one.verdict))


def _counted(one: Verdict) -> str:
    """`of 6 comparisons 3 support it, 1 opposes it, 2 leave it open; 2 more have no runs`."""
    missing = one.count(UNTESTED)
    tested = len(one.judgements) - missing
    if not tested:
        return f"no runs for {'its one comparison' if missing == 1 else f'any of {missing} comparisons'}"
    said = {outcome: one.count(outcome) for outcome in SAYS if one.count(outcome)}
    if len(said) == 1:
        ((outcome, n),) = said.items()
        several = "both comparisons" if n == 2 else f"all {n} comparisons"
        text = f"the one comparison {SAYS[outcome][0]}" if n == 1 else f"{several} {SAYS[outcome][1]}"
    else:
        listed = ", ".join(f"{n} {SAYS[outcome][n > 1]}" for outcome, n in said.items())
        text = f"of {tested} comparisons {listed}"
    return text + (f"; {missing} more {'have' if missing > 1 else 'has'} no runs" if missing else "")


def _numbers(one: Verdict) -> HtmlCell | str:
    """One comparison in full; several by their range and median."""
    tested = [judgement for judgement in one.judgements if judgement.difference is not None]
    if len(tested) == 1:
        return _one_in_numbers(tested[0])
    if not tested:
        return "–"
    values = sorted(judgement.difference * PERCENT for judgement in tested)
    if format_signed(values[0]) == format_signed(values[-1]):
        return f"all {format_signed(values[0])}"
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    return f"{format_signed(values[0])} to {format_signed(values[-1])}, median {format_signed(middle)}"


def _one_in_numbers(judgement: Judgement) -> HtmlCell:
    seeds, examples = interval_lines(percents(judgement.over_seeds), percents(judgement.over_examples))
    said = [seeds, *([examples] if judgement.over_examples is not None else [])]
    p = f"p {format_p_value(judgement.p)}, " if judgement.p is not None else ""
    return number_with_details(
        judgement.difference, format_signed(percent(judgement.difference)), [*said, f"{p}n {judgement.n}"]
    )


def _run_ids(one: Verdict) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for judgement in one.judgements for run in judgement.run_ids))
