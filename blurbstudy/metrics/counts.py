"""Precision, recall and F1 from four additive counts (van Rijsbergen 1979)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .metric import ratio

# Order of the terms of all counting metrics; found and right: matched mentions of gold and of predictions.
COUNTS = ("found", "gold", "right", "predicted")


@dataclass(frozen=True, kw_only=True)
class PrecisionRecallF1:
    """Scores are fractions, 0 if undefined. Under exact matching the two true positive counts are equal."""

    precision: float  # true_positives_predicted / predicted
    recall: float  # true_positives_gold / gold
    f1: float  # harmonic mean of both
    true_positives_gold: int  # gold mentions (words, labels) matched by a prediction
    gold: int  # gold mentions
    true_positives_predicted: int  # predicted mentions that match a gold mention
    predicted: int  # predicted mentions


def f1_from_counts(sums: np.ndarray) -> np.ndarray:
    """F1: (...) from sums of COUNTS (..., 4)."""
    gold_matched, gold, predicted_matched, predicted = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    return harmonic_mean(ratio(predicted_matched, predicted), ratio(gold_matched, gold))


def harmonic_mean(precision: np.ndarray | float, recall: np.ndarray | float) -> np.ndarray:
    """2 P R / (P + R); 0 where both are 0."""
    return ratio(2 * precision * recall, precision + recall)


def scores_from_counts(sums: np.ndarray) -> PrecisionRecallF1:
    """All three scores from one sum of COUNTS (4,)."""
    gold_matched, gold, predicted_matched, predicted = (round(float(count)) for count in sums)
    precision, recall = float(ratio(predicted_matched, predicted)), float(ratio(gold_matched, gold))
    f1 = float(harmonic_mean(precision, recall))
    return PrecisionRecallF1(
        precision=precision,
        recall=recall,
        f1=f1,
        true_positives_gold=gold_matched,
        gold=gold,
        true_positives_predicted=predicted_matched,
        predicted=predicted,
    )


def count_terms(rows: list[tuple[int, int, int, int]]) -> np.ndarray:
    return np.asarray(rows, np.float64).reshape(len(rows), len(COUNTS))
