"""Scores over classes, where some are rare: macro F1, balanced accuracy, Matthews' correlation, Cohen's kappa.

Each is a function of three counts per class, as in scikit-learn: right (gold and predicted), gold, predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .metric import Metric, ratio


def class_terms(gold: Sequence, predicted: Sequence, positives: Sequence[str] = ()) -> np.ndarray:
    """Counts of each example: (examples, 3 x classes).
    `positives`: the classes, in the order of the terms; without, those of gold and predictions.
    """
    return _terms([{str(g)} for g in gold], [{str(p)} for p in predicted], positives)


def label_set_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """The same of label sets, joined by commas; every label is a class."""
    gold_sets, predicted_sets = (
        [set(filter(None, str(labels).split(","))) for labels in side] for side in (gold, predicted)
    )
    return _terms(gold_sets, predicted_sets, positives)


def _terms(gold: Sequence[set[str]], predicted: Sequence[set[str]], positives: Sequence[str]) -> np.ndarray:
    names = list(positives) or sorted(set().union(*gold, *predicted))
    sides = [np.array([[name in labels for name in names] for labels in side]) for side in (gold, predicted)]
    counts = np.stack([sides[0] & sides[1], *sides], axis=-1)  # (examples, classes, 3)
    return counts.reshape(len(gold), -1).astype(np.float64)


def counts_by_class(
    gold: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str], sets: bool = False
) -> np.ndarray:
    """COUNTS of each example by label: (examples, labels, 4).
    `sets`: gold and predictions are label sets, joined by commas.
    """
    terms = (label_set_terms if sets else class_terms)(gold, predicted, labels)
    return terms.reshape(len(gold), len(labels), 3)[..., [0, 1, 0, 2]]


def macro_f1_from_sums(sums: np.ndarray) -> np.ndarray:
    """The mean of the F1 of the classes that gold or predictions have: (...) from (..., 3 x classes)."""
    right, gold, predicted = _counts(sums)
    return ratio(ratio(2 * right, gold + predicted).sum(axis=-1), (gold + predicted > 0).sum(axis=-1))


def balanced_accuracy_from_sums(sums: np.ndarray) -> np.ndarray:
    """The mean of the recall of the classes that gold has (Brodersen et al. 2010)."""
    right, gold, _ = _counts(sums)
    return ratio(ratio(right, gold).sum(axis=-1), (gold > 0).sum(axis=-1))


def mcc_from_sums(sums: np.ndarray) -> np.ndarray:
    """Matthews' correlation of several classes (Gorodkin 2004), -1 to 1; 0 where either side has one class alone."""
    right, gold, predicted = (counts for counts in _counts(sums))
    n = gold.sum(axis=-1)
    spread = (n**2 - (gold**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return ratio(right.sum(axis=-1) * n - (gold * predicted).sum(axis=-1), np.sqrt(np.maximum(spread, 0)))


def kappa_from_sums(sums: np.ndarray) -> np.ndarray:
    """Cohen's kappa (1960), -1 to 1; 0 where both sides have the same class alone."""
    right, gold, predicted = _counts(sums)
    n = gold.sum(axis=-1)
    by_chance = ratio((gold * predicted).sum(axis=-1), n**2)
    return ratio(ratio(right.sum(axis=-1), n) - by_chance, 1 - by_chance)


def _counts(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right, gold, predicted: (..., classes) each."""
    right, gold, predicted = np.moveaxis(np.asarray(sums, np.float64).reshape(*sums.shape[:-1], -1, 3), -1, 0)
    return right, gold, predicted


MACRO_F1 = Metric(name="macro_f1", title="macro F1", terms=class_terms, from_sums=macro_f1_from_sums)
LABEL_MACRO_F1 = Metric(
    name="label_macro_f1", title="macro F1 over labels", terms=label_set_terms, from_sums=macro_f1_from_sums
)
BALANCED_ACCURACY = Metric(
    name="balanced_accuracy", title="balanced accuracy", terms=class_terms, from_sums=balanced_accuracy_from_sums
)
MCC = Metric(name="mcc", title="Matthews' correlation", terms=class_terms, from_sums=mcc_from_sums, lowest=-1.0)
KAPPA = Metric(name="kappa", title="Cohen's kappa", terms=class_terms, from_sums=kappa_from_sums, lowest=-1.0)
