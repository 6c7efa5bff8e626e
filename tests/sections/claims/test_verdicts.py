"""Verdicts: a contrast decides where both uncertainties do, and a rule makes one verdict of several."""

import pytest
from scipy import stats

from blurbstudy.sections.claims.claims import CellRef, Claim, Contrast
from blurbstudy.sections.claims.verdicts import (
    CONFIRMED,
    CONTRADICTED,
    INCONCLUSIVE,
    INCONCLUSIVE_VERDICT,
    NOT_TESTED,
    OPPOSES,
    SUPPORTS,
    UNTESTED,
    SeededCell,
    agrees,
    judge,
    verdict_of,
)
from blurbstudy.stats.contrasts import SingleSystem

GOLD = ["yes"] * 120 + ["no"] * 80
WRONG = {"yes": "no", "no": "yes"}
A, B, C = (CellRef("n", "BERT", name, "BioASQ") for name in "abc")


@pytest.fixture
def make_cells(make_record, make_reference):
    """Cells of runs on 200 questions where seed s has given so many right answers; wrong ones spread over both."""
    references = {"BioASQ": make_reference("BioASQ", GOLD)}

    def make(**right):
        cells = {}
        for name, counts in right.items():
            records = [
                make_record(seed, task="BioASQ", test=answers(count), learning_rate=1e-5 * (1 + "abc".index(name)))
                for seed, count in enumerate(counts, start=1)
            ]
            cells[CellRef("n", "BERT", name, "BioASQ")] = SeededCell(records=records, references=references)
        return cells.get

    return make


