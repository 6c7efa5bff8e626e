"""Masked words (Devlin et al. 2019): 15% of tokens are asked for; 80% of these show [MASK], 10% a random token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

REPLACED = 0.8  # of the asked tokens, show [MASK]
RANDOM = 0.1  # of the asked tokens, show a random token; the rest stay as they are


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What masking needs to know of a tokenizer."""

    size: int
    mask_id: int
    special: np.ndarray  # (size,) bool: never asked, never drawn
    continues: np.ndarray  # (size,) bool: sub-words that continue a word


def mask_tokens(
    ids: np.ndarray, vocabulary: Vocabulary, rng: np.random.Generator, *, rate: float, whole_word: bool
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
    seen[positions] = np.where(draw < REPLACED, vocabulary.mask_id, np.where(draw < REPLACED + RANDOM, drawn, answers))
    return seen, positions
