"""Word-level F1 of each PICO class and their mean (EBM PICO; Nye et al. 2018; scored as in BLURB)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ParameterError
from .counts import COUNTS, f1_from_counts
from .entities import gold_words, tag_pairs
from .metric import Metric


def pico_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """COUNTS of each sentence's words, by class in the order of `positives`: (sentences, classes x 4).
    Raises ParameterError: `positives` is empty, or a sentence has a different number of predicted tags.
    """
    if not positives:
        raise ParameterError("pico_f1 needs positive tags; give positives=(tag, ...)")
    pairs = tag_pairs(gold, predicted)
    terms = np.zeros((len(pairs), len(positives), len(COUNTS)))
    for i, (label, (_, guess)) in enumerate(zip(gold, pairs, strict=True)):
        expected = [(word.start, f"I-{word.type}") for word in gold_words(label)]
        right = set(expected).intersection(enumerate(guess))
        for c, tag in enumerate(positives):
            shared = sum(counted == tag for _, counted in right)
            terms[i, c] = shared, sum(counted == tag for _, counted in expected), shared, guess.count(tag)
    return terms.reshape(len(pairs), -1)


def pico_from_sums(sums: np.ndarray) -> np.ndarray:
    """Macro F1 (...) from sums of terms (..., classes x 4); a class absent from both sides counts as 0."""
    return f1_from_counts(_by_class(sums)).mean(axis=-1)


def _by_class(sums: np.ndarray) -> np.ndarray:
    sums = np.asarray(sums, np.float64)
    return sums.reshape(*sums.shape[:-1], -1, len(COUNTS))  # (..., classes, 4)


PICO_F1 = Metric(name="pico_f1", title="word-level macro F1", terms=pico_terms, from_sums=pico_from_sums)
