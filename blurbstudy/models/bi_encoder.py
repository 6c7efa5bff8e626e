"""Two texts encoded apart by one encoder, each the mean of its sub-words, and the cosine of the two: Sentence-BERT
(Reimers and Gurevych 2019). Special tokens are part of the mean, as in sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pairs:
    """Which rows of a packing make a text, and which texts a pair. Means lie in one table for all members, a row per
    place of a sequence and one more a member, for what was rounded up.
    """

    owners: Tensor  # (members, rows) int64: row of the table of means to which each packed row belongs
    rows: Tensor  # (members * (sequences + 1), 1) float32: packed rows of each mean
    sides: Tensor  # (members, pairs, 2) int64: rows of the table of means; a missing pair is the member's first
    present: Tensor  # (members, pairs) bool: False where a member's batch has fewer pairs


def pairs_of(lengths: Sequence[Sequence[int]], order: Sequence[np.ndarray], *, width: int) -> Pairs:
    """
    Args:
        lengths: per member, (sequences,) tokens of each in the order in which they are packed.
        order: per member, which of its given sequences lies at each place; 2j and 2j + 1 are pair j.
        width: packed rows per member.
    """
    members, most = len(lengths), max(map(len, lengths))
    owners = np.full((members, width), most, np.int64)
    rows = np.ones((members, most + 1), np.float32)
    sides = np.zeros((members, most // 2, 2), np.int64)
    present = np.zeros((members, most // 2), bool)
    for member, (own, places) in enumerate(zip(lengths, order, strict=True)):
        owners[member, : sum(own)] = np.repeat(np.arange(len(own)), own)
        rows[member, : len(own)] = own
        paired = np.argsort(places).reshape(-1, 2)
        sides[member] = paired[0]
        sides[member, : len(paired)] = paired
        present[member, : len(paired)] = True
    apart = np.arange(members) * (most + 1)
    return Pairs(
        owners=torch.from_numpy(owners + apart[:, None]),
        rows=torch.from_numpy(rows.reshape(-1, 1)),
        sides=torch.from_numpy(sides + apart[:, None, None]),
        present=torch.from_numpy(present),
    )


def cosines(hidden: Tensor, pairs: Pairs) -> Tensor:
    """(P, rows, width), every packed row -> (P, pairs, 1), in the order in which the pairs were given."""
    members, _, width = hidden.shape
    sums = hidden.new_zeros(len(pairs.rows), width).index_add(0, pairs.owners.view(-1), hidden.reshape(-1, width))
    first, second = ((sums / pairs.rows)[pairs.sides[..., side].reshape(-1)] for side in (0, 1))
    return F.cosine_similarity(first, second, dim=-1).view(members, -1, 1)
