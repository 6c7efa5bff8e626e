"""Verdicts: a rule makes one verdict of several comparisons, and corrects their p as it has to."""

import itertools

import numpy as np
import pytest
from scipy import stats

from blurbstudy.sections.claims.claims import CellRef, Claim, Contrast
from blurbstudy.sections.claims.estimates import Estimate
from blurbstudy.sections.claims.verdicts import (
    CONFIRMED,
    CONTRADICTED,
    NOT_TESTED,
    OPPOSES,
    SUPPORTS,
    UNCONFIRMABLE,
    UNDECIDED,
    UNDECIDED_VERDICT,
    UNTESTED,
    decide,
    judge,
    verdict_of,
)
from blurbstudy.stats.systems import SeededCell

GOLD = ["yes"] * 120 + ["no"] * 80
WRONG = {"yes": "no", "no": "yes"}
A, B, C, D = (CellRef("n", "BERT", name, "BioASQ") for name in "abcd")
GOOD, BAD, SAME = [184, 188, 186, 190, 187], [150, 156, 148, 153, 151], [185, 187, 187, 189, 187]


@pytest.fixture
def make_cells(make_record, make_reference):
    """Cells of runs on 200 questions where seed s has given so many right answers; those of d are wrong on others."""
    references = {"BioASQ": make_reference("BioASQ", GOLD)}

    def make(**right):
        cells = {}
        for name, counts in right.items():
            records = [
                make_record(
                    seed,
                    task="BioASQ",
                    test=answers(count, others=name == "d"),
                    learning_rate=1e-5 * (1 + "abcd".index(name)),
                )
                for seed, count in enumerate(counts, start=1)
            ]
            cells[CellRef("n", "BERT", name, "BioASQ")] = SeededCell(records=records, references=references)
        return cells.get

    return make


