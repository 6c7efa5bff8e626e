"""Packed batches: the tokens of a batch without padding, and the padded blocks in which attention is computed.

Linear layers see (members, tokens, width), padded only at the end of a shorter member's row. Attention needs
(sequence, token) blocks: sequences are sorted by length, so a block of neighbors contains little padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from .bi_encoder import SentencePairs, make_pairs

# Attention scores up to which neighboring sequences share a block. On a CPU a large block does not fit into the cache;
# on a GPU each block costs kernel launches and padding costs little.
BLOCK_SCORES = 1 << 17
DEVICE_BLOCK_SCORES = 1 << 26
CPU = torch.device("cpu")
NO_ROUNDING_BELOW = 32  # row counts up to this are not rounded up
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Neighboring sequences of one member's batch that share a dropout mask."""

    first: int  # index of its first sequence within the member's sorted batch
    count: int  # sequences
    longest: int  # tokens of its longest sequence


@dataclass(frozen=True, eq=False)
class Block:
    """Sequences of all members that share one padded attention block."""

    rows: int  # packed rows (tokens) that it covers; with one member, the rows added by rounding are in no block
    sequences: int  # per member
    longest: int  # tokens per sequence in the block
    gather_index: Tensor | None  # (members * sequences * longest,) packed row per position; None: no padding at all
    pad_index: Tensor | None  # (real tokens,) positions of the block that hold a token
    scatter_index: Tensor | None  # (real tokens,) packed row of each
    bias: Tensor | None  # (members * sequences, 1, longest) 0 at tokens, very negative elsewhere
    parts: tuple[tuple[int, int, Chunk], ...]  # (member, first sequence within the block, chunk)


@dataclass(frozen=True, eq=False)
class QueryBlock:
    """The queries of a block, padded: as Block, with `max_queries` positions per sequence instead of `longest`."""

    rows: int  # query rows that it covers; with one member, the rows added by rounding are in no block
    max_queries: int  # positions per sequence
    gather_index: Tensor | None  # (members * sequences * max_queries,) query row per position; None: no padding
    pad_index: Tensor | None  # (real queries,) positions that hold a query
    scatter_index: Tensor | None  # (real queries,) query row of each
    max_queries_by_part: tuple[int, ...]  # per part of the block: the most queries of one of its sequences


@dataclass(frozen=True, eq=False)
class QueryRows:
    """The rows at which the last layer computes its output; it computes no others."""

    rows: Tensor  # (members, queries) int64: flat rows, ascending per member; padded with the member's first row
    counts: tuple[int, ...]  # real queries per member
    blocks: tuple[QueryBlock, ...]  # one per block of the batch

    def to(self, device: torch.device) -> QueryRows:
        return replace(
            self, rows=self.rows.to(device), blocks=tuple(_to_device(block, device) for block in self.blocks)
        )


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """One batch for every member of a population."""

    members: int
    tokens: int  # rows per member: the longest member's token count, rounded up
    sequences: int  # per member, the largest member's count
    ids: Tensor  # (members, tokens) int64, row of the embedding table
    positions: Tensor  # (members, tokens) int64
    segments: Tensor  # (members, tokens) int64
    cls_rows: Tensor  # (members, sequences) int64: flat row (member * tokens + row) of each sequence's first token
    counts: tuple[int, ...]  # real tokens per member
    sequence_counts: tuple[int, ...]  # real sequences per member
    blocks: tuple[Block, ...]
    order: tuple[np.ndarray, ...]  # per member: index in the given batch of each packed sequence (sorted by length)
    output_rows: QueryRows  # rows at which targets are predicted
    target_mask: Tensor  # (members, targets) bool: False where a member's batch has fewer targets
    pairs: SentencePairs | None = None  # each two sequences, as given, are the texts of a pair with one target

    def to(self, device: torch.device) -> PackedBatch:
        if device.type == "cpu":
            return self
        blocks = tuple(_to_device(block, device) for block in self.blocks)
        pairs = None if self.pairs is None else _to_device(self.pairs, device)
        return replace(_to_device(self, device), blocks=blocks, output_rows=self.output_rows.to(device), pairs=pairs)


def _to_device(part: T, device: torch.device) -> T:
    tensors = {name: value.to(device) for name, value in vars(part).items() if isinstance(value, Tensor)}
    return replace(part, **tensors)  # type: ignore[type-var]


