"""What runs say of the paper's claims: each contrast supports its claim, opposes it or leaves it open, and together
they make a verdict.

A contrast decides only where both uncertainties do: Student's t over seeds, by Holm's correction within the claim, and
the bootstrap over test examples. A contrast of how often runs fail has the first alone (Fisher's exact test).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...stats.contrasts import Cell, SeededCell, contrast_cells
from ...stats.crossed_seeds import mean_over_seeds
from ...stats.intervals import Interval, fisher_exact_p, holm, newcombe_interval
from ...stats.summary import Comparison
from .claims import EXPECTATIONS, Address, Claim, Contrast, Expectation

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
UNDECIDABLE, NOT_TESTED = "undecidable at this n", "not tested at this scale"
VERDICTS = (CONFIRMED, CONTRADICTED, UNDECIDABLE, NOT_TESTED)
SUPPORTS, OPPOSES, OPEN, UNTESTED = "supports", "opposes", "open", "not tested"
LEVEL = 0.05  # two-sided, after Holm's correction


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the runs say of one contrast."""

    contrast: Contrast
    outcome: str  # SUPPORTS, OPPOSES, OPEN or UNTESTED
    why: str = ""  # where it is open or not tested
    difference: float | None = None  # first less second: of scores, or of shares of failed runs; a fraction
    over_seeds: Interval | None = None  # 95%
    over_examples: Interval | None = None  # 95%; of failures: None
    p: float | None = None  # of the outcome, after Holm's correction within the claim; where open, the smaller of both
    n: int = 0  # pairs of seeds; of failures: runs on both sides
    failed: tuple[str, str] = ("", "")  # `2 of 8`, of the first and of the second; of a system without seeds `–`
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say of a claim."""

    claim: Claim
    verdict: str  # one of VERDICTS
    judgements: tuple[Judgement, ...]

    def count(self, outcome: str) -> int:
        """How many contrasts came out so."""
        return sum(judgement.outcome == outcome for judgement in self.judgements)

    @property
    def tested(self) -> int:
        """Contrasts that have runs on both sides."""
        return len(self.judgements) - self.count(UNTESTED)


Cells = Callable[[Address], Cell | None]  # what is at an address; None where nothing is


def judge(claim: Claim, cells: Cells, *, margin: float) -> Verdict:
    """The verdict on a claim from the runs that there are.

    Args:
        margin: points (score times 100) within which a difference counts as negligible.
    """
    margin = (margin if claim.margin is None else claim.margin) / 100
    found = [_measured(contrast, cells, margin=margin) for contrast in claim.contrasts]
    supported = holm([p for _, p, _ in found])
    opposed = holm([p for _, _, p in found])
    judgements = tuple(
        _decided(judgement, for_it=p, against_it=q, margin=margin)
        for (judgement, _, _), p, q in zip(found, supported, opposed, strict=True)
    )
    return Verdict(
        claim=claim, verdict=verdict_of(claim.rule, [one.outcome for one in judgements]), judgements=judgements
    )


def verdict_of(rule: str, outcomes: Sequence[str]) -> str:
    """One verdict from what each contrast says. What was tested decides; but where fewer than half were, `all` and
    `most` cannot be confirmed.
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
    return UNDECIDABLE if enough else NOT_TESTED


def agrees(expect: str, difference: float, *, margin: float) -> bool:
    """Whether a difference by itself, without any uncertainty, is as claimed: what a printed table can say."""
    return _lies_within(EXPECTATIONS[expect], (difference, difference), margin=margin)


def _measured(contrast: Contrast, cells: Cells, *, margin: float) -> tuple[Judgement, float | None, float | None]:
    """A contrast in numbers, not yet decided, with the p of what it claims and of its opposite."""
    first, second, than = ([cells(one) for one in side] for side in (contrast.first, contrast.second, contrast.than))
    if None in (*first, *second, *than):
        return Judgement(contrast=contrast, outcome=UNTESTED, why="no runs"), None, None
    if EXPECTATIONS[contrast.expect].of_failures:
        return _failures_measured(contrast, first, second)
    sides = (*first, *second, *than)
    if _same_runs(*sides[:2]) or (than and _same_runs(*than)):
        return Judgement(contrast=contrast, outcome=UNTESTED, why="the same runs on both sides"), None, None
    change = contrast_cells(sides)
    why = ""
    if change.n_pairs < 2:
        why = "fewer than two pairs of seeds"
    elif all(side.failed == side.n for side in sides):
        why = "every run collapsed on both sides"
    judgement = Judgement(
        contrast=contrast,
        outcome=OPEN,
        why=why,
        difference=change.difference,
        over_seeds=change.seed_interval,
        over_examples=change.example_interval,
        n=change.n_pairs,
        failed=tuple(f"{one.failed} of {one.n}" if isinstance(one, SeededCell) else "–" for one in sides[:2]),
        run_ids=tuple(dict.fromkeys(itertools.chain(*(side.run_ids for side in sides)))),
    )
    if why:
        return judgement, None, None
    return judgement, *_p_values(contrast.expect, change, margin=margin)


