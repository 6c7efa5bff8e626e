"""Comparisons in numbers: one joint p for scores, exact tests for rates, and what a test set cannot show."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from blurbstudy.sections.claims.claims import EXPECTATIONS, SELDOM, CellRef, Contrast
from blurbstudy.sections.claims.estimates import estimate, p_values
from blurbstudy.stats.counts import stratified_exact_p
from blurbstudy.stats.systems import SeededCell, SingleSystem, compare_cells

GOLD = ["yes"] * 120 + ["no"] * 80
WRONG = {"yes": "no", "no": "yes"}
A, B, C, D = (CellRef("n", "BERT", name, "BioASQ") for name in "abcd")
GOOD, BAD, SAME = [184, 188, 186, 190, 187], [150, 156, 148, 153, 151], [185, 187, 187, 189, 187]


def system_of(predictions, references):
    scored = {task: references[task].score_of(predicted, split="test") for task, predicted in predictions.items()}
    return SingleSystem(scored=scored, references=references)


def answers(right):
    """The first answers wrong in turn from either end, so that both classes are hit."""
    order = [index // 2 if index % 2 else len(GOLD) - 1 - index // 2 for index in range(len(GOLD))]
    wrong = set(order[: len(GOLD) - right])
    return [WRONG[label] if index in wrong else label for index, label in enumerate(GOLD)]


@pytest.fixture
def make_cell(make_record, make_reference):
    """Runs on 200 questions where seed s has given so many right answers."""
    references = {task: make_reference(task, GOLD) for task in ("BioASQ", "PubMedQA")}

    def make(right, *, collapsed=0, encoder="e" * 20, task="BioASQ", **recipe):
        records = [
            make_record(
                seed,
                task=task,
                test=answers(count),
                encoder=encoder,
                final_loss=1.0 if seed <= collapsed else 0.1,
                **recipe,
            )
            for seed, count in enumerate(right, start=1)
        ]
        return SeededCell(records=records, references=references)

    return make


def made(expect, cells, *, margin=0.05, printed=None, **given):
    contrast = Contrast(expect=expect, **({"first": (A,), "second": (B,)} | given))
    return estimate(contrast, cells.get, margin=margin, printed=printed)


@pytest.fixture(params=[2, 3, 5])
def change(make_cell, request):
    """By so many seeds; up to three, the test over seeds alone must agree."""
    return compare_cells([[make_cell(GOOD[: request.param]), make_cell(BAD[: request.param], learning_rate=1e-4)]])


@pytest.mark.parametrize("expect", [name for name, e in EXPECTATIONS.items() if not e.of_collapse])
def test_p_is_below_005_exactly_where_the_interval_lies_on_the_claimed_side(expect, change):
    """95% intervals, and of an equivalence the 90% one."""
    expectation = EXPECTATIONS[expect]
    for margin in (0.01, 0.10, 0.12, 0.15, 0.17, 0.19, 0.22, 0.30):
        low, high = change.interval_at(0.95)
        both = expectation.above is not None and expectation.below is not None
        inner = change.interval_at(0.90) if both else (low, high)
        above = expectation.above is None or inner[0] > expectation.above * margin
        inside = above and (expectation.below is None or inner[1] < expectation.below * margin)
        under = expectation.above is not None and high < expectation.above * margin
        outside = under or (expectation.below is not None and low > expectation.below * margin)
        wanted = (outside, inside) if expectation.outside else (inside, outside)
        assert tuple(p < 0.05 for p in p_values(expectation, change, margin=margin)) == wanted, (expect, margin)


def test_a_directional_p_is_that_of_the_tables(change, make_cell):
    p_for, p_against = p_values(EXPECTATIONS["higher"], change, margin=0.05)
    assert p_for == pytest.approx(change.p) and p_against == 1.0


def test_of_several_pairs_it_is_their_mean(make_cell):
    cells = {A: make_cell(GOOD), B: make_cell(BAD, learning_rate=1e-4)}
    cells |= {C: make_cell(SAME, encoder="f" * 20), D: make_cell(GOOD, encoder="f" * 20, learning_rate=1e-4)}
    both = made("higher", cells, first=(A, C), second=(B, D))
    alone = [made("higher", cells, first=(one,), second=(other,)).difference for one, other in ((A, B), (C, D))]
    assert both.difference == pytest.approx(np.mean(alone)) and both.why == "mean of 2"
    assert made("higher", {A: cells[A], B: cells[B]}, first=(A, C), second=(B, D)).why == (
        "mean of the 1 of 2 that have runs"
    )


def test_of_four_cells_the_second_difference_is_taken_away(make_cell):
    cells = {A: make_cell(GOOD), B: make_cell(BAD, learning_rate=1e-4), C: make_cell(SAME, learning_rate=1e-3)}
    found = made("higher", cells, versus=(A, C))
    values = [(x - y - (x - z)) / 200 for x, y, z in zip(GOOD, BAD, SAME, strict=True)]
    assert found.difference == pytest.approx(sum(values) / 5) and found.p_for < 0.05


def test_a_system_without_seeds_is_held_against_every_seed(make_cell, make_reference):
    once = system_of(predictions={"BioASQ": answers(150)}, references={"BioASQ": make_reference("BioASQ", GOLD)})
    found = made("higher_by_margin", {A: make_cell(GOOD), B: once})
    assert found.difference == pytest.approx(np.mean(GOOD) / 200 - 0.75) and found.p_for < 0.05
    assert (found.n, found.collapsed) == (5, ("0 of 5", "–")) and len(found.run_ids) == 5


@pytest.mark.parametrize(
    ("cells", "tested", "why"),
    [
        (lambda make: {A: make(GOOD)}, False, "no runs"),
        (lambda make: {A: (one := make(GOOD)), B: one}, False, "the same runs on both sides"),
        (lambda make: {A: make([190]), B: make([150], learning_rate=1e-4)}, True, "fewer than two seeds"),
        (
            lambda make: {A: make([118, 120], collapsed=2), B: make([80, 82], collapsed=2, learning_rate=1e-4)},
            True,
            "every seed has a collapsed run on both sides",
        ),
    ],
)
def test_where_nothing_can_be_decided_it_says_why(make_cell, cells, tested, why):
    found = made("higher", cells(make_cell))
    assert (found.tested, found.why, found.p_for) == (tested, why, None)


def test_rates_in_one_stratum_are_told_apart_by_boschloos_test(make_cell):
    cells = {A: make_cell([100] * 8, collapsed=8), B: make_cell([150] * 8, learning_rate=1e-4)}
    found = made("collapses_more", cells)
    oracle = stats.boschloo_exact([[8, 0], [0, 8]]).pvalue
    assert (found.p_for, found.p_against) == (pytest.approx(oracle), 1.0)
    assert found.collapsed == ("8 of 8", "0 of 8") and found.difference == 1.0
    assert made("collapses_more", cells, first=(B,), second=(A,)).p_against == pytest.approx(oracle)


def test_rates_over_tasks_are_compared_within_each_never_pooled(make_cell):
    cells = {
        A: make_cell([150] * 5, collapsed=4),
        B: make_cell([150] * 5, learning_rate=1e-4),
        C: make_cell([150] * 5, collapsed=5, task="PubMedQA"),
        D: make_cell([150] * 5, collapsed=5, task="PubMedQA", learning_rate=1e-4),
    }
    found = made("collapses_more", cells, first=(A, C), second=(B, D))
    assert found.p_for == pytest.approx(stratified_exact_p([(4, 5, 0, 5), (5, 5, 5, 5)]))
    assert found.difference == pytest.approx(0.4) and "2 strata" in found.why


def test_rates_of_different_encoders_are_said_to_be_of_these(make_cell):
    cells = {A: make_cell([150] * 5, collapsed=4), B: make_cell([150] * 5, encoder="f" * 20)}
    assert made("collapses_more", cells).why == "Boschloo's exact test, of these encoders"


def test_from_four_pretraining_seeds_a_side_encoders_are_the_units(make_cell):
    names = {side: [f"{side}{seed}" * 10 for seed in range(4)] for side in "ab"}
    clusters = {name: seed for side in names.values() for seed, name in enumerate(side)}

    def side(name, collapsed):
        cells = [make_cell([150] * 5, collapsed=k, encoder=e) for k, e in zip(collapsed, names[name], strict=True)]
        records = [record for cell in cells for record in cell.records]
        return dataclasses.replace(cells[0], records=records, clusters=clusters)

    found = made("collapses_more", {A: side("a", [5, 5, 4, 5]), B: side("b", [0, 1, 0, 0])})
    oracle = stats.permutation_test(
        ([1, 1, 0.8, 1], [0, 0.2, 0, 0]), lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis)
    ).pvalue
    assert found.p_for == pytest.approx(oracle) == pytest.approx(2 / 70) and found.why == "permutation of encoders"


def test_tasks_are_the_units_where_tasks_are_compared(make_cell):
    cells = {A: make_cell([150] * 4, collapsed=3), B: make_cell([150] * 4, task="PubMedQA")}
    found = made("collapses_more", cells, by_task=True)
    assert found.p_for == 1.0 and found.why == "permutation of 2 tasks" and found.difference == 0.75
    assert made("collapses_more", {A: cells[A]}, by_task=True).why == "no runs on some of the tasks"


def test_too_few_runs_to_tell_rates_apart_are_said_to_be(make_cell):
    cells = {A: make_cell([150] * 2, collapsed=2), B: make_cell([150] * 2, learning_rate=1e-4)}
    found = made("collapses_more", cells)
    assert found.p_for > 0.05 and found.why.startswith("too few runs: even all against none")


def test_one_rate_is_held_against_a_quarter(make_cell):
    found = made("seldom_collapses", {A: make_cell([150] * 20, collapsed=0)}, second=())
    assert found.p_for == pytest.approx(2 * 0.75**20) and found.p_against == 1.0
    assert found.difference == -SELDOM and found.collapsed == ("0 of 20",)
    many = made("seldom_collapses", {A: make_cell([150] * 20, collapsed=12)}, second=())
    assert many.p_against == pytest.approx(2 * stats.binom.sf(11, 20, SELDOM))
    few = made("seldom_collapses", {A: make_cell([150] * 5)}, second=())
    assert few.why == "too few runs: it takes 13 without a collapse" and 2 * 0.75**13 < 0.05 < 2 * 0.75**12


def test_a_test_set_that_cannot_show_equivalence_says_how_large_it_would_have_to_be(make_cell):
    cells = {A: make_cell(GOOD), B: make_cell(BAD, learning_rate=1e-4)}
    assert made("equivalent", cells, margin=0.2).needed == ""
    found = made("equivalent", cells, margin=0.02)
    error = compare_cells([[cells[A], cells[B]]]).example_error
    n = 200 * ((stats.norm.ppf(0.95) + stats.norm.ppf(0.9)) * error / 0.02) ** 2
    assert stats.norm.ppf(0.95) * error > 0.02  # not even a difference of 0 would be within the margin
    assert found.needed == f"about {round(float(f'{n:.2g}')):,} questions of BioASQ (here 200)"


def test_where_a_difference_is_claimed_the_papers_says_how_large_it_should_be(make_cell):
    cells = {A: make_cell(GOOD), B: make_cell(BAD, learning_rate=1e-4)}
    assert made("higher", cells).needed == "" and made("higher", cells, printed=-0.01).needed == ""
    assert made("higher", cells, printed=0.2).needed == ""
    error = compare_cells([[cells[A], cells[B]]]).example_error
    n = 200 * ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error / 0.01) ** 2
    needed = made("higher", cells, printed=0.01).needed
    assert needed == f"about {round(float(f'{n:.2g}')):,} questions of BioASQ (here 200)"
