"""One set of predicted tags scored by every convention in use: what a reported entity F1 can mean.

Scores of different conventions are not comparable: for the same predictions they differ by several points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import ParameterError, count_of
from .counts import scores_from_counts
from .entity_f1 import entity_terms, word_terms
from .relaxed import relaxed_terms


@dataclass(frozen=True, kw_only=True)
class Convention:
    """The scores under one way of counting mentions. Scores are fractions."""

    name: str  # for a table's row
    meaning: str  # one sentence of explanation
    precision: float
    recall: float
    f1: float
    gold_mentions: int  # as this convention counts them; words at word level
    predicted_mentions: int  # as this convention counts them; words at word level


# name, meaning, terms of each sentence
CONVENTIONS: tuple[tuple[str, str, Callable[..., np.ndarray]], ...] = (
    ("strict BIO", "exact boundaries; an I without a preceding B is ignored (BLURB)", entity_terms),
    (
        "seqeval default",
        "exact boundaries; an I without a preceding B starts a mention (conlleval)",
        partial(entity_terms, scheme="default"),
    ),
    (
        "IO on both sides",
        "exact boundaries of runs of words; adjacent mentions merge in gold and predictions",
        partial(entity_terms, scheme="io"),
    ),
    ("relaxed, any overlap", "a mention counts if it overlaps any mention of the other side", relaxed_terms),
    (
        "relaxed, one to one",
        "overlap counts, each gold mention for at most one prediction",
        partial(relaxed_terms, rule="one_to_one"),
    ),
    ("word level", "every word inside a mention counts separately; counts are words", word_terms),
)
RAW_TEXT_CONVENTIONS = (
    (
        "exact spans",
        "the characters and the type are equal; nested mentions and those inside words count",
        entity_terms,
    ),
    *(convention for convention in CONVENTIONS if convention[0].startswith(("relaxed", "word"))),
)
CUT = (
    "long sentences truncated",
    "strict BIO, but words beyond the length limit are dropped from gold too, so lost mentions cost no recall",
    entity_terms,
)


def scoring_conventions(
    gold: Sequence[str],
    predicted: Sequence[str],
    *,
    kept_words: Sequence[int | None] | None = None,
    raw_text: bool = False,
) -> list[Convention]:
    """The scores of one set of predictions under each convention, strict BIO (BLURB's) first; of raw text, exact spans
    first.

    Args:
        gold: sentences as tags joined by spaces; predicted likewise.
        kept_words: per sentence, how many words fit the length limit (None: all). Without it, the convention that
            truncates is left out.
        raw_text: whether gold lists mentions, which conventions on tags alone cannot count.

    Raises:
        ParameterError: there is no sentence, their numbers differ, a tag is unknown, or a sentence has a different
            number of predicted tags.
    """
    if len(gold) != len(predicted) or not len(gold):
        raise ParameterError(
            f"{count_of(len(predicted), 'prediction')} for {count_of(len(gold), 'sentence')}; "
            "give one per sentence, at least one"
        )
    chosen = RAW_TEXT_CONVENTIONS if raw_text else CONVENTIONS
    conventions = [_convention(name, meaning, terms(gold, predicted)) for name, meaning, terms in chosen]
    if kept_words is not None:
        name, meaning, terms = CUT
        conventions.append(
            _convention(name, meaning, terms(truncate(gold, kept_words), truncate(predicted, kept_words)))
        )
    return conventions


def truncate(labels: Sequence[str], kept_words: Sequence[int | None]) -> list[str]:
    """The tags of each sentence's first `kept_words` words.
    Raises ParameterError: the numbers of sentences differ, or a number is negative.
    """
    if len(labels) != len(kept_words):
        raise ParameterError(
            f"kept_words has {len(kept_words)} numbers for {len(labels)} sentences; give one per sentence"
        )
    if bad := [n_words for n_words in kept_words if n_words is not None and n_words < 0]:
        raise ParameterError(f"kept_words has {bad[0]}; use 0 or more, or None for the full sentence")
    return [" ".join(label.split()[:n_words]) for label, n_words in zip(labels, kept_words, strict=True)]


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
