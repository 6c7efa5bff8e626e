"""The expected best of k runs, against all subsets and against distributions whose answer is known."""

from itertools import combinations, permutations

import numpy as np
import pytest

from blurbstudy.stats.seeds.best_of import best_of, subset_weights

DEV = [0.3, 0.9, 0.5, 0.5, 0.1, 0.7, 0.6, 0.2]
TEST = [0.4, 0.6, 0.7, 0.1, 0.2, 0.8, 0.3, 0.5]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_it_is_the_mean_over_all_subsets(k):
    found = best_of(DEV, TEST)
    assert found.dev[k - 1] == pytest.approx(np.mean([max(subset) for subset in combinations(DEV, k)]))
    chosen = []
    for subset in permutations(range(8), k):  # in all orders: of runs that tie on dev, either may come first
        chosen.append(TEST[max(subset, key=lambda run: DEV[run])])
    assert found.test[k - 1] == pytest.approx(np.mean(chosen))
    assert len(found.dev) == len(found.test) == 4


def test_weights_are_probabilities():
    weights = subset_weights(20)
    assert weights.shape == (10, 20) and weights.sum(axis=1) == pytest.approx(np.ones(10))


def test_it_is_unbiased():
    """The best of ten standard normals is 1.539 on average; draws with replacement from 20 give 1.42."""
    generator = np.random.default_rng(1)
    found = [best_of(generator.standard_normal(20)).dev[9] for _ in range(300)]
    error = np.std(found, ddof=1) / np.sqrt(300)
    assert abs(np.mean(found) - 1.5388) < 3 * error < 0.1


def test_choosing_by_dev_buys_nothing_where_dev_and_test_are_unrelated():
    generator = np.random.default_rng(2)
    gains = []
    for _ in range(300):
        found = best_of(generator.standard_normal(20), generator.standard_normal(20))
        gains.append(found.test[9] - found.test[0])
    assert abs(np.mean(gains)) < 3 * np.std(gains, ddof=1) / np.sqrt(300)
    values = generator.standard_normal(20)
    assert best_of(values, values).test == pytest.approx(best_of(values).dev)


def test_the_band_holds_the_expectation():
    held = []
    for trial in range(100):
        values = np.random.default_rng(trial).standard_normal(30)
        found = best_of(values)
        held.append(abs(found.dev[4] - 1.163) <= found.half[4])  # E max of five standard normals
    assert np.mean(held) >= 0.85


def test_few_values_have_no_band():
    found = best_of([0.7, 0.5])
    assert list(found.dev) == [pytest.approx(0.6)] and np.isnan(found.half).all() and found.test is None
    assert list(best_of([0.7]).dev) == [0.7]