def answers(right):
    """The first answers wrong in turn from either end, so that both classes are hit."""
    order = [index // 2 if index % 2 else len(GOLD) - 1 - index // 2 for index in range(len(GOLD))]
    wrong = set(order[: len(GOLD) - right])
    return [WRONG[label] if index in wrong else label for index, label in enumerate(GOLD)]


def claim(*contrasts, **given):
    return claim_of(*(Contrast(expect=expect, first=(one,), second=(two,)) for expect, one, two in contrasts), **given)


def claim_of(*made, rule="all", margin=None):
    words = dict(id="x", sections=("1",), statement="s", confirmed_if="c", contradicted_if="d")
    return Claim(**words, rule=rule, contrasts=made, margin=margin)


GOOD, BAD, SAME = [184, 188, 186, 190, 187], [150, 156, 148, 153, 151], [185, 187, 187, 189, 187]


@pytest.mark.parametrize(
    ("expect", "a", "b", "outcome"),
    [
        ("higher", GOOD, BAD, SUPPORTS),
        ("higher", BAD, GOOD, OPPOSES),
        ("higher", GOOD, SAME, INCONCLUSIVE),
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
    verdict = judge(claim((expect, A, B)), make_cells(a=a, b=b), margin=5.0)
    assert verdict.judgements[0].outcome == outcome


def test_p_is_that_of_the_paired_t_test_against_the_margin_and_corrected_by_holm(make_cells):
    cells = make_cells(a=GOOD, b=BAD, c=SAME)
    one, two = judge(claim(("higher_by_margin", A, B), ("higher", A, C)), cells, margin=5.0).judgements
    alone = stats.ttest_1samp([(x - y) / 200 - 0.05 for x, y in zip(GOOD, BAD, strict=True)], 0).pvalue
    assert one.p == pytest.approx(2 * alone)
    other = stats.ttest_rel(GOOD, SAME).pvalue
    assert two.outcome == INCONCLUSIVE and two.p == pytest.approx(min(1.0, other), rel=1e-6)


def test_what_is_clear_over_seeds_alone_is_open_and_says_so(make_cells):
    cells = make_cells(a=[181, 181, 181, 181, 182], b=[180] * 5)
    (judgement,) = judge(claim(("higher", A, B)), cells, margin=2.0).judgements
    assert judgement.p < 0.05 and judgement.over_examples[0] <= 0
    assert (judgement.outcome, judgement.why) == (INCONCLUSIVE, "significant over seeds, not over test examples")


def test_where_every_run_collapsed_on_both_sides_nothing_is_decided(make_cells):
    cells = make_cells(a=[118, 120, 119], b=[80, 82, 81])
    (judgement,) = judge(claim(("higher", A, B)), cells, margin=2.0).judgements
    assert (judgement.outcome, judgement.why) == (INCONCLUSIVE, "every run failed on both sides")


def test_a_system_without_seeds_is_held_against_every_seed(make_cells, make_reference):
    runs, reference = make_cells(a=GOOD), make_reference("BioASQ", GOLD)
    predicted = answers(150)
    once = SingleSystem(
        score=150 / 200,
        draws=reference.bootstrap_scores(predicted, split="test"),
        tasks=frozenset({"BioASQ"}),
        trivial=0.6,
    )
    (judgement,) = judge(claim(("higher_by_margin", A, B)), {A: runs(A), B: once}.get, margin=5.0).judgements
    assert judgement.p == pytest.approx(stats.ttest_1samp([x / 200 for x in GOOD], 0.75 + 0.05).pvalue)
    assert (judgement.outcome, judgement.n, judgement.failed) == (SUPPORTS, 5, ("0 of 5", "–"))
    assert set(judgement.run_ids) == {record.id for record in runs(A).records}


def test_of_four_cells_the_second_difference_is_taken_away(make_cells):
    cells = make_cells(a=GOOD, b=BAD, c=SAME)
    made = Contrast(expect="higher", first=(A,), second=(B,), versus=(A, C))
    (judgement,) = judge(claim_of(made), cells, margin=2.0).judgements
    values = [(x - y - (x - z)) / 200 for x, y, z in zip(GOOD, BAD, SAME, strict=True)]
    assert judgement.difference == pytest.approx(sum(values) / 5)
    assert judgement.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue) and judgement.outcome == SUPPORTS


def test_cells_of_the_very_same_runs_are_not_tested(make_cells):
    cells = make_cells(a=GOOD)
    (judgement,) = judge(claim(("higher", A, B)), lambda _: cells(A), margin=2.0).judgements
    assert (judgement.outcome, judgement.why) == (UNTESTED, "the same runs on both sides")


def test_a_single_pair_of_seeds_decides_nothing(make_cells):
    (judgement,) = judge(claim(("higher", A, B)), make_cells(a=[190], b=[150]), margin=2.0).judgements
    assert (judgement.outcome, judgement.why) == (INCONCLUSIVE, "fewer than two pairs of seeds")


def test_a_claim_without_runs_is_not_tested(make_cells):
    verdict = judge(claim(("higher", A, C)), make_cells(a=GOOD), margin=2.0)
    assert verdict.verdict == NOT_TESTED and verdict.tested == 0 and verdict.judgements[0].why == "no runs"


def test_how_often_runs_fail_is_told_by_fishers_exact_test(make_cells):
    cells = make_cells(a=[100] * 8, b=GOOD + GOOD[:3])
    (judgement,) = judge(claim(("fails_more", A, B)), cells, margin=2.0).judgements
    assert judgement.failed == ("8 of 8", "0 of 8") and judgement.outcome == SUPPORTS
    assert judgement.p == pytest.approx(stats.fisher_exact([[8, 0], [0, 8]]).pvalue)
    (other,) = judge(claim(("fails_more", B, A)), cells, margin=2.0).judgements
    assert other.outcome == OPPOSES and other.difference == -1.0


def test_the_claims_own_margin_counts_before_the_studys(make_cells):
    cells = make_cells(a=GOOD, b=BAD)
    assert judge(claim(("higher_by_margin", A, B)), cells, margin=30.0).verdict == CONTRADICTED
    assert judge(claim(("higher_by_margin", A, B), margin=5.0), cells, margin=30.0).verdict == CONFIRMED


def test_a_judgement_names_the_runs_of_both_sides(make_cells):
    cells = make_cells(a=GOOD, b=BAD)
    (judgement,) = judge(claim(("higher", A, B)), cells, margin=2.0).judgements
    assert set(judgement.run_ids) == {record.id for ref in (A, B) for record in cells(ref).records}


@pytest.mark.parametrize(
    ("rule", "outcomes", "verdict"),
    [
        ("all", [SUPPORTS, SUPPORTS], CONFIRMED),
        ("all", [SUPPORTS, INCONCLUSIVE], INCONCLUSIVE_VERDICT),
        ("all", [SUPPORTS, OPPOSES], CONTRADICTED),
        ("all", [SUPPORTS, UNTESTED], CONFIRMED),
        ("all", [SUPPORTS, UNTESTED, UNTESTED], NOT_TESTED),
        ("all", [OPPOSES, UNTESTED, UNTESTED], CONTRADICTED),
        ("most", [SUPPORTS, SUPPORTS, OPPOSES], CONFIRMED),
        ("most", [SUPPORTS, OPPOSES], CONTRADICTED),
        ("most", [SUPPORTS, INCONCLUSIVE, INCONCLUSIVE], INCONCLUSIVE_VERDICT),
        ("any", [INCONCLUSIVE, SUPPORTS, UNTESTED, UNTESTED, UNTESTED], CONFIRMED),
        ("any", [OPPOSES, OPPOSES], CONTRADICTED),
        ("any", [OPPOSES, INCONCLUSIVE], INCONCLUSIVE_VERDICT),
        ("any", [OPPOSES, UNTESTED], INCONCLUSIVE_VERDICT),
        ("all", [UNTESTED], NOT_TESTED),
    ],
)
def test_a_rule_makes_one_verdict_of_several_outcomes(rule, outcomes, verdict):
    assert verdict_of(rule, outcomes) == verdict


def test_a_printed_difference_is_taken_at_face_value():
    assert agrees("higher", 0.1, margin=2.0) and not agrees("higher", -0.1, margin=2.0)
    assert agrees("equivalent", -1.9, margin=2.0) and not agrees("equivalent", -2.1, margin=2.0)
    assert agrees("different", -2.1, margin=2.0) and not agrees("different", 1.9, margin=2.0)