def pack(
    batches: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
    *,
    n_heads: int,
    output_positions: Sequence[Sequence[np.ndarray]] | None = None,
    device: torch.device = CPU,
    paired: bool = False,
) -> PackedBatch:
    """Packs one batch per member, on the CPU.

    Args:
        batches: per member, per sequence: (token ids, segment ids), each (length,).
        n_heads: attention heads; with `device` they decide how many sequences form a block.
        output_positions: per member, per sequence: positions at which targets are predicted; None: the first token.
        device: where the batch will be computed.
        paired: each two sequences are the texts of a pair: all of their tokens are output rows, for one target.
    """
    members = len(batches)
    order = tuple(np.argsort([-len(ids) for ids, _ in batch], kind="stable") for batch in batches)
    lengths = [[len(batch[i][0]) for i in indices] for batch, indices in zip(batches, order, strict=True)]
    counts = tuple(map(sum, lengths))
    tokens, sequences = round_up(max(counts)), max(map(len, lengths))
    ids, positions, segments = (np.zeros((members, tokens), np.int64) for _ in range(3))
    starts = []
    for m, (batch, indices) in enumerate(zip(batches, order, strict=True)):
        ids[m, : counts[m]] = np.concatenate([batch[i][0] for i in indices])
        segments[m, : counts[m]] = np.concatenate([batch[i][1] for i in indices])
        positions[m, : counts[m]] = np.concatenate([np.arange(n) for n in lengths[m]])
        starts.append(m * tokens + np.concatenate([[0], np.cumsum(lengths[m])[:-1]]))
    cls_rows = _pad_rows(starts, tokens)[0][:, :sequences]
    rows, pairs = starts, None
    if paired:
        rows = [np.arange(m * tokens, m * tokens + count) for m, count in enumerate(counts)]
        pairs = make_pairs(lengths, order, rows=round_up(max(counts)))
    elif output_positions is not None:
        rows = [
            np.concatenate([start + offsets[i] for start, i in zip(starts[m], order[m], strict=True)])
            for m, offsets in enumerate(output_positions)
        ]
    max_scores = BLOCK_SCORES if device.type == "cpu" else DEVICE_BLOCK_SCORES
    chunks = [_chunks(member, max_scores // n_heads) for member in lengths]
    single = members == 1
    blocks = _single_member_blocks(lengths[0], chunks[0]) if single else (_shared_block(lengths, chunks, tokens),)
    return PackedBatch(
        members=members,
        tokens=tokens,
        sequences=sequences,
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        segments=torch.from_numpy(segments),
        cls_rows=torch.from_numpy(cls_rows),
        counts=counts,
        sequence_counts=tuple(map(len, lengths)),
        blocks=blocks,
        order=order,
        output_rows=select_queries(rows, starts=starts, blocks=blocks, tokens=tokens),
        target_mask=torch.from_numpy(_pad_rows(rows, tokens)[1]) if pairs is None else pairs.mask,
        pairs=pairs,
    )


def round_up(rows: int) -> int:
    """The next of few row counts, 3% more on average: libraries set up once for every new shape."""
    step = max(NO_ROUNDING_BELOW, 1 << max(0, rows.bit_length() - 5))
    return rows if rows <= NO_ROUNDING_BELOW else -(-rows // step) * step


def select_queries(
    rows: Sequence[np.ndarray], *, starts: Sequence[np.ndarray], blocks: Sequence[Block], tokens: int
) -> QueryRows:
    """The rows at which the last layer computes its output, laid out by block.

    Args:
        rows: per member, (queries,) flat rows, ascending.
        starts: per member, (sequences,) flat row of each sequence's first token, ascending.
        blocks: of the batch; they cover each member's sequences in order.
        tokens: rows per member.
    """
    table, _ = _pad_rows(rows, tokens)
    owners = [np.searchsorted(start, row, side="right") - 1 for start, row in zip(starts, rows, strict=True)]
    counts = [np.bincount(owner, minlength=len(start)) for owner, start in zip(owners, starts, strict=True)]
    query_blocks, first = [], 0
    for block in blocks:
        in_block = [member[first : first + block.sequences] for member in counts]
        query_blocks.append(_query_block(in_block, block, width=table.shape[1]))
        first += block.sequences
    return QueryRows(torch.from_numpy(table), tuple(map(len, rows)), tuple(query_blocks))


def _query_block(counts: Sequence[np.ndarray], block: Block, *, width: int) -> QueryBlock:
    """
    Args:
        counts: per member, queries of each of the block's sequences.
        width: query rows per member in the table of all members.
    """
    members = len(counts)
    sizes = _pad_counts(counts, block.sequences)
    max_by_part = tuple(int(sizes[m, s : s + c.count].max()) for m, s, c in block.parts)
    max_queries = max(max_by_part)
    if members == 1 and (sizes == max_queries).all():
        return QueryBlock(int(sizes.sum()), max_queries, None, None, None, max_by_part)
    rows = int(sizes.sum()) if members == 1 else members * width
    return QueryBlock(rows, max_queries, *_padding_indices(sizes, max_queries, stride=width), max_by_part)


def _padding_indices(sizes: np.ndarray, longest: int, *, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """(gather_index, pad_index, scatter_index) of a padded block: see Block.

    Args:
        sizes: (members, sequences) packed rows of each sequence.
        longest: positions per sequence.
        stride: packed rows from one member's first row to the next one's.
    """
    offsets = np.arange(len(sizes))[:, None] * stride
    real = np.arange(longest) < sizes[..., None]  # (members, sequences, longest)
    starts = np.cumsum(sizes, axis=1) - sizes + offsets
    # Padding gathers its own member's first row: another member's could bring in a NaN.
    row = np.where(real, starts[..., None] + np.arange(longest), offsets[..., None]).reshape(-1)
    pad_index = np.flatnonzero(real)
    return torch.from_numpy(row), torch.from_numpy(pad_index), torch.from_numpy(row[pad_index])


def _pad_rows(rows: Sequence[np.ndarray], tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Each member's flat rows as one table, and which entries are real; padding is the member's own first row."""
    width = round_up(max(map(len, rows)))
    table = np.repeat(np.arange(len(rows), dtype=np.int64)[:, None] * tokens, width, axis=1)
    real = np.zeros(table.shape, bool)
    for m, member in enumerate(rows):
        table[m, : len(member)] = member
        real[m, : len(member)] = True
    return table, real


def _pad_counts(counts: Sequence[Sequence[int] | np.ndarray], sequences: int) -> np.ndarray:
    """(members, sequences) int64: each member's counts, then zeros."""
    table = np.zeros((len(counts), sequences), np.int64)
    for m, member in enumerate(counts):
        table[m, : len(member)] = member
    return table


def _chunks(lengths: Sequence[int], max_scores: int) -> list[Chunk]:
    """Splits a member's sequences, longest first, into chunks of at most `max_scores` token pairs (or one sequence).

    The split depends on the member's own lengths alone, so its dropout masks do not depend on other members.
    """
    chunks, first = [], 0
    while first < len(lengths):
        longest = lengths[first]
        count = min(max(1, max_scores // (longest * longest)), len(lengths) - first)
        chunks.append(Chunk(first, count, longest))
        first += count
    return chunks


def _single_member_blocks(lengths: Sequence[int], chunks: Sequence[Chunk]) -> tuple[Block, ...]:
    """One block per chunk, over neighboring rows."""
    blocks = []
    for chunk in chunks:
        in_chunk = lengths[chunk.first : chunk.first + chunk.count]
        blocks.append(_block([in_chunk], ((0, 0, chunk),), rows=sum(in_chunk), stride=sum(in_chunk)))
    return tuple(blocks)


def _shared_block(lengths: Sequence[Sequence[int]], chunks: Sequence[Sequence[Chunk]], tokens: int) -> Block:
    parts = tuple((m, chunk.first, chunk) for m, member in enumerate(chunks) for chunk in member)
    return _block(lengths, parts, rows=len(lengths) * tokens, stride=tokens)


def _block(
    lengths: Sequence[Sequence[int]], parts: tuple[tuple[int, int, Chunk], ...], *, rows: int, stride: int
) -> Block:
    """
    Args:
        lengths: per member, tokens of each of its sequences in the block, longest first.
        stride: packed rows from one member's first row to the next one's.
    """
    members, sequences = len(lengths), max(map(len, lengths))
    longest = max(member[0] for member in lengths)
    if members == 1 and min(lengths[0]) == longest:
        return Block(rows, sequences, longest, None, None, None, None, parts)
    indices = _padding_indices(_pad_counts(lengths, sequences), longest, stride=stride)
    bias = np.full(members * sequences * longest, np.finfo(np.float32).min / 2, np.float32)
    bias[indices[1].numpy()] = 0
    bias = torch.from_numpy(bias.reshape(members * sequences, 1, longest))
    return Block(rows, sequences, longest, *indices, bias, parts)
