"""What pretraining seeds and fine-tuning seeds add to the spread, against analysis of variance and simulation."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.results.variance import variance_parts


def test_variance_is_split_as_by_analysis_of_variance():
    groups = [[0.9, 0.8, 0.85], [0.5, 0.6, 0.55], [0.7, 0.72, 0.71]]
    found = variance_parts(groups)
    f = scipy.stats.f_oneway(*groups).statistic
    msw = np.mean([np.var(group, ddof=1) for group in groups])
    assert found.within == pytest.approx(math.sqrt(msw))
    assert found.between == pytest.approx(math.sqrt((f - 1) * msw / 3))


def test_variance_parts_of_unequal_groups_are_unbiased():
    rng = np.random.default_rng(0)
    sizes, between, within = (2, 3, 5, 4), 0.08, 0.05
    squares = []
    for _ in range(4000):
        groups = [rng.normal(rng.normal(0, between), within, size) for size in sizes]
        found = variance_parts(groups)
        squares.append((found.between**2, found.within**2))
    mean_between, mean_within = np.mean(squares, axis=0)
    assert mean_within == pytest.approx(within**2, rel=0.05)
    assert mean_between == pytest.approx(between**2, rel=0.05)  # four groups seldom fall below 0


def test_equal_encoders_have_no_variance_between_them():
    found = variance_parts([[0.5, 0.9], [0.9, 0.5], [0.7, 0.7]])
    assert found.between == 0 and found.within > 0
    assert variance_parts([[0.5, 0.9]]) is None
    alone = variance_parts([[0.5], [0.9]])
    assert alone.within is None and alone.between == pytest.approx(np.std([0.5, 0.9], ddof=1))
