"""Sequences: within the length, of one document or (random next) two, rightly labelled, no token twice in a pass."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.pretraining.corpus import sequences
from blurbstudy.pretraining.corpus.corpus import TokenizedCorpus
from blurbstudy.pretraining.corpus.sequences import contiguous_segments, single_sequences, two_segments


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


def test_a_next_segment_follows_the_first_without_a_gap_unless_truncated(corpus):
    a, b, c, d = made(corpus, random_next=0.0, max_length=512).ranges.T
    boundaries = set(corpus.sentences.tolist())
    complete = (b - a) + (d - c) + 3 < 512
    assert complete.any()
    assert (b[complete] == c[complete]).all()
    assert all(position in boundaries for position in (*a[complete], *b[complete], *d[complete]))


def test_no_segment_crosses_a_document(corpus):
    a, b, c, d = made(corpus).ranges.T
    assert (document_of(corpus, a) == document_of(corpus, b - 1)).all()
    assert (document_of(corpus, c) == document_of(corpus, d - 1)).all()


def test_neither_a_next_nor_a_random_segment_has_a_first_sentence(corpus):
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


def one_after_another(corpus, rng, room):
    """two_segments as a plain loop over sentences."""
    sentences, result = corpus.sentences, []
    for document in range(corpus.n_documents):
        at, end = int(corpus.documents[document]), int(corpus.documents[document + 1])
        while end - at >= 2:
            target = int(rng.integers(2, room + 1)) if rng.random() < sequences.SHORT_SEQUENCE_PROB else room
            stop = min(max(int(np.searchsorted(sentences, sentences[at] + target)), at + 2), end)
            stop = end if end - stop == 1 else stop
            cut = int(rng.integers(at + 1, stop))
            a, b, c, d = sentences[at], sentences[cut], sentences[cut], sentences[stop]
            following = rng.random() >= 0.5
            if not following:
                other = int(rng.integers(corpus.n_documents - 1))
                other += other >= document
                low, high = corpus.documents[other : other + 2]
                c = sentences[rng.integers(min(low + 1, high - 1), high)]
                d = sentences[min(np.searchsorted(sentences, c + max(target - (b - a), 1)), high)]
                stop = cut
            excess = max(b - a + d - c - room, 0)
            from_first = min(max(b - a - max(room - (d - c), room // 2), 0), excess)
            front, front_second = rng.integers(from_first + 1), rng.integers(excess - from_first + 1)
            a, b = a + front, b - (from_first - front)
            result.append((a, b, c + front_second, d - (excess - from_first - front_second), following))
            at = stop
    return np.array(result)


@pytest.mark.parametrize("max_length", [32, 96, 300])
def test_vectorized_sequences_match_a_plain_loop_in_distribution(corpus, max_length):
    """As many sequences, segments as long, as often untruncated, within four standard errors of 12 passes."""
    passes = {"loop": [], "at once": []}
    for seed in range(12):
        loop = one_after_another(corpus, np.random.default_rng(seed), max_length - 3)
        result = made(corpus, max_length=max_length, seed=seed)
        for name, (a, b, c, d), following in (
            ("loop", loop[:, :4].T, loop[:, 4] == 1),
            ("at once", result.ranges.T, result.is_next),
        ):
            first, second = b - a, d - c
            ends = np.isin(b, corpus.sentences) & np.isin(c, corpus.sentences)
            statistics = [len(a), first.mean(), second.mean(), first.std(), second.std(), ends.mean(), following.mean()]
            passes[name].append([*statistics, second[following].mean(), second[~following].mean()])
    loop, at_once = (np.array(values, float) for values in passes.values())
    error = np.sqrt((loop.var(0) + at_once.var(0)) / len(loop))
    assert (np.abs(loop.mean(0) - at_once.mean(0)) < 4 * error + 1e-9).all()


def test_a_single_document_has_no_random_next_segments(corpus):
    one = TokenizedCorpus(np.zeros(40, np.uint16), np.arange(0, 41, 4), np.array([0, 10]))
    result = made(one, max_length=16)
    assert len(result) and result.is_next.all()


def test_the_same_seed_gives_the_same_segments(corpus):
    assert (made(corpus, seed=3).ranges == made(corpus, seed=3).ranges).all()
    assert (
        len(made(corpus, seed=3)) != len(made(corpus, seed=4))
        or (made(corpus, seed=3).ranges != made(corpus, seed=4).ranges).any()
    )


FOLLOWING = {"contiguous": (contiguous_segments, 3), "single": (single_sequences, 2)}


@pytest.fixture(params=FOLLOWING)
def kind(request):
    """(function, special tokens of a sequence)."""
    return FOLLOWING[request.param]


@pytest.fixture(scope="module")
def odd() -> TokenizedCorpus:
    """300 documents of 1 to 12 sentences of 1 to 300 tokens, some far longer than a sequence."""
    rng = np.random.default_rng(6)
    counts = rng.integers(1, 13, size=300)
    lengths = np.maximum(1, rng.geometric(0.04, size=counts.sum()) * rng.choice([1, 8], counts.sum(), p=[0.95, 0.05]))
    sentences = np.concatenate([[0], np.cumsum(lengths)])
    return TokenizedCorpus(np.zeros(sentences[-1], np.uint16), sentences, np.concatenate([[0], np.cumsum(counts)]))


def pieces(made_of):
    """(begin, end) of every segment, in order of position."""
    ranges = np.concatenate([made_of.ranges[:, :2], made_of.ranges[:, 2:]])
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    return ranges[np.argsort(ranges[:, 0])]


@pytest.mark.parametrize("max_length", [16, 17, 96, 512])
def test_no_token_is_used_twice_and_no_sequence_is_too_long_or_crosses_a_document(odd, kind, max_length):
    cut, special = kind
    for seed in range(4):
        result = cut(odd, np.random.default_rng(seed), max_length=max_length)
        a, b, c, d = result.ranges.T
        assert (b > a).all() and ((b - a) + (d - c) + special <= max_length).all()
        begins, ends = pieces(result).T
        assert (begins[1:] >= ends[:-1]).all() and begins[0] >= 0 and ends[-1] <= len(odd.tokens)
        assert (document_of(odd, a) == document_of(odd, np.maximum(b, d) - 1)).all()
        assert (result.is_next == 1).all()


def test_contiguous_segments_are_not_empty_and_the_second_follows_the_first(odd):
    a, b, c, d = contiguous_segments(odd, np.random.default_rng(1), max_length=96).ranges.T
    assert (d > c).all() and (c >= b).all()
    complete = (b - a) + (d - c) + 3 < 96
    assert complete.any() and (b[complete] == c[complete]).all()


def test_a_single_sequence_has_an_empty_second_range(odd):
    _, b, c, d = single_sequences(odd, np.random.default_rng(1), max_length=96).ranges.T
    assert (c == d).all() and (c == b).all()


def test_untruncated_sequences_start_and_end_at_sentence_boundaries(odd, kind):
    cut, special = kind
    a, b, c, d = cut(odd, np.random.default_rng(1), max_length=96).ranges.T
    end = np.maximum(b, d)
    complete = (b - a) + (d - c) + special < 96
    assert complete.mean() > 0.1
    for positions in (a[complete], b[complete], c[complete], end[complete]):
        assert np.isin(positions, odd.sentences).all()
    # One that was cut keeps one of both ends, or was cut at both.
    assert (np.isin(a, odd.sentences) | np.isin(end, odd.sentences)).mean() > 0.5


def test_two_segments_skip_only_documents_of_one_sentence(odd):
    sentences = np.diff(odd.documents)
    single = single_sequences(odd, np.random.default_rng(2), max_length=96).ranges
    assert set(document_of(odd, single[:, 0])) == set(range(odd.n_documents))
    pairs = contiguous_segments(odd, np.random.default_rng(2), max_length=96).ranges
    assert set(document_of(odd, pairs[:, 0])) == set(np.flatnonzero(sentences >= 2))


def test_long_sequences_use_every_token_once(corpus, kind):
    """No document is as long as the sequences: apart from the short ones, each is complete."""
    result = kind[0](corpus, np.random.default_rng(3), max_length=600)
    used = np.diff(pieces(result), axis=1).sum()
    assert 0.99 * len(corpus.tokens) < used <= len(corpus.tokens)


def test_several_epochs_cover_every_token_of_an_overlong_sentence():
    corpus = TokenizedCorpus(np.zeros(100, np.uint16), np.array([0, 100]), np.array([0, 1]))
    rng = np.random.default_rng(4)
    used = np.zeros(100, int)
    for _ in range(300):
        ((a, b, _, _),) = single_sequences(corpus, rng, max_length=40).ranges
        used[a:b] += 1
    assert (used > 0).all()


def test_about_a_tenth_of_sequences_has_a_shorter_target_length():
    """Of a document without end, of sentences of one token."""
    n = 200_000
    corpus = TokenizedCorpus(np.zeros(n, np.uint16), np.arange(n + 1), np.array([0, n]))
    a, b, _, _ = single_sequences(corpus, np.random.default_rng(5), max_length=102).ranges.T
    short = (b - a < 100).mean()
    assert abs(short - 0.1 * 98 / 99) < 4 * np.sqrt(0.09 / len(a))


def test_the_first_segment_of_two_ends_at_any_sentence():
    n = 4000
    corpus = TokenizedCorpus(np.zeros(n, np.uint16), np.arange(n + 1), np.arange(0, n + 1, 4))
    a, b, _, d = contiguous_segments(corpus, np.random.default_rng(7), max_length=64).ranges.T
    complete = d - a == 4
    share = np.bincount((b - a)[complete], minlength=4)[1:] / complete.sum()
    assert (abs(share - 1 / 3) < 0.08).all()


def test_the_same_seed_gives_the_same_sequences_and_another_does_not(odd, kind):
    first, repeated, other = (kind[0](odd, np.random.default_rng(seed), max_length=96).ranges for seed in (1, 1, 2))
    assert np.array_equal(first, repeated) and not np.array_equal(first, other)


def test_small_blocks_do_not_skip_documents(odd, kind, monkeypatch):
    monkeypatch.setattr(sequences, "BLOCK_SENTENCES", 7)  # shorter than some documents
    result = kind[0](odd, np.random.default_rng(1), max_length=96).ranges
    begins = np.sort(result[:, 0])
    least = 1 if kind[1] == 2 else 2
    expected = np.flatnonzero(np.diff(odd.documents) >= least)
    assert set(document_of(odd, begins)) == set(expected)
    spans = pieces(kind[0](odd, np.random.default_rng(1), max_length=96))
    assert (spans[1:, 0] >= spans[:-1, 1]).all()


def test_a_corpus_without_pairs_gives_no_contiguous_segments():
    corpus = TokenizedCorpus(np.zeros(6, np.uint16), np.array([0, 3, 6]), np.array([0, 1, 2]))
    assert contiguous_segments(corpus, np.random.default_rng(0), max_length=32).ranges.shape == (0, 4)
    assert len(single_sequences(corpus, np.random.default_rng(0), max_length=32)) == 2
