"""Training sequences as ranges of a tokenized corpus: two segments, as BERT's own code makes them (Devlin et al. 2019),
two that always follow one another, or a single one.

Every sequence begins as a chunk: whole sentences of one document until a target length is reached, mostly the longest
possible, now and then (SHORT) a random shorter one. What is too much is cut off at the front or the back by chance, so
another pass over the corpus shows other parts. No sequence crosses a document, but for a random next segment, which
stands behind a separator.

Differences from BERT's code: a chunk of two segments holds at least two sentences, so next and random are an exact coin
toss (there, chunks of one sentence are always given a random next); and a random segment never begins at a document's
first sentence, since a true next never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .corpus import TokenizedCorpus

SHORT = 0.1  # share of sequences that aim at a random shorter length
BLOCK = 1 << 20  # sentences cut at once


@dataclass(frozen=True, eq=False)
class Sequences:
    """Each is [CLS] first [SEP] second [SEP], or [CLS] first [SEP] where the second range is empty."""

    ranges: np.ndarray  # (n, 4) int64: first's start and end, second's start and end, in corpus.tokens
    is_next: np.ndarray  # (n,) int64: 1 where the second segment follows the first in the corpus

    def __len__(self) -> int:
        return len(self.ranges)


def two_segments(
    corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int, random_next: float
) -> Sequences:
    """One pass over all documents, in the corpus's order.

    Args:
        max_length: tokens of a sequence at most, [CLS] and two [SEP] included.
        random_next: probability that the second segment comes from another document.
    """
    room = max_length - 3
    ranges: list[tuple[int, int, int, int]] = []
    is_next: list[int] = []
    for document in range(corpus.n_documents):
        sentence, end = int(corpus.documents[document]), int(corpus.documents[document + 1])
        while end - sentence >= 2:
            target = int(rng.integers(2, room + 1)) if rng.random() < SHORT else room
            stop = _chunk(corpus, sentence, end, target)
            cut = int(rng.integers(sentence + 1, stop))
            random = bool(rng.random() < random_next)
            first = (int(corpus.sentences[sentence]), int(corpus.sentences[cut]))
            if random:
                second = _elsewhere(corpus, document, rng, target - (first[1] - first[0]))
                stop = cut  # what was not used comes again
            else:
                second = (first[1], int(corpus.sentences[stop]))
            ranges.append((*_shorten(first, second, rng, room),))
            is_next.append(int(not random))
            sentence = stop
    return Sequences(np.asarray(ranges, np.int64).reshape(-1, 4), np.asarray(is_next, np.int64))


def contiguous_segments(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """One pass over all documents of at least two sentences: two segments, the second following the first.

    Args:
        max_length: tokens of a sequence at most, [CLS] and two [SEP] included.
    """
    room = max_length - 3
    parts = []
    for starts, stops in _chunks(corpus, rng, room=room, least=2):
        cuts = rng.integers(starts + 1, stops)
        a, b, d = (corpus.sentences[place] for place in (starts, cuts, stops))
        # As _shorten: from the longer segment down to the other's length, then from both.
        excess = np.maximum(d - a - room, 0)
        from_first = np.minimum(np.maximum(b - a - np.maximum(room - (d - b), room // 2), 0), excess)
        from_second = excess - from_first
        front_first, front_second = rng.integers(from_first + 1), rng.integers(from_second + 1)
        ends = (a + front_first, b - (from_first - front_first), b + front_second, d - (from_second - front_second))
        parts.append(np.stack(ends, axis=1))
    return _following(parts)


def single_sequences(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """One pass over all documents: one segment, the second range empty.

    Args:
        max_length: tokens of a sequence at most, [CLS] and [SEP] included.
    """
    room = max_length - 2
    parts = []
    for starts, stops in _chunks(corpus, rng, room=room, least=1):
        a, b = corpus.sentences[starts], corpus.sentences[stops]
        excess = np.maximum(b - a - room, 0)
        front = rng.integers(excess + 1)
        b = b - (excess - front)
        parts.append(np.stack((a + front, b, b, b), axis=1))
    return _following(parts)


def _following(parts: list[np.ndarray]) -> Sequences:
    ranges = np.concatenate([np.zeros((0, 4), np.int64), *parts])
    return Sequences(ranges, np.ones(len(ranges), np.int64))


def _chunks(
    corpus: TokenizedCorpus, rng: np.random.Generator, *, room: int, least: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sentences where chunks begin and where they stop, a block of documents at a time."""
    document = 0
    while document < corpus.n_documents:
        until = int(np.searchsorted(corpus.documents, corpus.documents[document] + BLOCK, side="right")) - 1
        until = max(until, document + 1)
        offset = int(corpus.documents[document])
        ends = corpus.documents[document : until + 1] - offset  # of documents, and the first one's begin
        bounds = corpus.sentences[offset : offset + ends[-1] + 1]
        stops = _stops(bounds, ends, rng, room=room, least=least)
        starts = _chain(stops.tolist(), ends.tolist(), least)
        yield starts + offset, stops[starts] + offset
        document = until


