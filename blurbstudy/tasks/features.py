"""Tokenization into packed features: all sequences of a split end to end, without padding.

Pairs are cut as BERT does (longest_first), whatever truncation or padding a tokenizer's file stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from . import read_task
from .task import Example, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, eq=False)
class Features:
    """The sequences of one split. Sequence i is ids[offsets[i]:offsets[i + 1]]."""

    ids: np.ndarray  # (tokens,) int32: sub-words, special tokens included
    segments: np.ndarray  # (tokens,) uint8: 0 for the first text, 1 for the second
    offsets: np.ndarray  # (n + 1,) int64
    targets: np.ndarray  # (n,) int64 positions in Task.labels, or float32 scores

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64: sub-words of each sequence."""
        return np.diff(self.offsets)

    def sequence(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Sub-words and segments of sequence i, each (length,)."""
        begin, end = self.offsets[i], self.offsets[i + 1]
        return self.ids[begin:end], self.segments[begin:end]

    def with_ids(self, ids: np.ndarray) -> Features:
        """The same sequences under other numbers, (tokens,): rows of a smaller embedding table."""
        return replace(self, ids=ids.astype(np.int32))

    def joined(self, other: Features) -> Features:
        """These sequences, then the other's."""
        return Features(
            ids=np.concatenate([self.ids, other.ids]),
            segments=np.concatenate([self.segments, other.segments]),
            offsets=np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            targets=np.concatenate([self.targets, other.targets]),
        )


def tokenize(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerFast,
    task: Task,
    *,
    max_length: int,
    segment_ids: str,
) -> Features:
    """Packed features of the examples, in their order; the tokenizer itself is left unchanged.

    Args:
        tokenizer: a fast tokenizer of transformers.
        max_length: sub-words per sequence, special tokens included; the caller keeps it within the encoder's positions.
        segment_ids: "pair": 1 for the second text and its [SEP]; "single": 0 throughout.
    """
    cutter = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    cutter.no_padding()
    cutter.enable_truncation(max_length, strategy="longest_first")
    inputs = [example.texts if len(example.texts) > 1 else example.texts[0] for example in examples]
    encodings = cutter.encode_batch(inputs)
    offsets = np.cumsum([0, *(len(encoding.ids) for encoding in encodings)], dtype=np.int64)
    segments = np.zeros(offsets[-1], np.uint8)
    if segment_ids == "pair":
        for encoding, begin, end in zip(encodings, offsets[:-1], offsets[1:], strict=True):
            segments[begin + _second_text(encoding.sequence_ids) : end] = 1
    return Features(
        ids=np.fromiter((i for encoding in encodings for i in encoding.ids), np.int32, offsets[-1]),
        segments=segments,
        offsets=offsets,
        targets=targets_of(examples, task),
    )


def targets_of(examples: Sequence[Example], task: Task) -> np.ndarray:
    """(n,) int64 positions of the labels in Task.labels, or float32 scores."""
    if task.is_regression:
        return np.array([example.label for example in examples], np.float32)
    return np.array([task.labels.index(example.label) for example in examples], np.int64)


def task_features(
    task: Task,
    folder: Path | str,
    tokenizer: PreTrainedTokenizerFast,
    *,
    max_length: int,
    segment_ids: str,
) -> dict[str, Features]:
    """Split -> packed features of its file.

    Raises:
        DataError: a file is missing or malformed.
    """
    return {
        split: tokenize(examples, tokenizer, task, max_length=max_length, segment_ids=segment_ids)
        for split, examples in read_task(task, folder).items()
    }


def _second_text(sequence_ids: Sequence[int | None]) -> int:
    # Not the tokenizer's own type ids: some have none. [CLS] first [SEP] second [SEP] -> the place after the first
    # [SEP], which in a sequence of one text is its end.
    last_of_first = max((i for i, sequence in enumerate(sequence_ids) if sequence == 0), default=0)
    return last_of_first + 2
