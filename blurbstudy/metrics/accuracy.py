"""Accuracy: the fraction of examples whose predicted label equals the gold label (PubMedQA, BioASQ)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .metric import Metric, ratio


def accuracy_terms(gold: Sequence, predicted: Sequence, positives: Sequence[str] = ()) -> np.ndarray:
    """1 or 0 for a correct or wrong prediction, and 1: (examples, 2)."""
    right = [float(g == p) for g, p in zip(gold, predicted, strict=True)]
    return np.stack([right, np.ones(len(right))], axis=1)


def accuracy_from_sums(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], sums[..., 1])


ACCURACY = Metric(name="accuracy", title="accuracy", terms=accuracy_terms, from_sums=accuracy_from_sums)
