"""One set of predicted tags, scored by every convention in use: what a reported entity F1 can mean.

Numbers of different conventions are not comparable: the same predictions differ by several points between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import ParameterError
from .counts import scores_from_counts
from .entity_f1 import entity_terms, word_terms
from .relaxed import relaxed_terms


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How mentions are counted, and what comes out. Scores are fractions."""

    name: str  # for a table's row
    meaning: str  # one sentence for its reader
    precision: float
    recall: float
    f1: float
    gold_mentions: int  # as this convention counts them; words at word level
    predicted_mentions: int  # as this convention counts them; words at word level


# name, meaning, terms of each sentence
COUNTED: tuple[tuple[str, str, Callable[..., np.ndarray]], ...] = (
    ("strict BIO", "exact boundaries; an I that continues no B is no mention (BLURB)", entity_terms),
    (
        "seqeval default",
        "exact boundaries; an I that continues nothing starts a mention (conlleval)",
        partial(entity_terms, reading="default"),
    ),
    (
        "IO on both sides",
        "exact boundaries of runs of words; adjacent mentions merge in gold and predictions",
        partial(entity_terms, reading="io"),
    ),
    ("relaxed, any overlap", "a mention counts where it overlaps any of the other side", relaxed_terms),
    (
        "relaxed, one to one",
        "overlap counts, each gold mention for at most one prediction",
        partial(relaxed_terms, rule="one_to_one"),
    ),
    ("word level", "every word inside a mention counts alone; counts are words", word_terms),
)
CUT = (
    "long sentences cut",
    "strict BIO, but words past the length limit are dropped from gold too: mentions lost there cost no recall",
    entity_terms,
)


def scoring_conventions(
    gold: Sequence[str], predicted: Sequence[str], *, kept_words: Sequence[int | None] | None = None
) -> list[Convention]:
    """The scores of one set of predictions, strict BIO (BLURB's) first.

    Sentences are tags joined by spaces. `kept_words` says for each sentence how many words fitted the length limit
    (None: all); without it, the convention that drops the others is left out.

    Raises:
        ParameterError: there is no sentence, their numbers differ, a tag is unknown, or a sentence has another number
            of tags.
    """
    if len(gold) != len(predicted) or not len(gold):
        raise ParameterError(f"{len(predicted)} predictions for {len(gold)} sentences; give one each, of at least one")
    found = [_convention(name, meaning, terms(gold, predicted)) for name, meaning, terms in COUNTED]
    if kept_words is not None:
        name, meaning, terms = CUT
        found.append(_convention(name, meaning, terms(cut(gold, kept_words), cut(predicted, kept_words))))
    return found


def cut(labels: Sequence[str], kept_words: Sequence[int | None]) -> list[str]:
    """The tags of each sentence's first words.

    Raises:
        ParameterError: there are more or fewer numbers than sentences, or one is negative.
    """
    if len(labels) != len(kept_words):
        raise ParameterError(f"kept_words has {len(kept_words)} numbers for {len(labels)} sentences; give one each")
    if bad := [kept for kept in kept_words if kept is not None and kept < 0]:
        raise ParameterError(f"kept_words has {bad[0]}; give 0 or more words, or None for all of a sentence")
    return [" ".join(label.split()[:kept]) for label, kept in zip(labels, kept_words, strict=True)]


def _convention(name: str, meaning: str, terms: np.ndarray) -> Convention:
    scores = scores_from_counts(terms.sum(axis=0))
    return Convention(
        name=name,
        meaning=meaning,
        precision=scores.precision,
        recall=scores.recall,
        f1=scores.f1,
        gold_mentions=scores.gold,
        predicted_mentions=scores.predicted,
    )
