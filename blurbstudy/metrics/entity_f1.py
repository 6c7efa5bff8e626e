"""Entity-level micro F1 with exact boundaries and types (the five NER tasks of BLURB; Nakayama 2018, seqeval)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from .counts import COUNTS, count_terms, f1_from_counts
from .entities import bio_to_io, io_to_bio, mention_pairs, split_gold, tag_pairs
from .metric import Metric


def entity_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """F1 of mentions under strict BIO, a fraction. Sentences are tags joined by spaces; see io_to_bio for IO tags."""
    return ENTITY_F1.score(gold, predicted)


def entity_terms(
    gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = (), *, scheme: str = "strict"
) -> np.ndarray:
    """COUNTS of each sentence's mentions: (sentences, 4). `scheme`: key of entities.DECODERS."""
    rows = []
    for expected, actual in mention_pairs(gold, predicted, scheme=scheme):
        shared = len(set(expected).intersection(actual))
        rows.append((shared, len(expected), shared, len(actual)))
    return count_terms(rows)


def entity_terms_by_type(gold: Sequence[str], predicted: Sequence[str], types: Sequence[str]) -> np.ndarray:
    """COUNTS of each sentence's mentions of each type under strict BIO: (sentences, types, 4)."""
    index_of = {kind: i for i, kind in enumerate(types)}
    terms = np.zeros((len(gold), len(types), len(COUNTS)))
    for row, (expected, actual) in zip(terms, mention_pairs(gold, predicted), strict=True):
        shared = set(expected).intersection(actual)
        for side, group in enumerate((shared, expected, shared, actual)):
            for mention in group:
                row[index_of[mention.type], side] += 1
    return terms


def word_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """COUNTS of each sentence's words inside mentions, matched by type, B and I alike: (sentences, 4)."""
    rows = []
    for truth, guess in tag_pairs(gold, predicted):
        expected, actual = bio_to_io(truth), bio_to_io(guess)
        shared = sum(e == f != "O" for e, f in zip(expected, actual, strict=True))
        rows.append((shared, len(expected) - expected.count("O"), shared, len(actual) - actual.count("O")))
    return count_terms(rows)


def io_ceiling(gold: Sequence[str]) -> float:
    """The best entity F1 possible with IO tags, a fraction: they cannot separate adjacent mentions."""
    return entity_f1(gold, [" ".join(io_to_bio(bio_to_io(split_gold(label)[0]))) for label in gold])


ENTITY_F1 = Metric(name="entity_f1", title="entity-level F1", terms=entity_terms, from_sums=f1_from_counts)
ENTITY_F1_DEFAULT = Metric(
    name="entity_f1_default",
    title="entity-level F1, seqeval's default mode",
    terms=partial(entity_terms, scheme="default"),
    from_sums=f1_from_counts,
)
