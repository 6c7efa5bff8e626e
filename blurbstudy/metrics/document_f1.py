"""F1 of the label sets of documents (HoC): BLURB's micro F1 and BLUE's example-based F1, which differ.

Micro F1 counts labels over all documents (Gu et al. 2021). Example-based F1 averages the precision and the recall of
each document and takes the harmonic mean of the two averages (Peng et al. 2019, blue/eval_hoc.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .counts import count_terms, f1_from_counts, harmonic_mean
from .metric import Metric, ratio


def document_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """COUNTS of each document's labels, joined by commas: (documents, 4); of the positives, or of all."""
    rows = []
    for truth, guess in _label_sets(gold, predicted, positives):
        shared = len(truth & guess)
        rows.append((shared, len(truth), shared, len(guess)))
    return count_terms(rows)


def example_based_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """Precision, recall and 1 of each document, zeros without gold labels: (documents, 3).

    A document without predicted labels has precision 0. Recall is undefined without gold labels: BLUE's test set (315
    documents) has no such document, but 53 of BLURB's 371 are. They are left out here, whatever is predicted for them.
    """
    rows = []
    for truth, guess in _label_sets(gold, predicted, positives):
        shared = len(truth & guess)
        rows.append((shared / max(len(guess), 1), shared / len(truth), 1) if truth else (0, 0, 0))
    return np.asarray(rows, np.float64).reshape(len(rows), 3)


def example_based_from_sums(sums: np.ndarray) -> np.ndarray:
    """F1 (...) from sums of terms (..., 3)."""
    precision, recall, documents = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    return harmonic_mean(ratio(precision, documents), ratio(recall, documents))


def _label_sets(
    gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str]
) -> list[tuple[set[str], set[str]]]:
    counted = frozenset(positives)
    pairs = []
    for truth, guess in zip(gold, predicted, strict=True):
        truth, guess = ({label for label in str(side).split(",") if label} for side in (truth, guess))
        pairs.append((truth & counted, guess & counted) if counted else (truth, guess))
    return pairs


DOCUMENT_F1 = Metric(
    name="document_f1", title="micro F1 over documents", terms=document_terms, from_sums=f1_from_counts
)
EXAMPLE_BASED_F1 = Metric(
    name="example_based_f1",
    title="example-based F1 (BLUE)",
    terms=example_based_terms,
    from_sums=example_based_from_sums,
)
