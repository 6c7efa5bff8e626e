"""Fitted maps equal those of independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from blurbstudy.inference.calibration import ALL, ISOTONIC, Calibration
from blurbstudy.stats.calibration.fit import fit_binary_temperature, fit_isotonic, fit_platt, fit_temperature


@pytest.fixture
def generator():
    return np.random.default_rng(5)


def softmax(logits):
    return torch.from_numpy(logits).softmax(-1).numpy()


def torch_temperature(logits, gold):
    """By L-BFGS on the cross-entropy, as in the code of Guo et al. (2017)."""
    values, truth = torch.from_numpy(logits), torch.from_numpy(gold)
    log_t = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], lr=0.5, max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(values / log_t.exp(), truth)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_t.detach().exp())


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_lbfgs_and_near_the_true_one(generator, true):
    logits = generator.normal(scale=2.0, size=(2000, 5))
    gold = np.array([generator.choice(5, p=row) for row in softmax(logits)])
    found = fit_temperature(softmax(true * logits), gold)
    assert found == pytest.approx(torch_temperature(true * logits, gold), rel=1e-4)
    assert found == pytest.approx(true, rel=0.1)


def test_a_temperature_of_events_is_that_of_two_labels(generator):
    z = generator.normal(scale=3.0, size=500)
    happened = generator.random(500) < expit(0.5 * z)
    rows = softmax(np.column_stack([np.zeros(500), z]))
    assert fit_binary_temperature(rows[:, 1], happened) == pytest.approx(
        fit_temperature(rows, happened.astype(int)), rel=1e-4
    )


def test_probabilities_that_tell_nothing_have_no_temperature(generator):
    rows = softmax(generator.normal(scale=3.0, size=(400, 3)))
    assert fit_temperature(rows, rows.argmin(-1)) is None  # always wrong
    assert fit_binary_temperature(rows[:, 0], rows[:, 0] < 0.5) is None


def test_platts_scaling_is_logistic_regression_on_smoothed_targets(generator):
    p = expit(generator.normal(1.0, 2.0, size=600))
    happened = generator.random(600) < expit(0.6 * logit(p) - 1)
    slope, offset = fit_platt(p, happened)
    n = happened.sum()
    high, low = (n + 1) / (n + 2), 1 / (600 - n + 2)
    target = np.where(happened, high, low)  # a soft target is two weighted rows
    x = np.concatenate([logit(p)] * 2)[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    model.fit(x, np.repeat([1, 0], 600), sample_weight=np.concatenate([target, 1 - target]))
    assert (slope, offset) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=1e-3)


def test_isotonic_regression_is_that_of_scikit_learn_with_ties_and_between_knots(generator):
    p = generator.random(800).round(2)
    happened = generator.random(800) < p**2
    knots = fit_isotonic(p, happened)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(p, happened)
    grid = np.linspace(0, 1, 333)
    found = Calibration(method=ISOTONIC, maps={ALL: knots}).binary(grid)
    assert found == pytest.approx(oracle.predict(grid), abs=1e-9)
    assert len(knots) < 60  # ends of steps alone


@pytest.mark.parametrize("p", [[0.3], [0.2, 0.7]])
def test_isotonic_regression_of_one_or_two_values(p):
    knots = fit_isotonic(np.array(p), np.ones(len(p), bool))
    assert Calibration(method=ISOTONIC, maps={ALL: knots}).binary([0.0, 1.0]).tolist() == [1.0, 1.0]
