"""Pearson's correlation of gold and predicted scores (BIOSSES)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .metric import Metric, ratio


def pearson(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """Pearson's r, from -1 to 1; 0.0 if either side is constant (r is undefined), nan if a value is not finite."""
    return PEARSON.score(gold, predicted)


def pearson_terms(gold: Sequence[float], predicted: Sequence[float], positives: Sequence[str] = ()) -> np.ndarray:
    """1, x, y, x^2, y^2, xy after scaling both sides to mean 0 and norm 1: (examples, 6); nan if a value is not finite.

    Scaling leaves r unchanged and keeps the sums of squares accurate.
    """
    pair = np.array([gold, predicted], np.float64)  # (2, examples)
    if not np.isfinite(pair).all():
        return np.full((pair.shape[1], 6), np.nan)
    x, y = (_standardized(side) for side in pair)
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def is_correlated(gold: Sequence[float], predicted: Sequence[float]) -> bool:
    """Whether r is defined: both sides are finite and neither is constant."""
    _, _, has_spread = _spreads(pearson_terms(gold, predicted).sum(axis=0))
    return bool(has_spread)


def _standardized(values: np.ndarray) -> np.ndarray:
    values = values / (np.abs(values).max() or 1.0)  # keeps squares of very large or small values within float64
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    values = values - values.mean()
    return values / np.linalg.norm(values)


def pearson_from_sums(sums: np.ndarray) -> np.ndarray:
    """r (...) from sums of terms (..., 6); 0 if either side has no spread, nan if the sums are nan."""
    n, x, y, _, _, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    spread_x, spread_y, has_spread = _spreads(sums)
    product = np.where(has_spread, spread_x * spread_y, 1.0)
    r = np.where(has_spread, xy - ratio(x * y, n), 0.0) / np.sqrt(product)
    return np.where(np.isnan(n), np.nan, np.clip(r, -1.0, 1.0))


def _spreads(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of squares about the mean of both sides, and whether both are positive."""
    n, x, y, xx, yy, _ = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    spread_x, spread_y = xx - ratio(x * x, n), yy - ratio(y * y, n)
    # Equal values leave a rounding error, which is small relative to their squares.
    return spread_x, spread_y, (spread_x > 1e-12 * xx) & (spread_y > 1e-12 * yy)


PEARSON = Metric(name="pearson", title="Pearson's r", terms=pearson_terms, from_sums=pearson_from_sums, lowest=-1.0)
