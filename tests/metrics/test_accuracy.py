"""Accuracy against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.metrics import METRICS

accuracy = METRICS["accuracy"].score


def test_accuracy_equals_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(50):
        gold, predicted = rng.choice(["yes", "no", "maybe"], (2, rng.integers(1, 40))).tolist()
        assert accuracy(gold, predicted) == pytest.approx(metrics.accuracy_score(gold, predicted), abs=1e-12)


def test_accuracy_is_a_plain_float_of_arrays_too():
    value = accuracy(np.array([0, 1, 1]), np.array([0, 1, 0]))
    assert type(value) is float and value == pytest.approx(2 / 3)
