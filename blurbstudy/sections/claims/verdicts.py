"""Verdicts on the paper's claims: each contrast supports its claim, opposes it or is inconclusive, and a rule combines
them.

A contrast is decided only if both uncertainties agree: Student's t over seeds, with Holm's correction within the claim,
and the bootstrap over test examples. Contrasts of failure rates only have the first (Fisher's exact test).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...stats.contrasts import Cell, SeededCell, contrast_cells
from ...stats.crossed_seeds import mean_over_seeds
from ...stats.intervals import Interval, fisher_exact_p, holm, newcombe_interval
from ...stats.summary import Comparison
from .claims import EXPECTATIONS, CellRef, Claim, Contrast, Expectation

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
INCONCLUSIVE_VERDICT, NOT_TESTED = "inconclusive (n too small)", "not tested"
VERDICTS = (CONFIRMED, CONTRADICTED, INCONCLUSIVE_VERDICT, NOT_TESTED)
SUPPORTS, OPPOSES, INCONCLUSIVE, UNTESTED = "supports", "opposes", "inconclusive", "not tested"
LEVEL = 0.05  # two-sided, after Holm's correction


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcome of one contrast."""

    contrast: Contrast
    outcome: str  # SUPPORTS, OPPOSES, OPEN or UNTESTED
    why: str = ""  # if inconclusive or not tested
    difference: float | None = None  # first less second: of scores, or of shares of failed runs; a fraction
    over_seeds: Interval | None = None  # 95%
    over_examples: Interval | None = None  # 95%; of failures: None
    p: float | None = (
        None  # of the outcome, after Holm's correction within the claim; if inconclusive, the smaller of both
    )
    n: int = 0  # pairs of seeds; of failures: runs on both sides
    failed: tuple[str, str] = ("", "")  # `2 of 8`, of the first and of the second; of a system without seeds `–`
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a claim, with its contrasts."""

    claim: Claim
    verdict: str  # one of VERDICTS
    judgements: tuple[Judgement, ...]

    def count(self, outcome: str) -> int:
        """Number of contrasts with this outcome."""
        return sum(judgement.outcome == outcome for judgement in self.judgements)

    @property
    def tested(self) -> int:
        """Number of contrasts with runs on both sides."""
        return len(self.judgements) - self.count(UNTESTED)


Cells = Callable[[CellRef], Cell | None]  # None where there are no runs


def judge(claim: Claim, cells: Cells, *, margin: float) -> Verdict:
    """The verdict on a claim from the available runs.

    Args:
        margin: points (score times 100) within which a difference counts as negligible.
    """
    margin = (margin if claim.margin is None else claim.margin) / 100
    estimates = [_estimate(contrast, cells, margin=margin) for contrast in claim.contrasts]
    p_for = holm([estimate.p_for for estimate in estimates])
    p_against = holm([estimate.p_against for estimate in estimates])
    judgements = tuple(
        _decide(estimate.judgement, p_for=p, p_against=q, margin=margin)
        for estimate, p, q in zip(estimates, p_for, p_against, strict=True)
    )
    outcomes = [judgement.outcome for judgement in judgements]
    return Verdict(claim=claim, verdict=verdict_of(claim.rule, outcomes), judgements=judgements)


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
    return INCONCLUSIVE_VERDICT if enough else NOT_TESTED


def agrees(expect: str, difference: float, *, margin: float) -> bool:
    """Whether a difference without uncertainty, such as a printed one, is as claimed."""
    return _is_inside(EXPECTATIONS[expect], (difference, difference), margin=margin)


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    """A contrast in numbers, before its outcome is decided."""

    judgement: Judgement
    p_for: float | None = None  # of what is claimed
    p_against: float | None = None  # of its opposite


def _estimate(contrast: Contrast, cells: Cells, *, margin: float) -> _Estimate:
    first, second, versus = (_find(refs, cells) for refs in (contrast.first, contrast.second, contrast.versus))
    if first is None or second is None or versus is None:
        return _Estimate(judgement=Judgement(contrast=contrast, outcome=UNTESTED, why="no runs"))
    if EXPECTATIONS[contrast.expect].of_failures:
        return _estimate_failures(contrast, first, second)
    if _same_runs(first[0], second[0]) or (versus and _same_runs(versus[0], versus[1])):
        why = "the same runs on both sides"
        return _Estimate(judgement=Judgement(contrast=contrast, outcome=UNTESTED, why=why))
    sides = (*first, *second, *versus)
    change = contrast_cells(sides)
    why = ""
    if change.n_pairs < 2:
        why = "fewer than two pairs of seeds"
    elif all(side.failed == side.n for side in sides):
        why = "every run failed on both sides"
    judgement = Judgement(
        contrast=contrast,
        outcome=INCONCLUSIVE,
        why=why,
        difference=change.difference,
        over_seeds=change.seed_interval,
        over_examples=change.example_interval,
        n=change.n_pairs,
        failed=(_failed_of(sides[0]), _failed_of(sides[1])),
        run_ids=_run_ids(sides),
    )
    if why:
        return _Estimate(judgement=judgement)
    p_for, p_against = _p_values(contrast.expect, change, margin=margin)
    return _Estimate(judgement=judgement, p_for=p_for, p_against=p_against)


def _find(refs: Sequence[CellRef], cells: Cells) -> list[Cell] | None:
    """All cells, or None if one is missing."""
    present = [cell for cell in map(cells, refs) if cell is not None]
    return present if len(present) == len(refs) else None


def _failed_of(cell: Cell) -> str:
    return f"{cell.failed} of {cell.n}" if isinstance(cell, SeededCell) else "–"


def _run_ids(cells: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(cell.run_ids for cell in cells)))


def _same_runs(first: Cell, second: Cell) -> bool:
    """Whether a cell would be compared with itself, such as Optimal with Standard if no search was requested."""
    return first is second or (bool(first.run_ids) and first.run_ids == second.run_ids and first.tasks == second.tasks)


def _estimate_failures(contrast: Contrast, first: Sequence[Cell], second: Sequence[Cell]) -> _Estimate:
    (failed, runs), (others_failed, others) = (
        (sum(cell.failed for cell in side), sum(cell.n for cell in side)) for side in (first, second)
    )
    p = fisher_exact_p(failed, runs, others_failed, others)
    difference = failed / runs - others_failed / others
    judgement = Judgement(
        contrast=contrast,
        outcome=INCONCLUSIVE,
        difference=difference,
        over_seeds=newcombe_interval(failed, runs, others_failed, others),
        n=runs + others,
        failed=(f"{failed} of {runs}", f"{others_failed} of {others}"),
        run_ids=_run_ids((*first, *second)),
    )
    return _Estimate(
        judgement=judgement,
        p_for=p if difference > 0 else 1.0,
        p_against=p if difference < 0 else 1.0,
    )


def _p_values(expect: str, change: Comparison, *, margin: float) -> tuple[float | None, float | None]:
    """For the claim and for its opposite: two-sided p of Student's t against each threshold, 1 on its wrong side."""
    expectation = EXPECTATIONS[expect]
    inside, outside = [], []  # p for each threshold, of the difference being inside and outside of it
    for threshold, sign in ((expectation.above, 1), (expectation.below, -1)):
        if threshold is None:
            continue
        shifted = {
            seed: sign * (difference - threshold * margin)
            for seed, difference in zip(change.seeds, change.differences, strict=True)
        }
        mean = mean_over_seeds(shifted)
        if mean.p is None or mean.mean is None:
            return None, None
        inside.append(mean.p if mean.mean > 0 else 1.0)
        outside.append(mean.p if mean.mean < 0 else 1.0)
    between, beyond = max(inside), min(1.0, len(outside) * min(outside))  # two chances to lie beyond
    return (beyond, between) if expectation.outside else (between, beyond)


