"""Packed batches: the tokens of a batch without padding, and the blocks in which they meet for attention.

The linear layers see (members, tokens, width) with no padding but at the end of a shorter member's row. Attention needs
(sequence, token) blocks: sequences lie in the order of their lengths, so a block of neighbours wastes little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .bi_encoder import Pairs, pairs_of

# Scores per block under which it is merged with the next. On a CPU large blocks leave the cache; elsewhere every block
# costs calls, and padding little.
BLOCK_SCORES = 1 << 17
DEVICE_BLOCK_SCORES = 1 << 26
CPU = torch.device("cpu")
FEW_ROWS = 32  # up to which rows are not rounded up


@dataclass(frozen=True, eq=False)
class Chunk:
    """Neighbouring sequences of one member's batch that share a canonical dropout mask."""

    first: int  # its first sequence, counted within the member's batch
    count: int  # sequences
    longest: int  # tokens of its longest


@dataclass(frozen=True, eq=False)
class Block:
    """Sequences that meet in one padded attention block, for all members."""

    rows: int  # packed rows (tokens) that it covers; of one member, the blocks leave out what was rounded up
    sequences: int  # per member
    longest: int  # tokens per sequence in the block
    source: Tensor | None  # (members * sequences * longest,) row of each place; None: rows fill the block exactly
    places: Tensor | None  # (real tokens,) places that hold a token
    targets: Tensor | None  # (real tokens,) the row of each
    bias: Tensor | None  # (members * sequences, 1, longest) 0 where a token lies, very negative elsewhere
    parts: tuple[tuple[int, int, Chunk], ...]  # (member, first sequence within the block, chunk)


@dataclass(frozen=True, eq=False)
class AskedBlock:
    """Where the queries of a block's asked rows lie: as Block, with `most` places a sequence instead of `longest`."""

    rows: int  # asked rows that it covers; of one member, the blocks leave out what was rounded up
    most: int  # places per sequence
    source: Tensor | None  # (members * sequences * most,) asked row of each place; None: rows fill the block exactly
    places: Tensor | None  # (real asked rows,) places that hold one
    targets: Tensor | None  # (real asked rows,) the asked row of each
    own: tuple[int, ...]  # per part of the block: the most that one of its own sequences asks


@dataclass(frozen=True, eq=False)
class Asked:
    """The rows at which the last layer's output is wanted: it computes no other."""

    rows: Tensor  # (members, asked) int64: flat rows, each member's ascending; past its count, its first row
    counts: tuple[int, ...]  # real asked rows per member
    blocks: tuple[AskedBlock, ...]  # one per block of the packing

    def to(self, device: torch.device) -> Asked:
        """The same on another device."""
        return replace(self, rows=self.rows.to(device), blocks=tuple(_moved(block, device) for block in self.blocks))


@dataclass(frozen=True, eq=False)
class Packing:
    """One batch for every member of a population."""

    members: int
    tokens: int  # rows per member: the longest member's count, rounded up
    sequences: int  # per member, the largest member's count
    ids: Tensor  # (members, tokens) int64, row of the embedding table
    positions: Tensor  # (members, tokens) int64
    segments: Tensor  # (members, tokens) int64
    firsts: Tensor  # (members, sequences) int64: flat row (member * tokens + row) of each sequence's first token
    counts: tuple[int, ...]  # real tokens per member
    sequence_counts: tuple[int, ...]  # real sequences per member
    blocks: tuple[Block, ...]
    order: tuple[np.ndarray, ...]  # per member: which of its given sequences lies at each place (by length)
    reads: Asked  # at which targets are predicted
    present: Tensor  # (members, targets) bool: False where a member's batch has fewer targets
    pairs: Pairs | None = None  # neighbouring sequences as given are two texts, one target each two

    def to(self, device: torch.device) -> Packing:
        """The same batch on another device."""
        if device.type == "cpu":
            return self
        blocks = tuple(_moved(block, device) for block in self.blocks)
        pairs = None if self.pairs is None else _moved(self.pairs, device)
        return replace(_moved(self, device), blocks=blocks, reads=self.reads.to(device), pairs=pairs)


def _moved(part: Any, device: torch.device) -> Any:
    """A dataclass with its tensors on another device."""
    return replace(part, **{k: v.to(device) for k, v in part.__dict__.items() if isinstance(v, Tensor)})


