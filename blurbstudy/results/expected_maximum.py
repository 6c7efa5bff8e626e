"""What a search of n trials can be expected to find (Dodge et al. 2019, Show Your Work): the expected highest value of
n draws, with replacement, from the values that were found.

A best value without its budget compares nothing: who tries more, finds more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_maximum(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the highest of 1, 2, ... len(values) draws: each (len(values),)."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    draws = np.arange(1, n + 1)[:, None]  # (budgets, 1)
    below = (np.arange(n + 1) / n)[None, :] ** draws  # (budgets, n + 1): P(no draw is above the k lowest values)
    chances = np.diff(below, axis=1)  # (budgets, n): P(the highest draw is the k-th value)
    mean = chances @ ordered
    spread = np.sqrt(np.maximum(chances @ ordered**2 - mean**2, 0.0))
    return mean, spread
