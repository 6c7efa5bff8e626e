"""Tokenization into packed features: the concatenated sequences of a split, without padding.

Texts and pairs are truncated as in BERT (longest_first), whatever truncation or padding the tokenizer file specifies.
Tagged sentences are not truncated: a sentence beyond the limit becomes several sequences, each word in exactly one; of
raw text, overlapping sequences as in prediction, with each word predicted in exactly one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from tokenizers import Tokenizer

from ..config import JsonObject
from . import read_task
from .task import Example, Task, split_labels, split_tags
from .windows import disjoint_windows, overlapping_windows


class FastTokenizer(Protocol):
    """A fast tokenizer, such as one of transformers. It has `unk_token_id` too (int or None), which those hide."""

    @property
    def backend_tokenizer(self) -> Tokenizer: ...


@dataclass(frozen=True, eq=False)
class Features:
    """The sequences of one split. Sequence i is ids[offsets[i]:offsets[i + 1]].

    A sequence has one target, predicted at its first token. In a tagged sentence every word has one, predicted at its
    first sub-word (`word_starts`). Targets are in file order, so the windows of a long sentence need no reordering.
    For a bi-encoder, two texts are stored as one sequence [CLS] a [SEP] [CLS] b [SEP], which `texts` splits.
    """

    ids: np.ndarray  # (tokens,) int32: sub-words, special tokens included
    segments: np.ndarray  # (tokens,) uint8: 0 for the first text, 1 for the second
    offsets: np.ndarray  # (sequences + 1,) int64
    targets: np.ndarray  # (targets,) int64 positions in Task.labels; (targets, labels) 0.0 or 1.0; float32 scores
    word_starts: np.ndarray | None = None  # (targets,) int64: token of each target; None: the first of each sequence
    examples: np.ndarray | None = None  # (examples + 1,) int64: first target of each example; None: one target each
    second_lengths: np.ndarray | None = None  # (sequences,) int64: sub-words of the second text, for a bi-encoder

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(sequences,) int64: sub-words of each sequence."""
        return np.diff(self.offsets)

    @cached_property
    def target_offsets(self) -> np.ndarray:
        """(sequences + 1,) int64: index of the first target of each sequence."""
        if self.word_starts is None:
            return np.arange(len(self.offsets))
        return np.searchsorted(self.word_starts, self.offsets)

    def sequence(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Sub-words and segments of sequence i, each (length,)."""
        begin, end = self.offsets[i], self.offsets[i + 1]
        return self.ids[begin:end], self.segments[begin:end]

    def texts(self, i: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Sequence i as encoder inputs (sub-words, segments): one, or two for a bi-encoder."""
        ids, segments = self.sequence(i)
        if self.second_lengths is None:
            return ((ids, segments),)
        middle = len(ids) - self.second_lengths[i]
        return (ids[:middle], segments[:middle]), (ids[middle:], segments[middle:])

    def targets_of(self, i: int) -> np.ndarray:
        """Indices of the targets of sequence i."""
        return np.arange(self.target_offsets[i], self.target_offsets[i + 1])

    def word_starts_of(self, i: int) -> np.ndarray | None:
        """Positions in sequence i at which its targets are predicted; None: only the first."""
        if self.word_starts is None:
            return None
        return self.word_starts[self.target_offsets[i] : self.target_offsets[i + 1]] - self.offsets[i]

    def with_ids(self, ids: np.ndarray) -> Features:
        """The same sequences with other ids (tokens,), such as rows of a smaller embedding table."""
        return replace(self, ids=ids.astype(np.int32))

    def selected(self, examples: np.ndarray) -> Features:
        """The sequences of some examples (indices), in the given order, each with all of its windows."""
        sequences, targets, first_targets = examples, examples, None
        if self.examples is not None:
            windows = np.searchsorted(self.target_offsets, self.examples)  # first sequence of each example
            sequences, targets = _ranges(windows, examples), _ranges(self.examples, examples)
            first_targets = np.cumsum([0, *np.diff(self.examples)[examples]])
        offsets = np.cumsum([0, *self.lengths[sequences]])
        tokens = _ranges(self.offsets, sequences)
        is_start = None
        if self.word_starts is not None:
            is_start = np.zeros(len(self.ids), bool)
            is_start[self.word_starts] = True
        return Features(
            ids=self.ids[tokens],
            segments=self.segments[tokens],
            offsets=offsets,
            targets=self.targets[targets],
            word_starts=None if is_start is None else np.flatnonzero(is_start[tokens]),
            examples=first_targets,
            second_lengths=None if self.second_lengths is None else self.second_lengths[sequences],
        )

    def joined(self, other: Features) -> Features:
        """These sequences followed by the other's."""
        return Features(
            ids=np.concatenate([self.ids, other.ids]),
            segments=np.concatenate([self.segments, other.segments]),
            offsets=_after(self.offsets, other.offsets),
            targets=np.concatenate([self.targets, other.targets]),
            word_starts=_joined(self.word_starts, other.word_starts, after=self.offsets[-1]),
            examples=None if self.examples is None or other.examples is None else _after(self.examples, other.examples),
            second_lengths=_joined(self.second_lengths, other.second_lengths),
        )


def _ranges(offsets: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """All of offsets[i] to offsets[i + 1] for each index in turn."""
    ends = offsets.tolist()
    return np.array([j for i in indices.tolist() for j in range(ends[i], ends[i + 1])], np.int64)


def _joined(first: np.ndarray | None, second: np.ndarray | None, *, after: int = 0) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, after + second])


