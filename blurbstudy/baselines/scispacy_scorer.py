"""How scispaCy's own pipeline reads gold mentions and sums its scores (its data_util, per_class_scorer), to tell how
much of a score is that. Nothing here enters a table of scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..metrics.counts import PrecisionRecallF1, scores_from_counts
from ..metrics.entities import Mention, mentions, tag_pairs

COUNTED = ("right", "wrong", "missed")  # predicted and gold, predicted alone, gold alone


def as_it_reads(tags: Sequence[str]) -> list[Mention]:
    """Gold mentions by its reader: one begins after O and goes on until the next O. A B inside it begins no other, so
    neighbours merge, and take the first one's type.
    """
    found: list[Mention] = []
    start, kind = -1, ""
    for i, tag in enumerate((*tags, "O")):
        if tag == "O" and start >= 0:
            found.append(Mention(start, i, kind))
            start = -1
        elif tag != "O" and start < 0:
            start, kind = i, tag[2:]
    return found


def read_by_it(gold: Sequence[str], predicted: Sequence[str]) -> PrecisionRecallF1:
    """Exact boundaries and types, gold as its reader has it, predictions as they are; counted rightly."""
    return _scores(_typed_counts(gold, predicted), sum_of_distinct=False)


def scored_by_it(gold: Sequence[str], predicted: Sequence[str]) -> PrecisionRecallF1:
    """The same, summed over types as its scorer does: over a set of counts, where equal counts of two types are one."""
    return _scores(_typed_counts(gold, predicted), sum_of_distinct=True)


def _typed_counts(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Counter[str]]:
    """COUNTED -> type -> mentions."""
    counts = {name: Counter() for name in COUNTED}
    for truth, guess in tag_pairs(gold, predicted):
        expected, found = set(as_it_reads(truth)), set(mentions(guess))
        for name, own in zip(COUNTED, (found & expected, found - expected, expected - found), strict=True):
            counts[name].update(mention.type for mention in own)
    return counts


def _scores(counts: dict[str, Counter[str]], *, sum_of_distinct: bool) -> PrecisionRecallF1:
    values = {name: set(own.values()) if sum_of_distinct else list(own.values()) for name, own in counts.items()}
    right, wrong, missed = (sum(values[name]) for name in COUNTED)
    return scores_from_counts([right, right + missed, right, right + wrong])
