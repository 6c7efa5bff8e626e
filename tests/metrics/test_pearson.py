"""Pearson's r against scipy, and where it has no value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blurbstudy.metrics import METRICS, is_correlated, pearson


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-3, 2.0), (1e200, 0.0), (1e-200, 0.0), (5.0, -1e4)])
def test_pearson_equals_scipy(scale, shift):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for _ in range(50):
        gold = rng.integers(0, 21, 20) / 5
        predicted = (gold * rng.normal() + rng.normal(size=20)) * scale + shift
        assert pearson(gold, predicted) == pytest.approx(stats.pearsonr(gold, predicted).statistic, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, -3.7, 1e300])
def test_pearson_of_a_constant_is_0(constant):
    assert pearson([1.0, 2.0, 3.3], [constant] * 3) == 0.0
    assert pearson([constant] * 3, [1.0, 2.0, 3.3]) == 0.0
    assert pearson([1.0], [2.0]) == 0.0


def test_pearson_never_leaves_its_bounds():
    x = [0.1, 0.2, 0.3, 0.7]
    assert pearson(x, x) <= 1.0 and pearson(x, [-v for v in x]) >= -1.0
    assert pearson(x, x) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_pearson_of_a_value_that_is_not_finite_is_nan(bad):
    assert math.isnan(pearson([1.0, 2.0], [bad, 1.0]))


def test_draws_without_spread_have_correlation_0():
    gold, predicted = [0.3, 0.3, 1.7, 2.9], [0.7, 0.1, 0.1, 3.3]
    terms = METRICS["pearson"].terms(gold, predicted)
    draws = np.array([[4, 0, 0, 0], [2, 2, 0, 0], [0, 1, 3, 0], [0, 0, 0, 4]])  # equal on a side, or on both
    assert METRICS["pearson"].from_sums(draws @ terms).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert METRICS["pearson"].from_sums(np.array([1, 1, 1, 1]) @ terms) == pytest.approx(pearson(gold, predicted))


def test_draws_of_a_value_that_is_not_finite_are_nan():
    terms = METRICS["pearson"].terms([1.0, 2.0, 3.0], [1.0, math.nan, 2.0])
    assert np.isnan(METRICS["pearson"].from_sums(np.array([[1.0, 0.0, 2.0]]) @ terms)).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, -3.7, 1e300])
def test_a_correlation_is_defined_where_both_sides_are_finite_and_have_a_spread(constant):
    assert is_correlated([1.0, 2.0, 3.3], [2.0, 1.0, 2.0])
    assert not is_correlated([1.0, 2.0, 3.3], [constant] * 3) and not is_correlated([constant] * 3, [1.0, 2.0, 3.3])
    assert not is_correlated([1.0, 2.0, 3.3], [1.0, 2.0, math.nan]) and not is_correlated([1.0], [2.0])
