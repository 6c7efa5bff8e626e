"""Masking for masked language modeling (Devlin et al. 2019).

15% of the tokens are predicted; of these, 80% are replaced by [MASK], 10% by a random token, 10% stay. ELECTRA's code
(Clark et al. 2020) replaces 85% by [MASK] and leaves the others unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class MaskingRatios:
    """Fractions of the predicted tokens that are replaced; the remaining ones stay unchanged."""

    mask: float  # replaced by [MASK]
    random: float  # replaced by a random token


BERT_MASKING = MaskingRatios(mask=0.8, random=0.1)
ELECTRA_MASKING = MaskingRatios(mask=0.85, random=0.0)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The facts about a tokenizer that masking needs."""

    size: int
    mask_id: int
    special: np.ndarray  # (size,) bool, never predicted and never used as a random token
    is_continuation: np.ndarray  # (size,) bool, sub-words that continue a word


def mask_tokens(
    ids: np.ndarray,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    *,
    rate: float,
    whole_word: bool,
    masking: MaskingRatios = BERT_MASKING,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose tokens to predict and replace them.

    Args:
        ids: (tokens,) sequences one after another, special tokens included.
        rate: probability that a token is predicted; with `whole_word`, that a word is, with all its sub-words.

    Returns:
        The encoder's input ids, (tokens,), and the positions to predict, (masked,). The labels are `ids[positions]`.
    """
    special = vocabulary.special[ids]
    unit = np.arange(len(ids))
    if whole_word:
        # A continuation at the front of a truncated segment follows a special token and starts its own unit.
        starts_unit = ~vocabulary.is_continuation[ids] | special | np.concatenate([[True], special[:-1]])
        unit = np.cumsum(starts_unit) - 1
    masked = (rng.random(len(ids))[unit] < rate) & ~special
    positions = np.flatnonzero(masked)
    uniform = rng.random(len(positions))
    ordinary_ids = np.flatnonzero(~vocabulary.special)
    random_ids = ordinary_ids[rng.integers(len(ordinary_ids), size=len(positions))]
    labels = ids[positions]
    random_or_original = np.where(uniform < masking.mask + masking.random, random_ids, labels)
    input_ids = ids.copy()
    input_ids[positions] = np.where(uniform < masking.mask, vocabulary.mask_id, random_or_original)
    return input_ids, positions