def _same_runs(first: Cell, second: Cell) -> bool:
    """Whether a cell would be compared with itself, as where a search was not asked for and optimal is standard."""
    return first is second or (bool(first.run_ids) and first.run_ids == second.run_ids and first.tasks == second.tasks)


def _failures_measured(
    contrast: Contrast, first: Sequence[SeededCell], second: Sequence[SeededCell]
) -> tuple[Judgement, float | None, float | None]:
    (failed, runs), (others_failed, others) = (
        (sum(one.failed for one in side), sum(one.n for one in side)) for side in (first, second)
    )
    p = fisher_exact_p(failed, runs, others_failed, others)
    difference = failed / runs - others_failed / others
    judgement = Judgement(
        contrast=contrast,
        outcome=OPEN,
        difference=difference,
        over_seeds=newcombe_interval(failed, runs, others_failed, others),
        n=runs + others,
        failed=(f"{failed} of {runs}", f"{others_failed} of {others}"),
        run_ids=tuple(dict.fromkeys(run for one in (*first, *second) for run in one.run_ids)),
    )
    return judgement, p if difference > 0 else 1.0, p if difference < 0 else 1.0


def _p_values(expect: str, change: Comparison, *, margin: float) -> tuple[float | None, float | None]:
    """Of the claim, and of its opposite: two-sided p of Student's t against each threshold, 1 on its wrong side."""
    expectation = EXPECTATIONS[expect]
    inside, outside = [], []  # p that the difference lies on the inner, and on the outer side of each threshold
    for threshold, sign in ((expectation.above, 1), (expectation.below, -1)):
        if threshold is None:
            continue
        shifted = {
            seed: sign * (difference - threshold * margin)
            for seed, difference in zip(change.seeds, change.differences, strict=True)
        }
        found = mean_over_seeds(shifted)
        if found.p is None:
            return None, None
        inside.append(found.p if found.mean > 0 else 1.0)
        outside.append(found.p if found.mean < 0 else 1.0)
    between, beyond = max(inside), min(1.0, len(outside) * min(outside))  # two chances to lie beyond
    return (beyond, between) if expectation.outside else (between, beyond)


def _decided(judgement: Judgement, *, for_it: float | None, against_it: float | None, margin: float) -> Judgement:
    """The judgement with its outcome."""
    if judgement.outcome == UNTESTED or for_it is None or against_it is None:
        why = judgement.why or "Student's t does not exist: every pair of seeds differs by the same"
        return replace(judgement, why=why)
    expectation = EXPECTATIONS[judgement.contrast.expect]
    within, beyond = True, True
    if not expectation.of_failures:
        within = _lies_within(expectation, judgement.over_examples, margin=margin)
        beyond = _lies_beyond(expectation, judgement.over_examples, margin=margin)
    if for_it < LEVEL and within:
        return replace(judgement, outcome=SUPPORTS, p=for_it)
    if against_it < LEVEL and beyond:
        return replace(judgement, outcome=OPPOSES, p=against_it)
    p = min(for_it, against_it)
    unclear = "clear over seeds, not over test examples" if p < LEVEL else "the seeds do not tell"
    return replace(judgement, p=p, why=unclear)


def _lies_within(expectation: Expectation, bounds: Interval | None, *, margin: float) -> bool:
    """Whether a whole interval is as claimed."""
    return _between(expectation, bounds, margin) if not expectation.outside else _beyond(expectation, bounds, margin)


def _lies_beyond(expectation: Expectation, bounds: Interval | None, *, margin: float) -> bool:
    """Whether a whole interval is the opposite of what is claimed."""
    return _beyond(expectation, bounds, margin) if not expectation.outside else _between(expectation, bounds, margin)


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
