"""The gold mentions and scores of scispaCy's evaluation code (its data_util and per_class_scorer).

This shows how much of a published score is due to that code. It is not used for scores in tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..metrics.counts import PrecisionRecallF1, scores_from_counts
from ..metrics.entities import Mention, decode_tags, tag_pairs

OUTCOMES = ("right", "wrong", "missed")  # predicted and gold, only predicted, only gold


def scispacy_gold(tags: Sequence[str]) -> list[Mention]:
    """Return the gold mentions that scispaCy reads.

    A mention starts after O and ends at the next O. A B inside it is ignored, so adjacent mentions are merged and get
    the type of the first.
    """
    gold: list[Mention] = []
    start, kind = -1, ""
    for i, tag in enumerate((*tags, "O")):
        if tag == "O" and start >= 0:
            gold.append(Mention(start, i, kind))
            start = -1
        elif tag != "O" and start < 0:
            start, kind = i, tag[2:]
    return gold


def score_on_scispacy_gold(gold: Sequence[str], predicted: Sequence[str]) -> PrecisionRecallF1:
    """Score exact boundaries and types against scispaCy's gold mentions, with correct sums over types."""
    return _scores(_typed_counts(gold, predicted), sum_of_distinct=False)


def scispacy_score(gold: Sequence[str], predicted: Sequence[str]) -> PrecisionRecallF1:
    """Score as scispaCy does: its sum over types is over a set, so equal counts of two types are added once."""
    return _scores(_typed_counts(gold, predicted), sum_of_distinct=True)


def _typed_counts(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Counter[str]]:
    """Number of mentions by outcome (see OUTCOMES) and type."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in OUTCOMES}
    for truth, guess in tag_pairs(gold, predicted):
        expected, actual = set(scispacy_gold(truth)), set(decode_tags(guess))
        for name, subset in zip(OUTCOMES, (actual & expected, actual - expected, expected - actual), strict=True):
            counts[name].update(mention.type for mention in subset)
    return counts


def _scores(counts: dict[str, Counter[str]], *, sum_of_distinct: bool) -> PrecisionRecallF1:
    values = {
        name: set(by_type.values()) if sum_of_distinct else list(by_type.values()) for name, by_type in counts.items()
    }
    right, wrong, missed = (sum(values[name]) for name in OUTCOMES)
    return scores_from_counts(np.array([right, right + missed, right, right + wrong]))
