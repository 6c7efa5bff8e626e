"""Masking: 15% of tokens, 80/10/10 of these, no special tokens, complete words."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.pretraining.objectives.masking import ELECTRA_MASKING, Vocabulary, mask_tokens

SIZE, MASK = 500, 4
CONTINUATION = np.arange(SIZE) >= 300
SPECIAL = np.arange(SIZE) < 5
VOCABULARY = Vocabulary(SIZE, MASK, SPECIAL, CONTINUATION)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    """100,000 tokens; every 50th is special."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, SIZE, size=100_000)
    ids[::50] = rng.integers(0, 4, size=len(ids[::50]))
    return ids


def within(count: int, n: int, p: float) -> bool:
    """Within four standard deviations of a binomial count."""
    return abs(count - n * p) <= 4 * np.sqrt(n * p * (1 - p))


@pytest.mark.parametrize("rate", [0.15, 0.25])
def test_the_masked_fraction_is_the_rate(ids, rate):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(1), rate=rate, whole_word=False)
    assert within(len(positions), int((~SPECIAL[ids]).sum()), rate)


def test_80_percent_become_mask_10_percent_random_10_percent_stay(ids):
    input_ids, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(2), rate=0.15, whole_word=False)
    n, inputs, labels = len(positions), input_ids[positions], ids[positions]
    by_chance = 0.1 / (~SPECIAL).sum()  # a random token can be the original token
    assert within(int((inputs == MASK).sum()), n, 0.8)
    assert within(int((inputs == labels).sum()), n, 0.1 + by_chance)
    assert within(int(((inputs != MASK) & (inputs != labels)).sum()), n, 0.1 - by_chance)


def test_electra_masks_85_percent_and_uses_no_random_tokens(ids):
    rng = np.random.default_rng(2)
    input_ids, positions = mask_tokens(ids, VOCABULARY, rng, rate=0.15, whole_word=True, masking=ELECTRA_MASKING)
    inputs, labels = input_ids[positions], ids[positions]
    assert within(int((inputs == MASK).sum()), len(positions), 0.85)
    assert ((inputs == MASK) | (inputs == labels)).all()


def test_special_tokens_are_neither_masked_nor_used_as_random_tokens(ids):
    for whole_word in (False, True):
        input_ids, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(3), rate=0.5, whole_word=whole_word)
        assert not SPECIAL[ids[positions]].any()
        replacements = input_ids[positions]
        assert not SPECIAL[replacements[replacements != MASK]].any()


def test_other_tokens_stay_unchanged(ids):
    input_ids, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(4), rate=0.15, whole_word=True)
    rest = np.setdiff1d(np.arange(len(ids)), positions)
    assert (input_ids[rest] == ids[rest]).all()


def test_whole_words_are_masked_completely_and_at_the_rate(ids):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(5), rate=0.15, whole_word=True)
    masked = np.zeros(len(ids), bool)
    masked[positions] = True
    inside = np.flatnonzero(CONTINUATION[ids][1:] & ~SPECIAL[ids][:-1]) + 1  # continues the token before
    assert (masked[inside] == masked[inside - 1]).all()
    starts = np.setdiff1d(np.flatnonzero(~SPECIAL[ids]), inside)
    assert within(int(masked[starts].sum()), len(starts), 0.15)


def test_without_whole_word_masking_sub_words_are_independent(ids):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(6), rate=0.15, whole_word=False)
    masked = np.zeros(len(ids), bool)
    masked[positions] = True
    inside = np.flatnonzero(CONTINUATION[ids][1:] & ~SPECIAL[ids][:-1]) + 1
    both = int((masked[inside] & masked[inside - 1]).sum())
    assert within(both, len(inside), 0.15**2)