def _after(offsets: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.concatenate([offsets, offsets[-1] + others[1:]])


def tokenize(
    examples: Sequence[Example],
    tokenizer: FastTokenizer,
    task: Task,
    *,
    max_length: int,
    segment_ids: str,
) -> Features:
    """Packed features of the examples, in order; the tokenizer is not changed.

    Args:
        max_length: sub-words per sequence, special tokens included; at most the encoder's number of positions.
        segment_ids: "pair": 1 for the second text and its [SEP]; "single": 0 throughout. Encoders with
            one segment (RoBERTa) treat both alike. "bi_encoder": each text is a sequence, truncated separately.
    """
    cutter = without_truncation(tokenizer.backend_tokenizer, words=task.output == "token_labels")
    if task.output == "token_labels":
        return _tokenize_words(examples, cutter, task, room=max_length, unknown=tokenizer.unk_token_id)  # pyright: ignore[reportAttributeAccessIssue]
    cutter.enable_truncation(max_length, strategy="longest_first")
    if segment_ids == "bi_encoder":
        return _tokenize_bi_encoder(examples, cutter, task)
    inputs = [" ".join(example.texts) if len(example.texts) == 1 else example.texts for example in examples]
    encodings = cutter.encode_batch(inputs)
    offsets = np.cumsum([0, *(len(encoding.ids) for encoding in encodings)], dtype=np.int64)
    segments = np.zeros(offsets[-1], np.uint8)
    if segment_ids == "pair":
        for encoding, begin, end in zip(encodings, offsets[:-1], offsets[1:], strict=True):
            segments[begin + second_text(encoding.sequence_ids) : end] = 1
    return Features(
        ids=np.fromiter((i for encoding in encodings for i in encoding.ids), np.int32, offsets[-1]),
        segments=segments,
        offsets=offsets,
        targets=targets_of(examples, task),
    )


def _tokenize_bi_encoder(examples: Sequence[Example], cutter: Tokenizer, task: Task) -> Features:
    sides = [cutter.encode_batch([example.texts[side] for example in examples]) for side in (0, 1)]
    first, second = (np.array([len(encoding.ids) for encoding in side], np.int64) for side in sides)
    offsets = np.concatenate([[0], np.cumsum(first + second)])
    ids = (i for pair in zip(*sides, strict=True) for encoding in pair for i in encoding.ids)
    return Features(
        ids=np.fromiter(ids, np.int32, offsets[-1]),
        segments=np.zeros(offsets[-1], np.uint8),
        offsets=offsets,
        targets=targets_of(examples, task),
        second_lengths=second,
    )


def without_truncation(tokenizer: Tokenizer, *, words: bool) -> Tokenizer:
    """A copy without the truncation and padding that the tokenizer file specifies.

    Args:
        words: the input will be split into words. Byte-level BPE and SentencePiece then add the leading space of
            running text to every word, as transformers' add_prefix_space=True does.
    """
    text = tokenizer.to_str()
    if words:
        state = json.loads(text)
        for step in _pre_tokenizers(state["pre_tokenizer"]):
            step |= _WITH_SPACE.get(step["type"], {})
        text = json.dumps(state)
    clone = Tokenizer.from_str(text)
    clone.no_padding()
    clone.no_truncation()
    return clone


_WITH_SPACE = {"ByteLevel": {"add_prefix_space": True}, "Metaspace": {"prepend_scheme": "always"}}


def _pre_tokenizers(state: JsonObject | None) -> Iterator[JsonObject]:
    """The steps of a pre-tokenizer in the format of tokenizer.json."""
    if state and state["type"] == "Sequence":
        for step in state["pretokenizers"]:
            yield from _pre_tokenizers(step)
    elif state:
        yield state


def _tokenize_words(
    examples: Sequence[Example], tokenizer: Tokenizer, task: Task, *, room: int, unknown: int | None
) -> Features:
    begin, end = special_tokens(tokenizer)
    inside, divide = room - len(begin) - len(end), overlapping_windows if task.has_raw_text else disjoint_windows
    encodings = tokenizer.encode_batch(
        [list(example.texts) for example in examples], is_pretokenized=True, add_special_tokens=False
    )
    ids: list[int] = []
    offsets, word_starts, words = [0], [], [0]
    for example, encoding in zip(examples, encodings, strict=True):
        pieces: list[list[int]] = [[] for _ in example.texts]
        for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
            assert word is not None  # there are no special tokens
            pieces[word].append(piece)
        words.append(words[-1] + len(pieces))
        pieces = [sub_words[:inside] or [unknown or 0] for sub_words in pieces]
        for window in divide([len(sub_words) for sub_words in pieces], inside):
            ids += begin
            for i in range(window.first, window.last):
                if window.begin <= i < window.end:
                    word_starts.append(len(ids))
                ids += pieces[i]
            ids += end
            offsets.append(len(ids))
    return Features(
        ids=np.array(ids, np.int32),
        segments=np.zeros(len(ids), np.uint8),
        offsets=np.array(offsets, np.int64),
        targets=targets_of(examples, task),
        word_starts=np.array(word_starts, np.int64),
        examples=np.array(words, np.int64),
    )


def special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens before and after a sequence, such as [CLS] and [SEP]."""
    encoding = tokenizer.encode(["a"], is_pretokenized=True)
    text = [i for i, word in enumerate(encoding.word_ids) if word is not None]
    return encoding.ids[: text[0]], encoding.ids[text[-1] + 1 :]


def targets_of(examples: Sequence[Example], task: Task) -> np.ndarray:
    """int64 indices into Task.labels (n,), per example or per word of tagged sentences; (n, labels) float32 of 0 and 1
    for sets of labels; (n,) float32 scores.
    """
    index = {label: i for i, label in enumerate(task.labels)}
    if task.output == "score":
        return np.array([example.label for example in examples], np.float32)
    if task.output == "token_labels":
        return np.array([index[tag] for example in examples for tag in split_tags(str(example.label))], np.int64)
    if task.output == "multi_label":
        targets = np.zeros((len(examples), len(task.labels)), np.float32)
        for row, example in zip(targets, examples, strict=True):
            row[[index[label] for label in split_labels(str(example.label))]] = 1
        return targets
    return np.array([index[str(example.label)] for example in examples], np.int64)


def task_features(
    task: Task,
    folder: Path | str,
    tokenizer: FastTokenizer,
    *,
    max_length: int,
    segment_ids: str,
) -> dict[str, Features]:
    """Split -> packed features of its file."""
    return {
        split: tokenize(examples, tokenizer, task, max_length=max_length, segment_ids=segment_ids)
        for split, examples in read_task(task, folder).items()
    }


def second_text(sequence_ids: Sequence[int | None]) -> int:
    """The position at which the second text of a sequence starts, or its length if there is none."""
    # Some tokenizers have no type ids. In [CLS] first [SEP] second [SEP] it is the position after the first [SEP].
    last_of_first = max((i for i, sequence in enumerate(sequence_ids) if sequence == 0), default=0)
    return last_of_first + 2
