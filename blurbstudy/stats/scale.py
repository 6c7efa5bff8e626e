"""What scores are compared on: as they are, or, of correlations, Fisher's z."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MAX_CORRELATION = 0.9999  # Fisher's z of more would count for too much
_BISECTIONS = 60


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A scale for scores; of correlations, lengths on it are given back as differences of r around `middle`."""

    is_z: bool
    middle: float = 0.0  # mean z of both sides
    limit: float = 1.0  # largest difference that there can be, of scores as they are

    def forward(self, scores: np.ndarray) -> np.ndarray:
        return np.arctanh(np.clip(scores, -MAX_CORRELATION, MAX_CORRELATION)) if self.is_z else scores

    def points(self, length: float) -> float:
        """A difference on the scale as a difference of scores."""
        if not self.is_z:
            return min(max(length, -self.limit), self.limit)
        return math.tanh(self.middle + length / 2) - math.tanh(self.middle - length / 2)

    def length(self, points: float) -> float:
        """The inverse of `points`; of a difference that no two correlations have, the longest on the scale."""
        if not self.is_z:
            return points
        high = 2 * math.atanh(MAX_CORRELATION) + 2 * abs(self.middle)
        low = -high
        for _ in range(_BISECTIONS):
            mid = (low + high) / 2
            low, high = (mid, high) if self.points(mid) < points else (low, mid)
        return (low + high) / 2
