"""Sentence-BERT (Reimers and Gurevych 2019): two texts are encoded separately by one encoder, each is the mean of its
tokens (special tokens included, as in sentence-transformers), and the output is the cosine of the two means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SentencePairs:
    """Which rows of a packed batch form a text, and which texts form a pair.

    All members share one table of means: one row per sequence, and one more per member for rows added by rounding.
    """

    mean_index: Tensor  # (members, rows) int64: row of the table of means to which each packed row contributes
    token_counts: Tensor  # (members * (sequences + 1), 1) float32: packed rows of each mean
    text_index: Tensor  # (members, pairs, 2) int64: rows of the table of means; a missing pair is the member's first
    mask: Tensor  # (members, pairs) bool: False where a member's batch has fewer pairs


def make_pairs(lengths: Sequence[Sequence[int]], order: Sequence[np.ndarray], *, rows: int) -> SentencePairs:
    """
    Args:
        lengths: per member, (sequences,) tokens of each in packed order.
        order: per member, index in the given batch of each packed sequence; sequences 2j and 2j + 1 are pair j.
        rows: packed rows per member.
    """
    members, sequences = len(lengths), max(map(len, lengths))
    mean_index = np.full((members, rows), sequences, np.int64)
    token_counts = np.ones((members, sequences + 1), np.float32)
    text_index = np.zeros((members, sequences // 2, 2), np.int64)
    mask = np.zeros((members, sequences // 2), bool)
    for m, (counts, indices) in enumerate(zip(lengths, order, strict=True)):
        mean_index[m, : sum(counts)] = np.repeat(np.arange(len(counts)), counts)
        token_counts[m, : len(counts)] = counts
        pairs = np.argsort(indices).reshape(-1, 2)
        text_index[m] = pairs[0]
        text_index[m, : len(pairs)] = pairs
        mask[m, : len(pairs)] = True
    offsets = np.arange(members) * (sequences + 1)
    return SentencePairs(
        mean_index=torch.from_numpy(mean_index + offsets[:, None]),
        token_counts=torch.from_numpy(token_counts.reshape(-1, 1)),
        text_index=torch.from_numpy(text_index + offsets[:, None, None]),
        mask=torch.from_numpy(mask),
    )


def pair_cosines(hidden: Tensor, pairs: SentencePairs) -> Tensor:
    """(P, rows, width), every packed row -> (P, pairs, 1), in the order in which the pairs were given."""
    members, _, width = hidden.shape
    sums = hidden.new_zeros(len(pairs.token_counts), width)
    sums = sums.index_add(0, pairs.mean_index.view(-1), hidden.reshape(-1, width))
    first, second = ((sums / pairs.token_counts)[pairs.text_index[..., text].reshape(-1)] for text in (0, 1))
    return F.cosine_similarity(first, second, dim=-1).view(members, -1, 1)
