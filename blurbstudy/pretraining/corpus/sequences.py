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
    is_next: np.ndarray  # (n,) bool: the second segment follows the first in the corpus

    def __len__(self) -> int:
        return len(self.ranges)


def two_segments(
    corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int, random_next: float
) -> Sequences:
    """One pass over all documents of at least two sentences, in the corpus's order.

    Args:
        max_length: tokens of a sequence at most, [CLS] and two [SEP] included.
        random_next: probability that the second segment comes from another document.
    """
    room = max_length - 3
    ranges, is_next = [np.zeros((0, 4), np.int64)], [np.zeros(0, bool)]
    for block in _blocks(corpus):
        stop, target = _stops(block, rng, room=room, least=2)
        sentences = np.arange(len(stop))
        cut = rng.integers(sentences + 1, np.maximum(stop, sentences + 2))
        random = (rng.random(len(stop)) < random_next) & (corpus.n_documents > 1)
        # What was not used, where the second segment comes from elsewhere, comes again.
        starts = _chain(np.where(random, cut, stop).tolist(), block.ends.tolist(), 2)
        random = random[starts]
        a, b, d = (block.bounds[places] for places in (starts, cut[starts], stop[starts]))
        c = b.copy()
        c[random], d[random] = _elsewhere(
            corpus, block.documents_of(starts[random]), rng, (target[starts] - (b - a))[random]
        )
        ranges.append(_shortened(a, b, c, d, rng=rng, room=room))
        is_next.append(~random)
    return Sequences(np.concatenate(ranges), np.concatenate(is_next))


def contiguous_segments(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """One pass over all documents of at least two sentences: two segments, the second following the first.

    Args:
        max_length: tokens of a sequence at most, [CLS] and two [SEP] included.
    """
    return two_segments(corpus, rng, max_length=max_length, random_next=0.0)


def single_sequences(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """One pass over all documents: one segment, the second range empty.

    Args:
        max_length: tokens of a sequence at most, [CLS] and [SEP] included.
    """
    room = max_length - 2
    parts = [np.zeros((0, 4), np.int64)]
    for block in _blocks(corpus):
        stop, _ = _stops(block, rng, room=room, least=1)
        starts = _chain(stop.tolist(), block.ends.tolist(), 1)
        a, b = block.bounds[starts], block.bounds[stop[starts]]
        found = _shortened(a, b, b, b, rng=rng, room=room)
        found[:, 2:] = found[:, 1:2]
        parts.append(found)
    ranges = np.concatenate(parts)
    return Sequences(ranges, np.ones(len(ranges), bool))


@dataclass(frozen=True, eq=False)
class _Block:
    """Some documents one after another; sentences are counted from the first of the block."""

    first: int  # document
    ends: np.ndarray  # (documents + 1,) sentences where documents begin, and the last one's end
    bounds: np.ndarray  # (sentences + 1,) tokens where sentences begin, and the last one's end

    def documents_of(self, sentences: np.ndarray) -> np.ndarray:
        """The document, counted over the whole corpus, that each sentence belongs to."""
        return self.first + np.searchsorted(self.ends, sentences, side="right") - 1


def _blocks(corpus: TokenizedCorpus) -> Iterator[_Block]:
    document = 0
    while document < corpus.n_documents:
        until = int(np.searchsorted(corpus.documents, corpus.documents[document] + BLOCK, side="right")) - 1
        until = max(until, document + 1)
        offset = int(corpus.documents[document])
        ends = corpus.documents[document : until + 1] - offset
        yield _Block(document, ends, corpus.sentences[offset : offset + ends[-1] + 1])
        document = until


def _stops(block: _Block, rng: np.random.Generator, *, room: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """For every sentence the one after a chunk that begins there, and the tokens that the chunk aims at.

    A chunk holds at least `least` sentences; fewer left over are taken in.
    """
    sentences = np.arange(len(block.bounds) - 1)
    end = np.repeat(block.ends[1:], np.diff(block.ends))
    short = rng.random(len(sentences)) < SHORT
    target = np.where(short, rng.integers(2, room + 1, size=len(sentences)), room)
    stop = np.searchsorted(block.bounds, block.bounds[:-1] + target)  # first boundary at or past the target
    stop = np.minimum(np.maximum(stop, sentences + least), end)
    return np.where(end - stop < least, end, stop), target


def _chain(nexts: list[int], ends: list[int], least: int) -> np.ndarray:
    """Where chunks begin if after each the one at `nexts` follows."""
    starts: list[int] = []
    for start, end in zip(ends, ends[1:], strict=False):
        while end - start >= least:
            starts.append(start)
            start = nexts[start]
    return np.asarray(starts, np.int64)


def _elsewhere(
    corpus: TokenizedCorpus, documents: np.ndarray, rng: np.random.Generator, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(begins, ends): per document about `wanted` tokens of whole sentences from another one, not from its first
    sentence if it has more.
    """
    if not len(documents):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    others = rng.integers(corpus.n_documents - 1, size=len(documents))
    others += others >= documents
    low, high = corpus.documents[others], corpus.documents[others + 1]
    begins = corpus.sentences[rng.integers(np.minimum(low + 1, high - 1), high)]
    stops = np.searchsorted(corpus.sentences, begins + np.maximum(wanted, 1))
    return begins, corpus.sentences[np.minimum(stops, high)]


def _shortened(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, *, rng: np.random.Generator, room: int
) -> np.ndarray:
    """(n, 4): tokens are taken from the longer segment, from its front or its back by chance, until both fit."""
    excess = np.maximum(b - a + d - c - room, 0)
    # From the first down to the second's length, not below half the room; then from both.
    from_first = np.minimum(np.maximum(b - a - np.maximum(room - (d - c), room // 2), 0), excess)
    from_second = excess - from_first
    front_first, front_second = rng.integers(from_first + 1), rng.integers(from_second + 1)
    ends = (a + front_first, b - (from_first - front_first), c + front_second, d - (from_second - front_second))
    return np.stack(ends, axis=1)
