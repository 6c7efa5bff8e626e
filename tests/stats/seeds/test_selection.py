"""The score of the best of several runs: the out-of-bag estimate against brute force, and against the truth."""

import numpy as np
import pytest

from blurbstudy.metrics import pearson
from blurbstudy.stats.resampling import RESAMPLES, bootstrap_counts
from blurbstudy.stats.seeds.selection import out_of_bag_score

RUNS, TRUE = 10, 0.8


def answers(gold, right):
    other = {"yes": "no", "no": "yes"}
    return [g if ok else other[g] for g, ok in zip(gold, right, strict=True)]


def simulated(generator, n, *, shared):
    """Which of n answers are right, by run: each with probability TRUE, with a correlation between runs."""
    common = generator.standard_normal(n)
    own = generator.standard_normal((RUNS, n))
    threshold = -0.8416212335729143  # P(Z > threshold) = 0.8
    return np.sqrt(shared) * common + np.sqrt(1 - shared) * own > threshold


def test_it_is_the_mean_over_draws_of_the_best_in_the_bag_scored_out_of_it(make_reference):
    generator = np.random.default_rng(1)
    gold = ["yes", "no"] * 10
    units = [f"d{i // 2:02d}" for i in range(20)]  # ten documents of two questions
    reference = make_reference("BioASQ", gold, units=units)
    right = simulated(generator, 20, shared=0.5)[:3]
    found, reason = out_of_bag_score([answers(gold, row) for row in right], reference)
    by_unit = right.reshape(3, 10, 2).sum(axis=2)
    expected = []
    for drawn in bootstrap_counts(10):
        left_out = drawn == 0
        if left_out.sum() >= 3:
            best = max(range(3), key=lambda run: (by_unit[run] @ drawn, -run))
            expected.append(by_unit[best][left_out].sum() / (2 * left_out.sum()))
    assert reason == "" and len(expected) < RESAMPLES
    assert found == pytest.approx(np.mean(expected))


def test_correlations_are_computed_on_the_pairs_left_out(make_reference):
    generator = np.random.default_rng(2)
    gold = list(generator.uniform(0, 4, 16))
    runs = [[g + generator.normal(0, noise) for g in gold] for noise in (1.0, 1.5)]
    reference = make_reference("BIOSSES", gold, units=[f"{i:02d}" for i in range(16)])
    found, _ = out_of_bag_score(runs, reference)
    expected = []
    for drawn in bootstrap_counts(16):
        bag = np.repeat(np.arange(16), drawn)
        left_out = np.flatnonzero(drawn == 0)
        if len(left_out) >= 3:
            scores = [pearson([gold[i] for i in bag], [run[i] for i in bag]) for run in runs]
            best = runs[int(np.argmax(scores))]
            expected.append(pearson([gold[i] for i in left_out], [best[i] for i in left_out]))
    assert found == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(("n", "shared"), [(40, 0.5), (40, 0.8), (100, 0.5)])
def test_the_best_score_is_too_high_and_the_estimate_is_right(make_reference, n, shared):
    """Ten equally good runs of 80: the best of them has 85 to 88 on dev, and 80 on anything else."""
    generator = np.random.default_rng(n)
    gold = ["yes", "no"] * (n // 2)
    reference = make_reference("BioASQ", gold)
    naive, corrected = [], []
    for _ in range(60):
        right = simulated(generator, n, shared=shared)
        naive.append(right.mean(axis=1).max())
        corrected.append(out_of_bag_score([answers(gold, row) for row in right], reference)[0])
    error = np.std(corrected, ddof=1) / np.sqrt(len(corrected))
    assert np.mean(naive) > TRUE + 0.03
    assert abs(np.mean(corrected) - TRUE) < 3 * error < 0.03


def test_without_a_selection_or_with_few_units_there_is_none(make_reference):
    gold = ["yes", "no"] * 10
    assert out_of_bag_score([gold], make_reference("BioASQ", gold)) == (None, "nothing was selected among seeds")
    one = make_reference("BioASQ", gold, units=["d1"] * 20)
    assert out_of_bag_score([gold, gold], one) == (None, "dev is 1 document, too few to leave some out")
    tags = ["B I O"] * 4 + ["O O O"] * 50
    found, reason = out_of_bag_score([tags, tags], make_reference("NCBI-disease", tags))
    assert (found, reason) == (None, "only 4 sentences of dev can be right or wrong")
