"""Pearson's correlation of gold and predicted scores (BIOSSES)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pearson(gold: Sequence[float], predicted: Sequence[float]) -> float:
    """r from -1 to 1; 0.0 where either side is constant (r is undefined there, and such a model has learned nothing);
    nan where a value is not finite.
    """
    pair = np.array([gold, predicted], np.float64)  # (2, n)
    if not np.isfinite(pair).all():
        return float("nan")
    if (np.ptp(pair, axis=1) == 0).any():
        return 0.0
    pair /= np.abs(pair).max(axis=1, keepdims=True)  # keeps squares of huge or tiny values within float64
    pair -= pair.mean(axis=1, keepdims=True)
    pair /= np.linalg.norm(pair, axis=1, keepdims=True)
    return float(np.clip(pair[0] @ pair[1], -1.0, 1.0))
