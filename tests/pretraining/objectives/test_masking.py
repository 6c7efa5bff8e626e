"""Masking: 15% asked for, 80/10/10 of these, never a special token, whole words whole."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.pretraining.objectives.masking import ELECTRA_SHOWS, Vocabulary, mask_tokens

SIZE, MASK = 500, 4
CONTINUES = np.arange(SIZE) >= 300
SPECIAL = np.arange(SIZE) < 5
VOCABULARY = Vocabulary(SIZE, MASK, SPECIAL, CONTINUES)


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
def test_the_asked_share_is_the_rate(ids, rate):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(1), rate=rate, whole_word=False)
    assert within(len(positions), int((~SPECIAL[ids]).sum()), rate)


def test_of_the_asked_80_show_the_mask_10_a_random_token_10_stay(ids):
    seen, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(2), rate=0.15, whole_word=False)
    n, shown, answers = len(positions), seen[positions], ids[positions]
    by_chance = 0.1 / (~SPECIAL).sum()  # a random token can be the answer itself
    assert within(int((shown == MASK).sum()), n, 0.8)
    assert within(int((shown == answers).sum()), n, 0.1 + by_chance)
    assert within(int(((shown != MASK) & (shown != answers)).sum()), n, 0.1 - by_chance)


def test_electra_shows_the_mask_at_85_percent_and_draws_no_token(ids):
    rng = np.random.default_rng(2)
    seen, positions = mask_tokens(ids, VOCABULARY, rng, rate=0.15, whole_word=True, shown=ELECTRA_SHOWS)
    shown, answers = seen[positions], ids[positions]
    assert within(int((shown == MASK).sum()), len(positions), 0.85)
    assert ((shown == MASK) | (shown == answers)).all()


def test_special_tokens_are_neither_asked_for_nor_drawn(ids):
    for whole_word in (False, True):
        seen, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(3), rate=0.5, whole_word=whole_word)
        assert not SPECIAL[ids[positions]].any()
        drawn = seen[positions]
        assert not SPECIAL[drawn[drawn != MASK]].any()


def test_tokens_not_asked_for_stay(ids):
    seen, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(4), rate=0.15, whole_word=True)
    rest = np.setdiff1d(np.arange(len(ids)), positions)
    assert (seen[rest] == ids[rest]).all()


def test_whole_words_are_asked_for_whole_and_at_the_rate(ids):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(5), rate=0.15, whole_word=True)
    asked = np.zeros(len(ids), bool)
    asked[positions] = True
    inside = np.flatnonzero(CONTINUES[ids][1:] & ~SPECIAL[ids][:-1]) + 1  # continues the token before
    assert (asked[inside] == asked[inside - 1]).all()
    starts = np.setdiff1d(np.flatnonzero(~SPECIAL[ids]), inside)
    assert within(int(asked[starts].sum()), len(starts), 0.15)


def test_without_whole_words_sub_words_are_asked_for_apart(ids):
    _, positions = mask_tokens(ids, VOCABULARY, np.random.default_rng(6), rate=0.15, whole_word=False)
    asked = np.zeros(len(ids), bool)
    asked[positions] = True
    inside = np.flatnonzero(CONTINUES[ids][1:] & ~SPECIAL[ids][:-1]) + 1
    both = int((asked[inside] & asked[inside - 1]).sum())
    assert within(both, len(inside), 0.15**2)
