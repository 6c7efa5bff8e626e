"""A system without seeds beside runs: one score against every seed's, on the same replicates of examples."""

import numpy as np
import pytest
from scipy import stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.resampling import bootstrap_counts
from blurbstudy.stats.systems import SeededCell, SingleSystem, compare_cells

GOLD = ["yes"] * 60 + ["no"] * 40
WRONG = {"yes": "no", "no": "yes"}
RIGHT = [88, 91, 85, 90]


def system_of(predictions, references):
    scored = {task: references[task].score_of(predicted, split="test") for task, predicted in predictions.items()}
    return SingleSystem(scored=scored, references=references)


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
    return system_of(predictions={"BioASQ": predicted}, references={"BioASQ": reference})


def test_over_seeds_it_is_students_t_of_the_scores_against_the_systems_one(runs, reference):
    found = compare_cells([[runs, system(reference, answers(80))]])
    bounds = stats.ttest_1samp([right / 100 for right in RIGHT], 0.80).confidence_interval()
    assert found.difference == pytest.approx(np.mean(RIGHT) / 100 - 0.80) and found.n == 4
    assert found.seed_interval == pytest.approx((bounds.low - 0.80, bounds.high - 0.80))


def test_over_examples_both_are_scored_on_the_same_draws(runs, reference):
    predicted = [WRONG[label] if index % 5 == 0 else label for index, label in enumerate(GOLD)]
    found = compare_cells([[runs, system(reference, predicted)]])
    share = np.mean([[p == t for p, t in zip(answers(right), GOLD, strict=True)] for right in RIGHT], axis=0)
    theirs = np.array([p == t for p, t in zip(predicted, GOLD, strict=True)], dtype=float)
    order = np.argsort([str(i) for i in range(len(GOLD))])  # units are drawn in the order of their names
    drawn = bootstrap_counts(len(GOLD)) @ (share - theirs)[order] / len(GOLD)
    half = stats.t.ppf(0.975, len(GOLD) - 1) * np.std(drawn, ddof=1)
    assert found.example_interval == pytest.approx((found.difference - half, found.difference + half))


def test_a_mean_over_tasks_adds_their_variances(make_record, make_reference):
    tasks = {"BioASQ": GOLD, "PubMedQA": GOLD}
    references = {task: make_reference(task, gold) for task, gold in tasks.items()}
    records = [make_record(s, task=task, test=answers(80 + s)) for task in tasks for s in range(1, 5)]
    both = compare_cells(
        [
            [
                SeededCell(records=records, references=references),
                system_of(predictions=dict.fromkeys(tasks, answers(70)), references=references),
            ]
        ]
    )
    one = compare_cells(
        [
            [
                SeededCell(records=records[:4], references=references),
                system_of(predictions={"BioASQ": answers(70)}, references=references),
            ]
        ]
    )
    assert both.difference == pytest.approx(one.difference)
    halves = [(bounds[1] - bounds[0]) / 2 for bounds in (both.example_interval, one.example_interval)]
    quantiles = [stats.t.ppf(0.975, df) for df in (2 * 99, 99)]
    assert halves[0] / quantiles[0] == pytest.approx(halves[1] / quantiles[1] / np.sqrt(2))


def test_the_other_way_round_it_is_the_same_with_another_sign(runs, reference):
    once = system(reference, answers(80))
    one, other = compare_cells([[runs, once]]), compare_cells([[once, runs]])
    assert one.difference == -other.difference and one.p == pytest.approx(other.p)


def test_a_difference_of_differences_takes_the_second_away_seed_by_seed(runs, reference, make_record):
    others = [make_record(s, task="BioASQ", test=answers(70 + s), learning_rate=1e-4) for s in range(1, 5)]
    second = SeededCell(records=others, references={"BioASQ": reference})
    better, worse = system(reference, answers(84)), system(reference, answers(60))
    found = compare_cells([[runs, better, second, worse]])
    values = [(right - 84 - (70 + seed - 60)) / 100 for seed, right in enumerate(RIGHT, start=1)]
    assert found.differences == pytest.approx(values)


def test_runs_are_judged_by_the_metric_that_is_named(runs, make_reference):
    stricter = SeededCell(
        records=runs.records,
        references=runs.references,
        status_references={"BioASQ": make_reference("BioASQ", ["no"] * 100)},
    )
    assert (runs.statuses.failed, stricter.statuses.failed) == (0, 4)
    assert stricter.summary.mean == runs.summary.mean


def test_cells_of_different_tasks_and_systems_alone_are_refused(runs, reference, make_reference):
    other = system_of(predictions={"HoC": ["none"]}, references={"HoC": make_reference("HoC", ["none"])})
    with pytest.raises(StudyError, match="cells of BioASQ and of HoC; compare cells of the same tasks"):
        compare_cells([[runs, other]])
    with pytest.raises(StudyError, match="systems without seeds have no difference over seeds"):
        compare_cells([[system(reference, answers(80))] * 2])
