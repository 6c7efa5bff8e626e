"""Entity-level micro F1 with exact boundaries and types (the five NER tasks of BLURB; Nakayama 2018, seqeval)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from .counts import COUNTS, PrecisionRecallF1, count_terms, f1_from_counts, scores_from_counts
from .entities import bio_to_io, io_to_bio, mentions, tag_pairs
from .metric import Metric


def entity_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """F1 of strictly read mentions, a fraction. Sentences are tags joined by spaces, BIO (IO predictions: io_to_bio).

    Raises:
        ParameterError: a tag is unknown, or a sentence has another number of tags.
    """
    return ENTITY_F1.score(gold, predicted)


def entity_terms(
    gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = (), *, reading: str = "strict"
) -> np.ndarray:
    """COUNTS of each sentence's mentions: (sentences, 4). `reading` is a key of entities.READINGS.

    Raises:
        ParameterError: a tag is unknown, or a sentence has another number of tags.
    """
    rows = []
    for truth, guess in tag_pairs(gold, predicted):
        expected, found = mentions(truth, reading=reading), mentions(guess, reading=reading)
        shared = len(set(expected).intersection(found))
        rows.append((shared, len(expected), shared, len(found)))
    return count_terms(rows)


def entity_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, PrecisionRecallF1]:
    """Entity type -> precision, recall, F1 and counts of its strictly read mentions, types in alphabetical order.

    Raises:
        ParameterError: a tag is unknown, or a sentence has another number of tags.
    """
    counts: dict[str, np.ndarray] = {}
    for truth, guess in tag_pairs(gold, predicted):
        expected, found = set(mentions(truth)), set(mentions(guess))
        for side, own in enumerate((expected & found, expected, expected & found, found)):
            for mention in own:
                counts.setdefault(mention.type, np.zeros(len(COUNTS)))[side] += 1
    return {kind: scores_from_counts(counts[kind]) for kind in sorted(counts)}


def word_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """COUNTS of each sentence's words inside mentions, the type as gold has it, B or I alike: (sentences, 4).

    Raises:
        ParameterError: a tag is unknown, or a sentence has another number of tags.
    """
    rows = []
    for truth, guess in tag_pairs(gold, predicted):
        expected, found = bio_to_io(truth), bio_to_io(guess)
        shared = sum(e == f != "O" for e, f in zip(expected, found, strict=True))
        rows.append((shared, len(expected) - expected.count("O"), shared, len(found) - found.count("O")))
    return count_terms(rows)


def io_ceiling(gold: Sequence[str]) -> float:
    """The entity F1 of an exact predictor trained and decoded with IO tags, a fraction: adjacent mentions are lost.

    Raises:
        ParameterError: a tag is unknown.
    """
    return entity_f1(gold, [" ".join(io_to_bio(bio_to_io(label.split()))) for label in gold])


ENTITY_F1 = Metric(name="entity_f1", title="entity-level F1", terms=entity_terms, from_sums=f1_from_counts)
ENTITY_F1_DEFAULT = Metric(
    name="entity_f1_default",
    title="entity-level F1, seqeval's default mode",
    terms=partial(entity_terms, reading="default"),
    from_sums=f1_from_counts,
)
