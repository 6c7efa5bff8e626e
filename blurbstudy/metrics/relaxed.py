"""Relaxed entity-level F1: overlap with a mention of the same type counts as a match (Tinn et al. 2021, table 11).

any: precision is the fraction of predicted mentions that overlap a gold mention, recall the fraction of gold mentions
that overlap a predicted one; one long prediction may match several gold mentions. one_to_one: a maximum matching, in
which each gold mention is matched by at most one prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from .counts import count_terms, f1_from_counts
from .entities import Mention, mention_pairs
from .metric import Metric


def relaxed_terms(
    gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = (), *, rule: str = "any"
) -> np.ndarray:
    """COUNTS of each sentence's mentions under strict BIO: (sentences, 4). `rule`: key of RULES."""
    rows = []
    for expected, actual in mention_pairs(gold, predicted):
        gold_matched, predicted_matched = RULES[rule](expected, actual) if expected and actual else (0, 0)
        rows.append((gold_matched, len(expected), predicted_matched, len(actual)))
    return count_terms(rows)


def any_overlap(gold: Sequence[Mention], predicted: Sequence[Mention]) -> tuple[int, int]:
    """(gold mentions that overlap a predicted one, predicted mentions that overlap a gold one)."""
    met = sum(any(_overlap(g, p) for p in predicted) for g in gold)
    return met, sum(any(_overlap(g, p) for g in gold) for p in predicted)


def one_to_one(gold: Sequence[Mention], predicted: Sequence[Mention]) -> tuple[int, int]:
    """The size of a maximum matching of overlapping mentions, twice."""
    types = {mention.type for mention in gold}
    pairs = sum(_matched([g for g in gold if g.type == t], [p for p in predicted if p.type == t]) for t in types)
    return pairs, pairs


def _matched(gold: Sequence[Mention], predicted: Sequence[Mention]) -> int:
    # Predicted mentions do not overlap each other, so a gold mention overlaps consecutive ones. Then it is optimal that
    # each prediction, from left to right, takes the free gold mention that ends first (Glover 1967).
    free = sorted(gold, key=lambda mention: mention.end)
    for guess in predicted:
        if (first := next((mention for mention in free if _overlap(mention, guess)), None)) is not None:
            free.remove(first)
    return len(gold) - len(free)


def _overlap(a: Mention, b: Mention) -> bool:
    return a.start < b.end and b.start < a.end and a.type == b.type


# rule -> numbers of matched gold and matched predicted mentions of one sentence
RULES: dict[str, Callable[[Sequence[Mention], Sequence[Mention]], tuple[int, int]]] = {
    "any": any_overlap,
    "one_to_one": one_to_one,
}

RELAXED_F1 = Metric(name="relaxed_f1", title="relaxed F1, any overlap", terms=relaxed_terms, from_sums=f1_from_counts)
RELAXED_F1_ONE_TO_ONE = Metric(
    name="relaxed_f1_one_to_one",
    title="relaxed F1, one to one",
    terms=partial(relaxed_terms, rule="one_to_one"),
    from_sums=f1_from_counts,
)
