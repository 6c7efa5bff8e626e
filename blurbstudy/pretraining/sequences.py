"""Training sequences as ranges of a tokenized corpus: two segments, as BERT's own code makes them (Devlin et al. 2019).

Differences from that code: a chunk holds at least two sentences, so next and random are an exact coin toss (there,
chunks of one sentence are always given a random next); and a random segment never begins at a document's first
sentence, since a true next never does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .corpus import TokenizedCorpus

SHORT = 0.1  # share of sequences that aim at a random shorter length


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
