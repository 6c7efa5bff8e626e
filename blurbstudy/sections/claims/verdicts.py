"""Verdicts on the paper's claims: each contrast supports its claim, opposes it or is undecided, and a rule combines
them.

A contrast is decided by one p, over seeds and test examples together, or of an exact test of rates of collapse. How p
are corrected for several contrasts follows from the rule: where all must agree, each is tested at 0.05 (the union of
their errors is no larger), and where one is enough, Holm's correction holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...stats.intervals import holm
from .claims import Claim, Contrast
from .estimates import LEVEL, Cells, Estimate, estimate
from .paper_claims import margin_of, printed_difference

CONFIRMED, CONTRADICTED, NOT_TESTED = "confirmed", "contradicted", "not tested"
UNCONFIRMABLE, UNDECIDED_VERDICT = "cannot be confirmed on this test set", "undecided"
VERDICTS = (CONFIRMED, CONTRADICTED, UNCONFIRMABLE, UNDECIDED_VERDICT, NOT_TESTED)
SUPPORTS, OPPOSES, UNDECIDED, UNTESTED = "supports", "opposes", "undecided", "not tested"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcome of one contrast."""

    estimate: Estimate
    outcome: str  # SUPPORTS, OPPOSES, UNDECIDED or UNTESTED
    p: float | None = None  # of the outcome, corrected by the claim's rule; if undecided, the smaller of both

    @property
    def contrast(self) -> Contrast:
        return self.estimate.contrast


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a claim, with its contrasts."""

    claim: Claim
    verdict: str  # one of VERDICTS
    judgements: tuple[Judgement, ...]

    def count(self, outcome: str) -> int:
        return sum(judgement.outcome == outcome for judgement in self.judgements)

    @property
    def tested(self) -> int:
        return len(self.judgements) - self.count(UNTESTED)

    @property
    def needed(self) -> list[str]:
        """The test sets that would be needed where these cannot confirm an undecided contrast."""
        needed = (j.estimate.needed for j in self.judgements if j.outcome == UNDECIDED)
        return list(dict.fromkeys(filter(None, needed)))


def judge(claim: Claim, cells: Cells, *, margin: float) -> Verdict:
    """The verdict on a claim from the available runs.
    `margin`: points (score times 100) within which a difference counts as negligible.
    """
    points = margin_of(claim, margin)
    estimates = []
    for contrast in claim.contrasts:
        printed = printed_difference(contrast)
        fraction = None if printed is None else printed / 100
        estimates.append(estimate(contrast, cells, margin=points / 100, printed=fraction))
    parts = _by_part(claim, estimates)
    judgements = {
        id(e): j for part in parts for e, j in zip(part, decide(claim.rule, part, n_parts=len(parts)), strict=True)
    }
    verdict = _combined([_verdict(claim.rule, [judgements[id(e)] for e in part]) for part in parts])
    return Verdict(claim=claim, verdict=verdict, judgements=tuple(judgements[id(e)] for e in estimates))


def _by_part(claim: Claim, estimates: Sequence[Estimate]) -> list[list[Estimate]]:
    parts: dict[str, list[Estimate]] = {}
    for entry in estimates:
        parts.setdefault(claim.part_of(entry.contrast), []).append(entry)
    return list(parts.values())


def decide(rule: str, estimates: Sequence[Estimate], *, n_parts: int = 1) -> list[Judgement]:
    """The outcomes of the contrasts of one part of a claim.
    `n_parts`: parts of the claim, one of which is enough to contradict it.
    """
    corrected_for, corrected_against = _corrected(rule, estimates)
    judgements = []
    for entry, p_for, p_against in zip(estimates, corrected_for, corrected_against, strict=True):
        if not entry.tested:
            judgements.append(Judgement(estimate=entry, outcome=UNTESTED))
        elif p_for is None or p_against is None:
            judgements.append(Judgement(estimate=entry, outcome=UNDECIDED))
        else:
            p_against = min(1.0, n_parts * p_against)
            outcome = SUPPORTS if p_for < LEVEL else OPPOSES if p_against < LEVEL else UNDECIDED
            p = {SUPPORTS: p_for, OPPOSES: p_against}.get(outcome, min(p_for, p_against))
            judgements.append(Judgement(estimate=entry, outcome=outcome, p=p))
    return judgements


def _corrected(rule: str, estimates: Sequence[Estimate]) -> tuple[list[float | None], list[float | None]]:
    """p of what is claimed and of its opposite, as the rule asks."""
    p_for, p_against = [entry.p_for for entry in estimates], [entry.p_against for entry in estimates]
    if rule == "all":
        return p_for, holm(p_against)
    if rule == "any":
        return holm(p_for), p_against
    n = sum(entry.tested for entry in estimates)
    majority = n // 2 + 1
    return _partial_conjunction(p_for, n, needed=majority), _partial_conjunction(p_against, n, needed=n - majority + 1)


def _partial_conjunction(p_values: Sequence[float | None], n: int, *, needed: int) -> list[float | None]:
    """p by which at least `needed` of n contrasts hold if as many are below a level (Benjamini and Heller 2008)."""
    return [None if p is None else min(1.0, (n - needed + 1) * p) for p in p_values]


def _combined(verdicts: Sequence[str]) -> str:
    """The verdict on a claim from those on its parts, all of which must hold."""
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return UNCONFIRMABLE if UNCONFIRMABLE in verdicts else UNDECIDED_VERDICT


def _verdict(rule: str, judgements: Sequence[Judgement]) -> str:
    """The verdict on one part; whether an undecided one could have been confirmed on this test set."""
    verdict = verdict_of(rule, [judgement.outcome for judgement in judgements])
    if verdict != UNDECIDED_VERDICT:
        return verdict
    hoped = [SUPPORTS if j.outcome == UNDECIDED else j.outcome for j in judgements]
    reachable = [j.outcome if j.estimate.needed else h for j, h in zip(judgements, hoped, strict=True)]
    confirmable = verdict_of(rule, reachable) == CONFIRMED
    return UNCONFIRMABLE if not confirmable and verdict_of(rule, hoped) == CONFIRMED else verdict


def verdict_of(rule: str, outcomes: Sequence[str]) -> str:
    """Combine outcomes by a rule. Untested contrasts are ignored, but `all` and `most` cannot be confirmed if more than
    half are untested.
    """
    tested = [outcome for outcome in outcomes if outcome != UNTESTED]
    supports, opposes = tested.count(SUPPORTS), tested.count(OPPOSES)
    enough = 2 * len(tested) >= len(outcomes)
    if not tested:
        return NOT_TESTED
    if rule == "any":
        confirmed, contradicted = supports > 0, opposes == len(outcomes)
    elif rule == "most":
        confirmed, contradicted = enough and 2 * supports > len(tested), enough and 2 * opposes >= len(tested)
    else:
        confirmed, contradicted = enough and supports == len(tested), opposes > 0
    if confirmed or contradicted:
        return CONFIRMED if confirmed else CONTRADICTED
    return UNDECIDED_VERDICT if enough else NOT_TESTED
