"""The expected maximum by budget against every draw there is."""

from itertools import product

import numpy as np
import pytest

from blurbstudy.sections.state_of_the_art.budget_curve import expected_maximum

VALUES = [0.3, 0.9, 0.5, 0.5, 0.1]


@pytest.mark.parametrize("budget", [1, 2, 3, 4, 5])
def test_mean_and_spread_are_those_over_all_draws_with_replacement(budget):
    highest = [max(drawn) for drawn in product(VALUES, repeat=budget)]
    mean, spread = expected_maximum(VALUES)
    assert mean[budget - 1] == pytest.approx(np.mean(highest))
    assert spread[budget - 1] == pytest.approx(np.std(highest))


def test_one_trial_is_worth_the_mean_and_more_never_less():
    mean, _ = expected_maximum(VALUES)
    assert mean[0] == pytest.approx(np.mean(VALUES))
    assert all(np.diff(mean) >= 0) and mean[-1] < max(VALUES)


def test_equal_values_leave_nothing_to_expect():
    mean, spread = expected_maximum([0.5] * 4)
    assert mean == pytest.approx([0.5] * 4) and spread == pytest.approx([0.0] * 4, abs=1e-7)


def test_a_single_trial_has_itself():
    mean, spread = expected_maximum([0.7])
    assert (list(mean), list(spread)) == ([0.7], [0.0])
