"""A system without seeds beside runs: Student's t against a constant, the bootstrap on the same draws of examples."""

import numpy as np
import pytest
from scipy import stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.contrasts import SeededCell, SingleSystem, contrast_cells
from blurbstudy.stats.intervals import _bootstrap_counts

GOLD = ["yes"] * 60 + ["no"] * 40
WRONG = {"yes": "no", "no": "yes"}
RIGHT = [88, 91, 85, 90]


@pytest.fixture
def reference(make_reference):
    return make_reference("BioASQ", GOLD)


@pytest.fixture
def runs(make_record, reference):
    """Four seeds, each wrong on the last questions of all."""
    records = [make_record(seed, task="BioASQ", test=answers(right)) for seed, right in enumerate(RIGHT, start=1)]
    return SeededCell(records=records, references={"BioASQ": reference})


def answers(right):
    return [label if index < right else WRONG[label] for index, label in enumerate(GOLD)]


def system(reference, predicted):
    return SingleSystem(
        score=reference.score(GOLD, predicted),
        draws=reference.bootstrap_scores(predicted, split="test"),
        tasks=frozenset({"BioASQ"}),
        trivial=reference.trivial_score("test"),
    )


def test_over_seeds_it_is_students_t_of_the_scores_against_the_systems_one(runs, reference):
    found = contrast_cells([runs, system(reference, answers(80))])
    oracle = stats.ttest_1samp([right / 100 for right in RIGHT], 0.80)
    assert found.difference == pytest.approx(np.mean(RIGHT) / 100 - 0.80) and found.n_pairs == 4
    assert found.p_seeds == pytest.approx(oracle.pvalue)
    bounds = oracle.confidence_interval()
    assert found.seed_interval == pytest.approx((bounds.low - 0.80, bounds.high - 0.80))


def test_over_examples_both_are_scored_on_the_same_draws(runs, reference):
    predicted = [WRONG[label] if index % 5 == 0 else label for index, label in enumerate(GOLD)]
    found = contrast_cells([runs, system(reference, predicted)])
    share = np.mean([[p == t for p, t in zip(answers(right), GOLD, strict=True)] for right in RIGHT], axis=0)
    theirs = np.array([p == t for p, t in zip(predicted, GOLD, strict=True)], dtype=float)
    order = np.argsort([str(i) for i in range(len(GOLD))])  # units are drawn in the order of their names
    drawn = _bootstrap_counts(len(GOLD)) @ (share - theirs)[order] / len(GOLD)
    assert found.example_interval == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_the_other_way_round_it_is_the_same_with_another_sign(runs, reference):
    once = system(reference, answers(80))
    one, other = contrast_cells([runs, once]), contrast_cells([once, runs])
    assert one.difference == -other.difference and one.p_seeds == pytest.approx(other.p_seeds)


def test_a_difference_of_differences_takes_the_second_away_seed_by_seed(runs, reference, make_record):
    others = [make_record(s, task="BioASQ", test=answers(70 + s), learning_rate=1e-4) for s in range(1, 5)]
    second = SeededCell(records=others, references={"BioASQ": reference})
    better, worse = system(reference, answers(84)), system(reference, answers(60))
    found = contrast_cells([runs, better, second, worse])
    values = [(right - 84 - (70 + seed - 60)) / 100 for seed, right in enumerate(RIGHT, start=1)]
    assert found.differences == pytest.approx(values)
    assert found.p_seeds == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_a_system_that_cannot_be_told_from_the_trivial_score_has_failed(reference):
    assert system(reference, answers(64)).failed == 1 and system(reference, answers(90)).failed == 0
    assert SingleSystem(score=0.9, draws=None, tasks=frozenset({"BioASQ"})).failed == 1  # one unit: no lower bound


def test_failures_are_judged_by_the_metric_that_is_named(runs, reference, make_reference):
    stricter = SeededCell(
        records=runs.records,
        references=runs.references,
        failure_references={"BioASQ": make_reference("BioASQ", ["no"] * 100)},
    )
    assert (runs.failed, stricter.failed) == (0, 4) and stricter.summary.mean == runs.summary.mean


def test_cells_of_different_tasks_and_systems_alone_are_refused(runs, reference):
    other = SingleSystem(score=0.5, draws=None, tasks=frozenset({"HoC"}))
    with pytest.raises(StudyError, match="cells of BioASQ and of HoC; compare cells of the same tasks"):
        contrast_cells([runs, other])
    with pytest.raises(StudyError, match="two systems without seeds"):
        contrast_cells([system(reference, answers(80))] * 2)