def answers(right, *, others=False):
    """The first answers wrong in turn from either end, so that both classes are hit; or from the middle."""
    order = [index // 2 if index % 2 else len(GOLD) - 1 - index // 2 for index in range(len(GOLD))]
    order = order[::-1] if others else order
    wrong = set(order[: len(GOLD) - right])
    return [WRONG[label] if index in wrong else label for index, label in enumerate(GOLD)]


def claim_of(*contrasts, rule="all", margin=None, parts=""):
    words = dict(id="x", sections=("1",), statement="s", confirmed_if="c", contradicted_if="d")
    made = tuple(Contrast(expect=expect, first=(one,), second=(two,)) for expect, one, two in contrasts)
    return Claim(**words, rule=rule, contrasts=made, margin=margin, parts=parts)


def estimates_of(p_for, p_against):
    contrast = Contrast(expect="higher", first=(A,), second=(B,))
    return [Estimate(contrast=contrast, p_for=p, p_against=q) for p, q in zip(p_for, p_against, strict=True)]


@pytest.mark.parametrize(
    ("expect", "a", "b", "outcome"),
    [
        ("higher", GOOD, BAD, SUPPORTS),
        ("higher", BAD, GOOD, OPPOSES),
        ("higher", GOOD, SAME, UNDECIDED),
        ("higher_by_margin", GOOD, BAD, SUPPORTS),
        ("higher_by_margin", SAME, GOOD, OPPOSES),  # credibly less than the margin ahead
        ("equivalent", GOOD, SAME, SUPPORTS),
        ("equivalent", GOOD, BAD, OPPOSES),
        ("different", BAD, GOOD, SUPPORTS),
        ("different", GOOD, SAME, OPPOSES),
        ("not_lower", GOOD, SAME, SUPPORTS),
        ("not_lower", BAD, GOOD, OPPOSES),
        ("not_higher", GOOD, BAD, OPPOSES),
        ("not_higher", BAD, GOOD, SUPPORTS),
    ],
)
def test_a_contrast_supports_or_opposes_what_is_claimed(make_cells, expect, a, b, outcome):
    verdict = judge(claim_of((expect, A, B)), make_cells(a=a, b=b), margin=5.0)
    assert verdict.judgements[0].outcome == outcome


def test_where_all_must_agree_each_is_tested_alone_and_a_contradiction_by_one_is_corrected():
    p_for, p_against = [0.04, 0.03, 0.01], [0.9, 0.9, 0.9]
    judged = decide("all", estimates_of(p_for, p_against))
    assert [j.p for j in judged] == p_for and {j.outcome for j in judged} == {SUPPORTS}
    judged = decide("all", estimates_of([1.0] * 3, [0.02, 0.5, 0.5]))  # Holm: 3 times 0.02
    assert [j.outcome for j in judged] == [UNDECIDED] * 3 and judged[0].p == pytest.approx(0.06)
    assert decide("all", estimates_of([1.0] * 3, [0.01, 0.5, 0.5]))[0].outcome == OPPOSES


def test_where_one_is_enough_it_is_the_other_way_round():
    judged = decide("any", estimates_of([0.02, 0.5, 0.5], [1.0] * 3))
    assert judged[0].outcome == UNDECIDED and judged[0].p == pytest.approx(0.06)
    assert {j.outcome for j in decide("any", estimates_of([1.0] * 3, [0.04, 0.03, 0.01]))} == {OPPOSES}


def test_most_are_shown_by_the_partial_conjunction_p():
    p = [0.001, 0.02, 0.03, 0.9, 0.9]  # three of five: (5 - 3 + 1) p_(3) = 0.09
    assert verdict_of("most", [j.outcome for j in decide("most", estimates_of(p, [1.0] * 5))]) == UNDECIDED_VERDICT
    p[2] = 0.016  # 3 * 0.02 is above 0.05 still
    assert verdict_of("most", [j.outcome for j in decide("most", estimates_of(p, [1.0] * 5))]) == UNDECIDED_VERDICT
    p[1] = 0.01
    assert verdict_of("most", [j.outcome for j in decide("most", estimates_of(p, [1.0] * 5))]) == CONFIRMED


@pytest.mark.parametrize(("rule", "n_true"), [("all", 0), ("all", 3), ("any", 0), ("most", 0), ("most", 2)])
def test_a_false_claim_is_confirmed_in_at_most_one_of_twenty_studies(rule, n_true):
    """Of four contrasts n_true hold with certainty, which does not suffice for `all` or `most`."""
    generator = np.random.default_rng(1)
    z = generator.standard_normal((20_000, 4))
    p = np.where(z > 0, 2 * stats.norm.sf(z), 1.0)
    p[:, :n_true] = 0.0
    confirmed = sum(
        verdict_of(rule, [j.outcome for j in decide(rule, estimates_of(row, [1.0] * 4))]) == CONFIRMED
        for row in p[:5000]
    )
    assert confirmed / 5000 < 0.056  # 0.05 and two standard errors


def test_parts_must_all_hold_and_one_is_enough_to_contradict(make_cells):
    cells = make_cells(a=GOOD, b=BAD, c=SAME)
    levels = {"a": A, "b": B, "c": C}
    verdicts = {
        names: judge(
            claim_of(*(("higher", levels[one], levels[other]) for one, other in names), rule="most", parts="level"),
            cells,
            margin=2.0,
        ).verdict
        for names in itertools.combinations([("a", "b"), ("b", "c"), ("c", "a"), ("c", "b")], 2)
    }
    assert verdicts[("a", "b"), ("c", "b")] == CONFIRMED
    assert verdicts[("a", "b"), ("b", "c")] == CONTRADICTED
    assert verdicts[("a", "b"), ("c", "a")] == UNDECIDED_VERDICT


def test_a_claim_that_the_test_set_cannot_confirm_is_said_to_be_one(make_cells):
    cells = make_cells(a=GOOD, d=SAME)
    found = judge(claim_of(("equivalent", A, D)), cells, margin=0.5)
    assert found.verdict == UNCONFIRMABLE and "questions of BioASQ (here 200)" in found.needed[0]
    assert judge(claim_of(("equivalent", A, D)), cells, margin=10.0).verdict == CONFIRMED
    one_is_enough = claim_of(("equivalent", A, D), ("higher", A, B), rule="any")
    found = judge(one_is_enough, make_cells(a=GOOD, b=SAME, d=SAME), margin=0.5)
    assert found.verdict == UNDECIDED_VERDICT and [j.outcome for j in found.judgements] == [UNDECIDED] * 2


def test_a_claim_without_runs_is_not_tested(make_cells):
    verdict = judge(claim_of(("higher", A, C)), make_cells(a=GOOD), margin=2.0)
    assert verdict.verdict == NOT_TESTED and verdict.tested == 0
    assert verdict.judgements[0].estimate.why == "no runs"


def test_the_claims_own_margin_counts_before_the_studys(make_cells):
    cells = make_cells(a=GOOD, b=BAD)
    assert judge(claim_of(("higher_by_margin", A, B)), cells, margin=30.0).verdict == CONTRADICTED
    assert judge(claim_of(("higher_by_margin", A, B), margin=5.0), cells, margin=30.0).verdict == CONFIRMED


def test_a_judgement_names_the_runs_of_both_sides(make_cells):
    cells = make_cells(a=GOOD, b=BAD)
    (judgement,) = judge(claim_of(("higher", A, B)), cells, margin=2.0).judgements
    assert set(judgement.estimate.run_ids) == {record.id for ref in (A, B) for record in cells(ref).records}


@pytest.mark.parametrize(
    ("rule", "outcomes", "verdict"),
    [
        ("all", [SUPPORTS, SUPPORTS], CONFIRMED),
        ("all", [SUPPORTS, UNDECIDED], UNDECIDED_VERDICT),
        ("all", [SUPPORTS, OPPOSES], CONTRADICTED),
        ("all", [SUPPORTS, UNTESTED], CONFIRMED),
        ("all", [SUPPORTS, UNTESTED, UNTESTED], NOT_TESTED),
        ("all", [OPPOSES, UNTESTED, UNTESTED], CONTRADICTED),
        ("most", [SUPPORTS, SUPPORTS, OPPOSES], CONFIRMED),
        ("most", [SUPPORTS, OPPOSES], CONTRADICTED),
        ("most", [SUPPORTS, UNDECIDED, UNDECIDED], UNDECIDED_VERDICT),
        ("any", [UNDECIDED, SUPPORTS, UNTESTED, UNTESTED, UNTESTED], CONFIRMED),
        ("any", [OPPOSES, OPPOSES], CONTRADICTED),
        ("any", [OPPOSES, UNDECIDED], UNDECIDED_VERDICT),
        ("any", [OPPOSES, UNTESTED], UNDECIDED_VERDICT),
        ("all", [UNTESTED], NOT_TESTED),
    ],
)
def test_a_rule_makes_one_verdict_of_several_outcomes(rule, outcomes, verdict):
    assert verdict_of(rule, outcomes) == verdict
