"""Packed features of unlabeled sentences for tagging: as in training, but sentences that are too long for one sequence
are split into overlapping windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tasks.features import FastTokenizer, Features, special_tokens, without_truncation
from ..tasks.windows import overlapping_windows

MAX_CACHED_WORDS = 200_000  # the cache of sub-words is emptied beyond, since inputs may be long


class WordFeatures:
    """Converts sentences of words to features.

    Args:
        max_length: sub-words per sequence, special tokens included.
    """

    def __init__(self, tokenizer: FastTokenizer, *, max_length: int) -> None:
        self._tokenizer = without_truncation(tokenizer.backend_tokenizer, words=True)
        self._unknown = int(tokenizer.unk_token_id or 0)  # pyright: ignore[reportAttributeAccessIssue]
        self._begin, self._end = special_tokens(self._tokenizer)
        self._room = max_length - len(self._begin) - len(self._end)
        self._cache: dict[str, list[int]] = {}

    def of(self, sentences: Sequence[Sequence[str]]) -> Features:
        """The features of non-empty sentences; their targets are all 0."""
        pieces = self._pieces({word for words in sentences for word in words})
        ids: list[int] = []
        offsets, positions, examples = [0], [], [0]
        for words in sentences:
            word_ids = [pieces[word] for word in words]
            for window in overlapping_windows([len(word) for word in word_ids], self._room):
                ids += self._begin
                for i in range(window.first, window.last):
                    if window.begin <= i < window.end:
                        positions.append(len(ids))
                    ids += word_ids[i]
                ids += self._end
                offsets.append(len(ids))
            examples.append(examples[-1] + len(words))
        return Features(
            ids=np.array(ids, np.int32),
            segments=np.zeros(len(ids), np.uint8),
            offsets=np.array(offsets, np.int64),
            targets=np.zeros(len(positions), np.int64),
            word_starts=np.array(positions, np.int64),
            examples=np.array(examples, np.int64),
        )

    def _pieces(self, words: set[str]) -> dict[str, list[int]]:
        """Word -> its sub-words, truncated to one sequence."""
        if len(self._cache) + len(words) > MAX_CACHED_WORDS:
            self._cache = {}
        new = sorted(words - self._cache.keys())
        encodings = self._tokenizer.encode_batch([[w] for w in new], is_pretokenized=True, add_special_tokens=False)
        for word, encoding in zip(new, encodings, strict=True):
            ids: list[int] = encoding.ids[: self._room]
            self._cache[word] = ids or [self._unknown]
        return self._cache
