"""Precision, recall and F1 from four counts that add up over examples (van Rijsbergen 1979)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .metric import ratio

COUNTS = ("found", "gold", "right", "predicted")  # order of the terms of every metric that counts


@dataclass(frozen=True, kw_only=True)
class PrecisionRecallF1:
    """Scores are fractions, 0 where nothing could be counted. Exact matching has found == right."""

    precision: float  # right / predicted
    recall: float  # found / gold
    f1: float  # their harmonic mean
    found: int  # gold mentions (words, labels) that a prediction met
    gold: int  # gold mentions
    right: int  # predicted mentions that met a gold one
    predicted: int  # predicted mentions


def f1_from_counts(sums: np.ndarray) -> np.ndarray:
    """F1: (...) from sums of COUNTS (..., 4)."""
    found, gold, right, predicted = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    return harmonic_mean(ratio(right, predicted), ratio(found, gold))


def harmonic_mean(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """2 P R / (P + R); 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)


def scores_from_counts(sums: np.ndarray) -> PrecisionRecallF1:
    """All three scores from one sum of COUNTS (4,)."""
    found, gold, right, predicted = (round(float(count)) for count in sums)
    precision, recall = float(ratio(right, predicted)), float(ratio(found, gold))
    f1 = float(harmonic_mean(precision, recall))
    return PrecisionRecallF1(
        precision=precision, recall=recall, f1=f1, found=found, gold=gold, right=right, predicted=predicted
    )


def count_terms(rows: list[tuple[int, int, int, int]]) -> np.ndarray:
    """COUNTS of each example as terms (examples, 4)."""
    return np.asarray(rows, np.float64).reshape(len(rows), len(COUNTS))
