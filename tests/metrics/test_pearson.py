"""Pearson's r against scipy, and where it has no value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blurbstudy.metrics import pearson


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
