"""Masked words (Devlin et al. 2019): 15% of tokens are asked for; 80% of these show [MASK], 10% a random token.

ELECTRA's own code shows [MASK] at 85% of them and leaves the rest as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What asked tokens show; the share left over stays as it is."""

    mask: float  # share that shows [MASK]
    random: float  # share that shows a random token


BERT_SHOWS = Shown(mask=0.8, random=0.1)
ELECTRA_SHOWS = Shown(mask=0.85, random=0.0)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What masking needs to know of a tokenizer."""

    size: int
    mask_id: int
    special: np.ndarray  # (size,) bool: never asked, never drawn
    continues: np.ndarray  # (size,) bool: sub-words that continue a word


def mask_tokens(
    ids: np.ndarray,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    *,
    rate: float,
    whole_word: bool,
    shown: Shown = BERT_SHOWS,
) -> tuple[np.ndarray, np.ndarray]:
    """(what the encoder sees, positions asked for) of a row of token ids; the answers are ids[positions].

    Args:
        ids: (tokens,) sequences one after another, special tokens included.
        rate: probability that a token is asked for; with `whole_word`, that a word is, with all its sub-words.
    """
    special = vocabulary.special[ids]
    unit = np.arange(len(ids))
    if whole_word:
        # A sub-word at the front of a cut segment follows a special token and begins a unit of its own.
        begins = ~vocabulary.continues[ids] | special | np.concatenate([[True], special[:-1]])
        unit = np.cumsum(begins) - 1
    asked = (rng.random(len(ids))[unit] < rate) & ~special
    positions = np.flatnonzero(asked)
    draw = rng.random(len(positions))
    ordinary = np.flatnonzero(~vocabulary.special)
    drawn = ordinary[rng.integers(len(ordinary), size=len(positions))]
    answers = ids[positions]
    seen = ids.copy()
    others = np.where(draw < shown.mask + shown.random, drawn, answers)
    seen[positions] = np.where(draw < shown.mask, vocabulary.mask_id, others)
    return seen, positions
