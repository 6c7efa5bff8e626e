"""Pearson's correlation of gold and predicted scores (BIOSSES)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .metric import Metric, ratio


def pearson(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """r from -1 to 1; 0.0 where either side is constant (r is undefined there, and such a model has learned nothing);
    nan where a value is not finite.
    """
    return PEARSON.score(gold, predicted)


def pearson_terms(gold: Sequence[float], predicted: Sequence[float], positives: Sequence[str] = ()) -> np.ndarray:
    """1, x, y, x^2, y^2, xy of both sides brought to mean 0 and length 1: (examples, 6); nan where one is not finite.

    r does not change by that, and sums of squares lose no digits.
    """
    pair = np.array([gold, predicted], np.float64)  # (2, examples)
    if not np.isfinite(pair).all():
        return np.full((pair.shape[1], 6), np.nan)
    x, y = (_standardized(side) for side in pair)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def is_correlated(gold: Sequence[float], predicted: Sequence[float]) -> bool:
    """Whether r is defined: both sides are finite and neither is constant, so that `pearson` is no mere convention."""
    _, _, has_spread = _spreads(pearson_terms(gold, predicted).sum(axis=0))
    return bool(has_spread)


def _standardized(values: np.ndarray) -> np.ndarray:
    values = values / (np.abs(values).max() or 1.0)  # keeps squares of huge or tiny values within float64
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    values = values - values.mean()
    return values / np.linalg.norm(values)


def pearson_from_sums(sums: np.ndarray) -> np.ndarray:
    """(...) from (..., 6); 0 where the sums have no spread on either side, nan where they are nan."""
    n, x, y, _, _, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    spread_x, spread_y, has_spread = _spreads(sums)
    product = np.where(has_spread, spread_x * spread_y, 1.0)
    r = np.where(has_spread, xy - ratio(x * y, n), 0.0) / np.sqrt(product)
    return np.where(np.isnan(n), np.nan, np.clip(r, -1.0, 1.0))


def _spreads(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of squares about the mean of both sides, and whether both have a spread at all."""
    n, x, y, xx, yy, _ = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    spread_x, spread_y = xx - ratio(x * x, n), yy - ratio(y * y, n)
    # Equal values leave rounding, not spread: it is small beside their squares.
    return spread_x, spread_y, (spread_x > 1e-12 * xx) & (spread_y > 1e-12 * yy)


PEARSON = Metric(name="pearson", title="Pearson's r", terms=pearson_terms, from_sums=pearson_from_sums)
