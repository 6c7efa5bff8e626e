"""A metric maps examples to additive terms and their sums to a score, so a bootstrap only resamples sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Gold labels and predictions have the form of Example.label: a label, a score, tags joined by spaces ("O B I"), or
    labels joined by commas. Positives are the classes that an F1 counts; other metrics ignore them.
    """

    name: str  # key of METRICS
    title: str  # for tables
    terms: Callable[..., np.ndarray]  # (gold, predicted, positives=()) -> (examples, k) float64
    from_sums: Callable[[np.ndarray], np.ndarray]  # sums of terms (..., k) -> scores (...), fractions
    lowest: float = 0.0  # score that there can be

    def score(self, gold: Sequence, predicted: Sequence, *, positives: Sequence[str] = ()) -> float:
        """The score of all examples, a fraction. Arguments are not checked; `metrics.score` checks them."""
        return float(self.from_sums(self.terms(gold, predicted, positives).sum(axis=0)))


def ratio(part: np.ndarray | float, total: np.ndarray | float) -> np.ndarray:
    """part / total, or 0 where the total is 0, as in seqeval and scikit-learn (zero_division=0)."""
    part, total = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(total, np.float64))
    return np.divide(part, total, out=np.zeros_like(part), where=total != 0)