def _stops(bounds: np.ndarray, ends: np.ndarray, rng: np.random.Generator, *, room: int, least: int) -> np.ndarray:
    """For every sentence the one after a chunk that begins there: at least `least`, and too few left over are taken in.

    Args:
        bounds: (sentences + 1,) tokens where sentences begin.
        ends: (documents + 1,) sentences where documents begin.
    """
    sentences = np.arange(len(bounds) - 1)
    end = np.repeat(ends[1:], np.diff(ends))
    short = rng.random(len(sentences)) < SHORT
    target = np.where(short, rng.integers(2, room + 1, size=len(sentences)), room)
    stop = np.searchsorted(bounds, bounds[:-1] + target)  # first boundary at or past the target
    stop = np.minimum(np.maximum(stop, sentences + least), end)
    return np.where(end - stop < least, end, stop)


def _chain(stops: list[int], ends: list[int], least: int) -> np.ndarray:
    """Where chunks begin if each begins where the one before it stops."""
    starts: list[int] = []
    for start, end in zip(ends, ends[1:], strict=False):
        while end - start >= least:
            starts.append(start)
            start = stops[start]
    return np.asarray(starts, np.int64)


def _chunk(corpus: TokenizedCorpus, sentence: int, end: int, target: int) -> int:
    """The sentence after a chunk of at least two that reaches `target` tokens; one left over is taken in."""
    begin = corpus.sentences[sentence]
    stop = int(np.searchsorted(corpus.sentences, begin + target))  # first boundary at or past the target
    stop = min(max(stop, sentence + 2), end)
    return end if end - stop == 1 else stop


def _elsewhere(corpus: TokenizedCorpus, document: int, rng: np.random.Generator, wanted: int) -> tuple[int, int]:
    """About `wanted` tokens of whole sentences from another document, not from its first sentence if it has more."""
    other = int(rng.integers(corpus.n_documents - 1))
    other += other >= document
    low, high = int(corpus.documents[other]), int(corpus.documents[other + 1])
    start = int(rng.integers(min(low + 1, high - 1), high))
    begin = int(corpus.sentences[start])
    stop = int(np.searchsorted(corpus.sentences, begin + max(wanted, 1)))
    return begin, int(corpus.sentences[min(stop, high)])


def _shorten(
    first: tuple[int, int], second: tuple[int, int], rng: np.random.Generator, room: int
) -> tuple[int, int, int, int]:
    """Takes tokens from the longer segment, from its front or its back by chance, until both fit."""
    (a, b), (c, d) = first, second
    excess = b - a + d - c - room
    if excess <= 0:
        return a, b, c, d
    longest = max(b - a - max(room - (d - c), room // 2), 0)  # down to the other's length, not below half the room
    from_first = min(longest, excess)
    from_second = excess - from_first
    front_first, front_second = int(rng.integers(from_first + 1)), int(rng.integers(from_second + 1))
    return a + front_first, b - (from_first - front_first), c + front_second, d - (from_second - front_second)
