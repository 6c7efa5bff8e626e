"""Fit the maps of inference.calibration to outcomes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, logit, logsumexp

MIN_EACH = 10  # right and wrong predictions per parameter that is fitted
MIN_ISOTONIC = 1000  # predictions; with fewer, isotonic regression overfits (Niculescu-Mizil and Caruana 2005)
MIN_EACH_ISOTONIC = 100  # right and wrong ones of them
LARGEST_TEMPERATURE = 20.0
_EDGE = 1e-12  # of probabilities whose log-odds are taken


def fit_temperature(rows: np.ndarray, gold: np.ndarray) -> float | None:
    """The temperature by which these distributions give the gold labels the largest likelihood; None if there is no
    such temperature up to LARGEST_TEMPERATURE: they tell nothing of the labels.

    Args:
        rows: (n, labels) probabilities.
        gold: (n,) indices of labels.
    """
    logs = np.log(np.maximum(rows, 1e-300))
    truth = logs[np.arange(len(logs)), gold]

    def loss(t: float) -> float:
        return float(np.mean(logsumexp(logs / np.exp(t), axis=-1) - truth / np.exp(t)))

    return _best_temperature(loss)


def fit_binary_temperature(p: np.ndarray, happened: np.ndarray) -> float | None:
    """The same of single events."""
    signed = np.where(happened, 1, -1) * logit(np.clip(p, _EDGE, 1 - _EDGE))
    return _best_temperature(lambda t: float(np.mean(np.logaddexp(0, -signed / np.exp(t)))))


def _best_temperature(loss: Callable[[float], float]) -> float | None:
    """By the logarithm of the temperature; the loss has one minimum, since it is convex in the inverse temperature."""
    bound = np.log(LARGEST_TEMPERATURE)
    result = minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-6})
    return None if abs(result.x) > 0.99 * bound else float(np.exp(result.x))


def fit_platt(p: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """Slope and offset of the log-odds, with Platt's targets, which are within (0, 1); the slope is positive."""
    x, n = logit(np.clip(p, _EDGE, 1 - _EDGE)), happened.sum()
    targets = np.where(happened, (n + 1) / (n + 2), 1 / (len(p) - n + 2))

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        odds = numbers[0] * x + numbers[1]
        off = expit(odds) - targets
        return float(np.mean(np.logaddexp(0, odds) - targets * odds)), np.array([np.mean(off * x), np.mean(off)])

    return minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(1e-3, None), (None, None)]).x


def fit_isotonic(p: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """(knots, 2): ends of the steps of the rising function with the least squared error, linear in between."""
    x, index, counts = np.unique(p, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=happened) / counts
    y = np.clip(isotonic_regression(means, weights=counts).x, 0.0, 1.0)
    inner = np.r_[False, (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:]), False][: len(y)]
    return np.column_stack([x, y])[~inner]