def _decide(judgement: Judgement, *, p_for: float | None, p_against: float | None, margin: float) -> Judgement:
    """The judgement with its outcome."""
    if judgement.outcome == UNTESTED or p_for is None or p_against is None:
        why = judgement.why or "Student's t is undefined: all pairs of seeds have the same difference"
        return replace(judgement, why=why)
    expectation = EXPECTATIONS[judgement.contrast.expect]
    within, beyond = True, True
    if not expectation.of_failures:
        within = _is_inside(expectation, judgement.over_examples, margin=margin)
        beyond = _is_outside(expectation, judgement.over_examples, margin=margin)
    if p_for < LEVEL and within:
        return replace(judgement, outcome=SUPPORTS, p=p_for)
    if p_against < LEVEL and beyond:
        return replace(judgement, outcome=OPPOSES, p=p_against)
    p = min(p_for, p_against)
    why = "significant over seeds, not over test examples" if p < LEVEL else "not significant over seeds"
    return replace(judgement, p=p, why=why)


def _is_inside(expectation: Expectation, bounds: Interval | None, *, margin: float) -> bool:
    """Whether a whole interval is as claimed."""
    return _beyond(expectation, bounds, margin) if expectation.outside else _between(expectation, bounds, margin)


def _is_outside(expectation: Expectation, bounds: Interval | None, *, margin: float) -> bool:
    """Whether a whole interval is the opposite of what is claimed."""
    return _between(expectation, bounds, margin) if expectation.outside else _beyond(expectation, bounds, margin)


def _between(expectation: Expectation, bounds: Interval | None, margin: float) -> bool:
    if bounds is None:
        return False
    above = expectation.above is None or bounds[0] > expectation.above * margin
    return above and (expectation.below is None or bounds[1] < expectation.below * margin)


def _beyond(expectation: Expectation, bounds: Interval | None, margin: float) -> bool:
    if bounds is None:
        return False
    under = expectation.above is not None and bounds[1] < expectation.above * margin
    return under or (expectation.below is not None and bounds[0] > expectation.below * margin)
