"""Training sequences as ranges of a tokenized corpus.

There are three kinds: two segments of which the second is the next or a random one, as in BERT's code (Devlin et al.
2019); two contiguous segments; and a single segment.

A sequence starts as a chunk: sentences of one document up to a target length, usually the longest possible, with
probability SHORT_SEQUENCE_PROB a random shorter one. Tokens in excess are truncated at a random end, so each epoch
shows different parts. No sequence crosses a document boundary, except for a random next segment after [SEP].

Differences from BERT's code: a chunk of two segments has at least two sentences, so next and random have exactly equal
probability (there, chunks of one sentence always get a random next); and a random segment never starts at a document's
first sentence, because a true next segment never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .corpus import TokenizedCorpus

SHORT_SEQUENCE_PROB = 0.1  # as in BERT's code
BLOCK_SENTENCES = 1 << 20  # sentences processed at once


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences [CLS] first [SEP] second [SEP], or [CLS] first [SEP] if the second range is empty."""

    ranges: np.ndarray  # (n, 4) int64: start and end of first, start and end of second, in corpus.tokens
    is_next: np.ndarray  # (n,) bool: the second segment follows the first in the corpus

    def __len__(self) -> int:
        return len(self.ranges)


def two_segments(
    corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int, random_next: float
) -> Sequences:
    """Make one pass over all documents of at least two sentences, in corpus order.

    Args:
        max_length: maximum tokens of a sequence, [CLS] and two [SEP] included.
        random_next: probability that the second segment comes from another document.
    """
    max_tokens = max_length - 3
    ranges, is_next = [np.zeros((0, 4), np.int64)], [np.zeros(0, bool)]
    for block in _blocks(corpus):
        chunk_end, target = _chunk_ends(block, rng, max_tokens=max_tokens, min_sentences=2)
        sentences = np.arange(len(chunk_end))
        split = rng.integers(sentences + 1, np.maximum(chunk_end, sentences + 2))
        random = (rng.random(len(chunk_end)) < random_next) & (corpus.n_documents > 1)
        # With a random second segment, the rest of the chunk is used by the next chunk.
        next_start = np.where(random, split, chunk_end)
        starts = _chunk_starts(next_start.tolist(), block.ends.tolist(), min_sentences=2)
        random = random[starts]
        a, b, d = (block.bounds[sentence] for sentence in (starts, split[starts], chunk_end[starts]))
        c = b.copy()
        lengths = (target[starts] - (b - a))[random]
        c[random], d[random] = _random_segments(corpus, block.documents_of(starts[random]), rng, lengths)
        ranges.append(_truncate_pairs(a, b, c, d, rng=rng, max_tokens=max_tokens))
        is_next.append(~random)
    return Sequences(np.concatenate(ranges), np.concatenate(is_next))


def contiguous_segments(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """Make one pass over all documents of at least two sentences, with the second segment following the first.
    `max_length`: maximum tokens of a sequence, [CLS] and two [SEP] included.
    """
    return two_segments(corpus, rng, max_length=max_length, random_next=0.0)


def single_sequences(corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
    """Make one pass over all documents, with one segment per sequence.
    `max_length`: maximum tokens of a sequence, [CLS] and [SEP] included.
    """
    max_tokens = max_length - 2
    ranges = [np.zeros((0, 4), np.int64)]
    for block in _blocks(corpus):
        chunk_end, _ = _chunk_ends(block, rng, max_tokens=max_tokens, min_sentences=1)
        starts = _chunk_starts(chunk_end.tolist(), block.ends.tolist(), min_sentences=1)
        a, b = block.bounds[starts], block.bounds[chunk_end[starts]]
        truncated = _truncate_pairs(a, b, b, b, rng=rng, max_tokens=max_tokens)
        truncated[:, 2:] = truncated[:, 1:2]
        ranges.append(truncated)
    joined = np.concatenate(ranges)
    return Sequences(joined, np.ones(len(joined), bool))


@dataclass(frozen=True, eq=False)
class _Block:
    """Consecutive documents; sentences are counted from the first of the block."""

    first: int  # document
    ends: np.ndarray  # (documents + 1,) sentence where each document starts, and the end of the last
    bounds: np.ndarray  # (sentences + 1,) token where each sentence starts, and the end of the last

    def documents_of(self, sentences: np.ndarray) -> np.ndarray:
        return self.first + np.searchsorted(self.ends, sentences, side="right") - 1


def _blocks(corpus: TokenizedCorpus) -> Iterator[_Block]:
    document = 0
    while document < corpus.n_documents:
        limit = corpus.documents[document] + BLOCK_SENTENCES
        until = max(int(np.searchsorted(corpus.documents, limit, side="right")) - 1, document + 1)
        offset = int(corpus.documents[document])
        ends = corpus.documents[document : until + 1] - offset
        yield _Block(document, ends, corpus.sentences[offset : offset + ends[-1] + 1])
        document = until


def _chunk_ends(
    block: _Block, rng: np.random.Generator, *, max_tokens: int, min_sentences: int
) -> tuple[np.ndarray, np.ndarray]:
    """For a chunk that starts at each sentence: the sentence after its last, and its target length in tokens.

    A chunk has at least `min_sentences` sentences. If fewer would remain in the document, it takes them too.
    """
    sentences = np.arange(len(block.bounds) - 1)
    document_end = np.repeat(block.ends[1:], np.diff(block.ends))
    short = rng.random(len(sentences)) < SHORT_SEQUENCE_PROB
    target = np.where(short, rng.integers(2, max_tokens + 1, size=len(sentences)), max_tokens)
    end = np.searchsorted(block.bounds, block.bounds[:-1] + target)  # first boundary at or past the target
    end = np.minimum(np.maximum(end, sentences + min_sentences), document_end)
    return np.where(document_end - end < min_sentences, document_end, end), target


def _chunk_starts(next_start: list[int], ends: list[int], *, min_sentences: int) -> np.ndarray:
    """First sentences of the chunks, if each chunk is followed by the one at `next_start` of its first sentence."""
    starts: list[int] = []
    for start, end in zip(ends, ends[1:], strict=False):
        while end - start >= min_sentences:
            starts.append(start)
            start = next_start[start]
    return np.asarray(starts, np.int64)


def _random_segments(
    corpus: TokenizedCorpus, documents: np.ndarray, rng: np.random.Generator, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of segments from documents other than `documents`.

    A segment has about `lengths` tokens of complete sentences, and does not include its document's first sentence if
    there are others.
    """
    if not len(documents):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    others = rng.integers(corpus.n_documents - 1, size=len(documents))
    others += others >= documents
    low, high = corpus.documents[others], corpus.documents[others + 1]
    starts = corpus.sentences[rng.integers(np.minimum(low + 1, high - 1), high)]
    ends = np.searchsorted(corpus.sentences, starts + np.maximum(lengths, 1))
    return starts, corpus.sentences[np.minimum(ends, high)]


def _truncate_pairs(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, *, rng: np.random.Generator, max_tokens: int
) -> np.ndarray:
    """(n, 4) ranges: tokens are removed from the longer segment, at a random end, until both fit."""
    excess = np.maximum(b - a + d - c - max_tokens, 0)
    # First from the first segment, down to the second's length but not below half of max_tokens; then from both.
    from_first = np.minimum(np.maximum(b - a - np.maximum(max_tokens - (d - c), max_tokens // 2), 0), excess)
    from_second = excess - from_first
    front_first, front_second = rng.integers(from_first + 1), rng.integers(from_second + 1)
    ranges = (a + front_first, b - (from_first - front_first), c + front_second, d - (from_second - front_second))
    return np.stack(ranges, axis=1)