def pack(
    batches: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
    *,
    n_heads: int,
    reads: Sequence[Sequence[np.ndarray]] | None = None,
    device: torch.device = CPU,
    paired: bool = False,
) -> Packing:
    """Packs one batch per member, on the CPU.

    Args:
        batches: per member, per sequence: (token ids, segment ids), each (length,).
        n_heads: attention heads, which decide how many sequences make a block.
        reads: per member, per sequence: tokens at which its targets are predicted; None: the first of each.
        paired: every two sequences are the texts of a pair: all of their tokens are read, for one target.
        device: where it will be computed, which decides so too.
    """
    members = len(batches)
    order = tuple(np.argsort([-len(ids) for ids, _ in batch], kind="stable") for batch in batches)
    lengths = [[len(batch[i][0]) for i in places] for batch, places in zip(batches, order, strict=True)]
    counts = tuple(map(sum, lengths))
    tokens, sequences = rounded_up(max(counts)), max(map(len, lengths))
    ids, positions, segments = (np.zeros((members, tokens), np.int64) for _ in range(3))
    starts = []
    for m, (batch, places) in enumerate(zip(batches, order, strict=True)):
        ids[m, : counts[m]] = np.concatenate([batch[i][0] for i in places])
        segments[m, : counts[m]] = np.concatenate([batch[i][1] for i in places])
        positions[m, : counts[m]] = np.concatenate([np.arange(n) for n in lengths[m]])
        starts.append(m * tokens + np.concatenate([[0], np.cumsum(lengths[m])[:-1]]))
    firsts, _ = _table(starts, tokens)
    firsts = firsts[:, :sequences]
    read, pairs = starts, None
    if paired:
        read = [np.arange(m * tokens, m * tokens + count) for m, count in enumerate(counts)]
        pairs = pairs_of(lengths, order, width=rounded_up(max(counts)))
    elif reads is not None:
        read = [
            np.concatenate([start + own[i] for start, i in zip(starts[m], order[m], strict=True)])
            for m, own in enumerate(reads)
        ]
    most = BLOCK_SCORES if device.type == "cpu" else DEVICE_BLOCK_SCORES
    chunks = [_chunks(member, most // n_heads) for member in lengths]
    blocks = _blocks_alone(lengths[0], chunks[0]) if members == 1 else (_block_shared(lengths, chunks, tokens),)
    return Packing(
        members=members,
        tokens=tokens,
        sequences=sequences,
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        segments=torch.from_numpy(segments),
        firsts=torch.from_numpy(firsts),
        counts=counts,
        sequence_counts=tuple(map(len, lengths)),
        blocks=blocks,
        order=order,
        reads=asking(read, starts=starts, blocks=blocks, tokens=tokens),
        present=torch.from_numpy(_table(read, tokens)[1]) if pairs is None else pairs.present,
        pairs=pairs,
    )


def rounded_up(rows: int) -> int:
    """The next of few numbers of rows, 3% more on average: libraries prepare themselves for every shape anew."""
    step = max(FEW_ROWS, 1 << max(0, rows.bit_length() - 5))
    return rows if rows <= FEW_ROWS else -(-rows // step) * step


def asking(rows: Sequence[np.ndarray], *, starts: Sequence[np.ndarray], blocks: Sequence[Block], tokens: int) -> Asked:
    """Rows at which the last layer is asked for, laid out block by block.

    Args:
        rows: per member, (asked,) flat rows, ascending.
        starts: per member, (sequences,) flat row of each sequence's first token, ascending.
        blocks: of the packing; they hold each member's sequences in turn.
        tokens: rows per member.
    """
    table, _ = _table(rows, tokens)
    owners = [np.searchsorted(start, own, side="right") - 1 for start, own in zip(starts, rows, strict=True)]
    asks = [np.bincount(owner, minlength=len(start)) for owner, start in zip(owners, starts, strict=True)]
    found, first = [], 0
    for block in blocks:
        own = [counts[first : first + block.sequences] for counts in asks]
        found.append(_asked_block(own, block, width=table.shape[1]))
        first += block.sequences
    return Asked(torch.from_numpy(table), tuple(map(len, rows)), tuple(found))


def _asked_block(asks: Sequence[np.ndarray], block: Block, *, width: int) -> AskedBlock:
    """
    Args:
        asks: per member, how many rows each of the block's sequences asks for.
        width: asked rows per member in the table of all members; one member's blocks share out its own.
    """
    members = len(asks)
    sizes = np.zeros((members, block.sequences), np.int64)
    for member, own in enumerate(asks):
        sizes[member, : len(own)] = own
    most_of = tuple(int(sizes[m, s : s + c.count].max()) for m, s, c in block.parts)
    most = max(most_of)
    if members == 1 and (sizes == most).all():
        return AskedBlock(int(sizes.sum()), most, None, None, None, most_of)
    rows = int(sizes.sum()) if members == 1 else members * width
    source, places, targets = _layout(sizes, most, apart=width)
    return AskedBlock(rows, most, source, places, targets, most_of)


def _layout(sizes: np.ndarray, longest: int, *, apart: int) -> tuple[Tensor, Tensor, Tensor]:
    """(source, places, targets) of a padded block: see Block.

    Args:
        sizes: (members, sequences) packed rows of each sequence.
        longest: places per sequence.
        apart: packed rows from one member's first to the next one's.
    """
    offsets = np.arange(len(sizes))[:, None] * apart
    real = np.arange(longest) < sizes[..., None]  # (members, sequences, longest)
    starts = np.cumsum(sizes, axis=1) - sizes + offsets
    # An empty place holds its own member's first row: another's could bring a NaN along.
    row = np.where(real, starts[..., None] + np.arange(longest), offsets[..., None]).reshape(-1)
    places = np.flatnonzero(real)
    return torch.from_numpy(row), torch.from_numpy(places), torch.from_numpy(row[places])


def _table(rows: Sequence[np.ndarray], tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Each member's flat rows side by side, and which are real; an empty place holds its own member's first row."""
    width = rounded_up(max(map(len, rows)))
    table = np.repeat(np.arange(len(rows), dtype=np.int64)[:, None] * tokens, width, axis=1)
    real = np.zeros(table.shape, bool)
    for member, own in enumerate(rows):
        table[member, : len(own)] = own
        real[member, : len(own)] = True
    return table, real


def _chunks(lengths: Sequence[int], most: int) -> list[Chunk]:
    """Cuts a member's sequences, longest first, into chunks of at most so many pairs of tokens; decided by its own
    lengths alone.
    """
    chunks, first = [], 0
    while first < len(lengths):
        longest = lengths[first]
        count = min(max(1, most // (longest * longest)), len(lengths) - first)
        chunks.append(Chunk(first, count, longest))
        first += count
    return chunks


def _blocks_alone(lengths: Sequence[int], chunks: Sequence[Chunk]) -> tuple[Block, ...]:
    """One member: a block per chunk, over neighbouring rows."""
    blocks = []
    for chunk in chunks:
        own = lengths[chunk.first : chunk.first + chunk.count]
        blocks.append(_block([own], [((0, 0, chunk),)], rows=sum(own), tokens=sum(own), longest=chunk.longest))
    return tuple(blocks)


def _block_shared(lengths: Sequence[Sequence[int]], chunks: Sequence[Sequence[Chunk]], tokens: int) -> Block:
    """Several members: one block for all."""
    parts = [[(m, chunk.first, chunk) for chunk in own] for m, own in enumerate(chunks)]
    longest = max(own[0] for own in lengths)
    return _block(lengths, parts, rows=len(lengths) * tokens, tokens=tokens, longest=longest)


def _block(lengths, parts, *, rows: int, tokens: int, longest: int) -> Block:  # noqa: ANN001 (as its callers)
    members, sequences = len(lengths), max(map(len, lengths))
    flat_parts = tuple(part for own in parts for part in own)
    if members == 1 and min(lengths[0]) == longest:
        return Block(rows, sequences, longest, None, None, None, None, flat_parts)
    size = np.zeros((members, sequences), np.int64)
    for m, own in enumerate(lengths):
        size[m, : len(own)] = own
    source, places, targets = _layout(size, longest, apart=tokens)
    bias = np.full(members * sequences * longest, np.finfo(np.float32).min / 2, np.float32)
    bias[places] = 0
    return Block(
        rows,
        sequences,
        longest,
        source=source,
        places=places,
        targets=targets,
        bias=torch.from_numpy(bias.reshape(members * sequences, 1, longest)),
        parts=flat_parts,
    )


class Spread(torch.autograd.Function):
    """Packed rows to the places of a padded block: (rows, width) -> (places, width). Empty places hold any row."""

    @staticmethod
    def forward(ctx, packed: Tensor, block: Block | AskedBlock) -> Tensor:  # noqa: ANN001
        ctx.block = block
        return packed.index_select(0, block.source)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN001
        block = ctx.block
        out = grad.new_zeros(block.rows, grad.shape[1])
        return out.index_copy_(0, block.targets, grad.index_select(0, block.places)), None


class Collect(torch.autograd.Function):
    """The inverse of Spread: (places, width) -> (rows, width); rows that hold no token are 0."""

    @staticmethod
    def forward(ctx, padded: Tensor, block: Block | AskedBlock) -> Tensor:  # noqa: ANN001
        ctx.block, ctx.places = block, padded.shape[0]
        out = padded.new_zeros(block.rows, padded.shape[1])
        return out.index_copy_(0, block.targets, padded.index_select(0, block.places))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN001
        block = ctx.block
        out = grad.new_zeros(ctx.places, grad.shape[1])
        return out.index_copy_(0, block.places, grad.index_select(0, block.targets)), None
