"""Two segments: within the length, of one document or exactly two, next and random in balance and rightly labelled."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.pretraining.corpus import TokenizedCorpus
from blurbstudy.pretraining.sequences import two_segments


@pytest.fixture(scope="module")
def corpus() -> TokenizedCorpus:
    """400 documents of 2 to 12 sentences of 3 to 40 tokens; token i of the corpus is i."""
    rng = np.random.default_rng(5)
    counts = rng.integers(2, 13, size=400)
    sentences = np.concatenate([[0], np.cumsum(rng.integers(3, 41, size=counts.sum()))])
    documents = np.concatenate([[0], np.cumsum(counts)])
    return TokenizedCorpus(np.arange(sentences[-1], dtype=np.int32), sentences, documents)


def made(corpus, random_next=0.5, max_length=96, seed=1):
    return two_segments(corpus, np.random.default_rng(seed), max_length=max_length, random_next=random_next)


def document_of(corpus, token):
    return np.searchsorted(corpus.sentences[corpus.documents], token, side="right") - 1


def test_segments_are_never_empty_nor_too_long(corpus):
    for max_length in (16, 17, 96, 512):
        a, b, c, d = made(corpus, max_length=max_length).ranges.T
        assert (b > a).all() and (d > c).all()
        assert ((b - a) + (d - c) + 3 <= max_length).all()


def test_next_and_random_are_balanced(corpus):
    is_next = np.concatenate([made(corpus, seed=seed).is_next for seed in range(5)])
    n = len(is_next)
    assert n > 4000
    assert abs(is_next.mean() - 0.5) < 4 * 0.5 / np.sqrt(n)  # four standard deviations of a fair coin


def test_the_label_says_whether_both_segments_are_of_one_document(corpus):
    made_of = made(corpus)
    same = document_of(corpus, made_of.ranges[:, 0]) == document_of(corpus, made_of.ranges[:, 2])
    assert (same == made_of.is_next).all()


def test_a_next_segment_follows_the_first_without_a_gap_unless_cut(corpus):
    a, b, c, d = made(corpus, random_next=0.0, max_length=512).ranges.T
    boundaries = set(corpus.sentences.tolist())
    whole = (b - a) + (d - c) + 3 < 512
    assert whole.any()
    assert (b[whole] == c[whole]).all()
    assert all(place in boundaries for place in (*a[whole], *b[whole], *d[whole]))


def test_no_segment_crosses_a_document(corpus):
    a, b, c, d = made(corpus).ranges.T
    assert (document_of(corpus, a) == document_of(corpus, b - 1)).all()
    assert (document_of(corpus, c) == document_of(corpus, d - 1)).all()


def test_neither_a_next_nor_a_random_segment_holds_a_first_sentence(corpus):
    """Else the title alone would give a random segment away."""
    _, _, c, d = made(corpus, max_length=512).ranges.T
    first_end = corpus.sentences[corpus.documents[:-1] + 1]
    assert (c >= first_end[document_of(corpus, c)]).all()


def test_without_random_segments_nearly_all_text_is_used_once(corpus):
    ranges = made(corpus, random_next=0.0, max_length=512).ranges
    used = np.zeros(len(corpus.tokens), int)
    for a, b, c, d in ranges:
        used[a:b] += 1
        used[c:d] += 1
    assert used.max() == 1
    assert used.mean() > 0.95


def test_the_same_numbers_cut_the_same_sequences(corpus):
    assert (made(corpus, seed=3).ranges == made(corpus, seed=3).ranges).all()
    assert (
        len(made(corpus, seed=3)) != len(made(corpus, seed=4))
        or (made(corpus, seed=3).ranges != made(corpus, seed=4).ranges).any()
    )
