"""Packed features of tagged sentences without labels: as training makes them, but that the windows of a sentence too
long for one sequence overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tasks.features import Features, around, without_truncation
from .sliding_windows import windows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

KEPT_WORDS = 200_000  # whose sub-words are kept: an input may be long


class WordFeatures:
    """Sentences, given as words, to features.

    Args:
        tokenizer: a fast tokenizer of transformers.
        max_length: sub-words per sequence, special tokens included.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, *, max_length: int) -> None:
        self._tokenizer = without_truncation(tokenizer.backend_tokenizer, words=True)
        self._unknown = tokenizer.unk_token_id or 0
        self._begin, self._end = around(self._tokenizer)
        self._room = max_length - len(self._begin) - len(self._end)
        self._known: dict[str, list[int]] = {}

    def of(self, sentences: Sequence[Sequence[str]]) -> Features:
        """The features of some sentences, none empty; their targets say nothing."""
        pieces = self._pieces({word for words in sentences for word in words})
        ids: list[int] = []
        offsets, places, examples = [0], [], [0]
        for words in sentences:
            own = [pieces[word] for word in words]
            for window in windows([len(word) for word in own], self._room):
                ids += self._begin
                for i in range(window.first, window.last):
                    if window.begin <= i < window.end:
                        places.append(len(ids))
                    ids += own[i]
                ids += self._end
                offsets.append(len(ids))
            examples.append(examples[-1] + len(words))
        return Features(
            ids=np.array(ids, np.int32),
            segments=np.zeros(len(ids), np.uint8),
            offsets=np.array(offsets, np.int64),
            targets=np.zeros(len(places), np.int64),
            places=np.array(places, np.int64),
            examples=np.array(examples, np.int64),
        )

    def _pieces(self, words: set[str]) -> dict[str, list[int]]:
        """Word -> its sub-words; one word is cut where it alone would fill a sequence."""
        if len(self._known) + len(words) > KEPT_WORDS:
            self._known = {}
        new = sorted(words - self._known.keys())
        encodings = self._tokenizer.encode_batch([[w] for w in new], is_pretokenized=True, add_special_tokens=False)
        for word, encoding in zip(new, encodings, strict=True):
            self._known[word] = encoding.ids[: self._room] or [self._unknown]
        return self._known
