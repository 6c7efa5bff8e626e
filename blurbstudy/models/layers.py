"""Layers of a population: every parameter has a leading member axis (P)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

from .onednn_linear import onednn_linear, onednn_linear_gelu
from .packing import NO_ROUNDING_BELOW, Block, PackedBatch, QueryBlock, QueryRows
from .rng import DropoutStream

ACTIVATION = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


class Linear(nn.Module):
    """A dense layer per member: (P, rows, inputs) -> (P, rows, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(P, rows, inputs) -> (P, rows, outputs)."""
        return linear(x, self.weight, self.bias)


def linear_activation(x: Tensor, layer: Linear, activation: str) -> Tensor:
    """The activation (key of ACTIVATION) of a dense layer's output: (P, rows, inputs) -> (P, rows, outputs)."""
    if activation == "gelu" and layer.weight.shape[0] == 1:
        return onednn_linear_gelu(x.squeeze(0), layer.weight.squeeze(0), layer.bias.squeeze(0)).unsqueeze(0)
    return ACTIVATION[activation](layer(x))


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(P, rows, inputs), (P, outputs, inputs), (P, outputs) -> (P, rows, outputs)."""
    if weight.shape[0] == 1:  # a batched product of one matrix is slower than a plain product
        return onednn_linear(x.squeeze(0), weight.squeeze(0), bias.squeeze(0)).unsqueeze(0)
    if x.device.type == "cpu" and x.shape[1] > NO_ROUNDING_BELOW:  # oneDNN has no batched product
        members = zip(x.unbind(0), weight.unbind(0), bias.unbind(0), strict=True)
        return torch.stack([onednn_linear(*member) for member in members])
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))


class LayerNorm(nn.Module):
    """Layer normalization over the last axis, with weights per member."""

    def __init__(self, members: int, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, width))
        self.bias = nn.Parameter(torch.empty(members, width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(P, rows, width) -> the same shape."""
        width = x.shape[-1]
        if self.weight.shape[0] == 1:
            return F.layer_norm(x, (width,), self.weight.squeeze(0), self.bias.squeeze(0), self.eps)
        normed = F.layer_norm(x, (width,), eps=self.eps)
        return torch.addcmul(self.bias.unsqueeze(1), normed, self.weight.unsqueeze(1))


class _DropoutContext(BackwardCFunction):
    scale: float


class _DropoutAdd(torch.autograd.Function):
    """residual + x * mask * scale in one pass over memory, forward and backward."""

    @staticmethod
    def forward(ctx: _DropoutContext, residual: Tensor, x: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        if mask.device.type == "cpu":  # on a GPU operands are cast as they are read
            x = x.to(residual.dtype)
        return torch.addcmul(residual, x, mask, value=scale)

    @staticmethod
    def backward(ctx: _DropoutContext, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return grad, (grad * mask).mul_(ctx.scale), None, None


def dropout_mask(stream: DropoutStream, counts: tuple[int, ...], rows: int, width: int) -> Tensor:
    """Dropout mask (P, rows, width); each member's first `counts[m]` rows come from its own stream."""
    mask = torch.empty(len(counts), rows, width, device=stream.device, dtype=stream.dtype)
    for member, count in enumerate(counts):
        stream.mask(member, (count, width), out=mask[member, :count])
        if count < rows:
            mask[member, count:] = 1
    return mask


def apply_dropout(x: Tensor, stream: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
    """Dropout on (P, rows, width)."""
    if stream is None:
        return x
    mask = dropout_mask(stream, counts, x.shape[1], x.shape[2])
    return x * (mask.mul_(stream.scale) if mask.is_floating_point() else mask * stream.scale)


def dropout_add(residual: Tensor, x: Tensor, stream: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
    """residual + dropout(x), both (P, rows, width)."""
    if stream is None:
        return residual + x
    mask = dropout_mask(stream, counts, x.shape[1], x.shape[2])
    return _DropoutAdd.apply(residual, x, mask, stream.scale)  # pyright: ignore[reportReturnType]


class Attention(nn.Module):
    """Self-attention over the sequences of a packed batch (Vaswani et al. 2017)."""

    def __init__(self, members: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.qkv = Linear(members, width, 3 * width)
        self.out = Linear(members, width, width)
        self.n_heads = n_heads

    def forward(
        self,
        hidden: Tensor,
        batch: PackedBatch,
        dropout: DropoutStream | None,
        *,
        queries: QueryRows | None = None,
        query_hidden: Tensor | None = None,
    ) -> Tensor:
        """(P, tokens, width) -> the same shape, or (P, queries, width) at the query rows only.
        `query_hidden`: (P, queries, width) hidden states of the query rows; with `queries`.
        """
        width = hidden.shape[-1]
        query_blocks: Sequence[QueryBlock | None]
        block_queries: Sequence[Tensor | None]
        if queries is None or query_hidden is None:
            packed = self.qkv(hidden).view(-1, 3 * width)  # (P * tokens, 3 width)
            block_queries = query_blocks = [None] * len(batch.blocks)
            rows = len(packed)
        else:
            sizes = [width, 2 * width]
            (w_query, w_key_value), (b_query, b_key_value) = (
                self.qkv.weight.split(sizes, 1),
                self.qkv.bias.split(sizes, 1),
            )
            packed = linear(hidden, w_key_value, b_key_value).view(-1, 2 * width)  # (P * tokens, 2 width)
            query_blocks = queries.blocks
            packed_queries = linear(query_hidden, w_query, b_query).view(-1, width)  # (P * queries, width)
            rows = len(packed_queries)
            block_queries = _split_by_block(packed_queries, queries.blocks)
        block_rows = _split_by_block(packed, batch.blocks)
        contexts = [
            self._attend(*block, dropout)
            for block in zip(block_rows, batch.blocks, block_queries, query_blocks, strict=True)
        ]
        padding = rows - sum(map(len, contexts))
        contexts += [packed.new_zeros(padding, width)] if padding else []
        context = contexts[0] if len(contexts) == 1 else torch.cat(contexts)
        return self.out(context.view(batch.members, -1, width))

    def _attend(
        self,
        packed: Tensor,
        block: Block,
        query: Tensor | None,
        query_block: QueryBlock | None,
        dropout: DropoutStream | None,
    ) -> Tensor:
        """One block: (rows, 3 width) -> (rows, width); or (rows, 2 width), (queries, width) -> (queries, width)."""
        if query is None or query_block is None:
            q, key, value = self._split_heads(_pad_input(packed, block), 3, block.longest).unbind(0)
        elif not query_block.max_queries:
            return query  # the block has no queries
        else:
            key, value = self._split_heads(_pad_input(packed, block), 2, block.longest).unbind(0)
            q = self._split_heads(_pad_input(query, query_block), 1, query_block.max_queries)[0]
        size = key.shape[-1]
        scale = size**-0.5
        if block.bias is None:
            scores = torch.bmm(q * scale, key.transpose(1, 2))  # (batch * heads, queries, longest)
        else:
            bias = block.bias.repeat_interleave(self.n_heads, 0).to(q.dtype)
            scores = torch.baddbmm(bias, q, key.transpose(1, 2), alpha=scale)
        weights = scores.softmax(-1).to(value.dtype)
        if dropout is not None:
            weights = weights * attention_mask(dropout, block, self.n_heads, query_block)
        context = torch.bmm(weights, value).view(-1, self.n_heads, q.shape[1], size).transpose(1, 2)
        context = context.reshape(-1, self.n_heads * size)
        if dropout is not None:
            context = context * dropout.scale
        padded_as = query_block or block
        return context if padded_as.gather_index is None else UnpadInput.apply(context, padded_as)

    def _split_heads(self, padded: Tensor, parts: int, longest: int) -> Tensor:
        """(batch * longest, parts * width) -> (parts, batch * heads, longest, size)."""
        split = padded.view(-1, longest, parts, self.n_heads, padded.shape[1] // (parts * self.n_heads))
        return split.permute(2, 0, 3, 1, 4).reshape(parts, -1, longest, split.shape[-1])


def _split_by_block(packed: Tensor, blocks: Sequence[Block | QueryBlock]) -> tuple[Tensor, ...]:
    """The rows of each block."""
    sizes = [block.rows for block in blocks]
    if sizes == [len(packed)]:
        return (packed,)
    return packed[: sum(sizes)].split(sizes)


def attention_mask(stream: DropoutStream, block: Block, heads: int, query_block: QueryBlock | None = None) -> Tensor:
    """Dropout mask (P * sequences * heads, queries, longest); each chunk is drawn in its own unpadded shape."""
    if query_block is None:
        rows, rows_by_part = block.longest, [chunk.longest for _, _, chunk in block.parts]
    else:
        rows, rows_by_part = query_block.max_queries, query_block.max_queries_by_part
    if len(block.parts) == 1:
        member, _, chunk = block.parts[0]
        return stream.mask(member, (chunk.count * heads, rows, chunk.longest))
    members = 1 + max(member for member, _, _ in block.parts)
    shape = (members, block.sequences, heads, rows, block.longest)
    mask = torch.ones(shape, device=stream.device, dtype=stream.dtype)
    for (member, start, chunk), part_rows in zip(block.parts, rows_by_part, strict=True):
        part = mask[member, start : start + chunk.count, :, :part_rows, : chunk.longest]
        stream.mask(member, tuple(part.shape), out=part)
    return mask.view(-1, rows, block.longest)


def _pad_input(packed: Tensor, block: Block | QueryBlock) -> Tensor:
    return packed if block.gather_index is None else PadInput.apply(packed, block)  # pyright: ignore[reportReturnType]


class _PaddingContext(BackwardCFunction):
    block: Any  # Block | QueryBlock
    positions: int


class PadInput(torch.autograd.Function):
    """Packed rows to the positions of a padded block: (rows, width) -> (positions, width). Padding holds any row."""

    @staticmethod
    def forward(ctx: _PaddingContext, packed: Tensor, block: Block | QueryBlock) -> Tensor:
        ctx.block = block
        return packed.index_select(0, block.gather_index)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def backward(ctx: _PaddingContext, grad: Tensor) -> tuple[Tensor, None]:
        block = ctx.block
        out = grad.new_zeros(block.rows, grad.shape[1])
        return out.index_copy_(0, block.scatter_index, grad.index_select(0, block.pad_index)), None


class UnpadInput(torch.autograd.Function):
    """The inverse of PadInput: (positions, width) -> (rows, width); rows without a token are 0."""

    @staticmethod
    def forward(ctx: _PaddingContext, padded: Tensor, block: Block | QueryBlock) -> Tensor:
        ctx.block, ctx.positions = block, padded.shape[0]
        out = padded.new_zeros(block.rows, padded.shape[1])
        rows = padded.index_select(0, block.pad_index)  # pyright: ignore[reportArgumentType]
        return out.index_copy_(0, block.scatter_index, rows)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def backward(ctx: _PaddingContext, grad: Tensor) -> tuple[Tensor, None]:
        block = ctx.block
        out = grad.new_zeros(ctx.positions, grad.shape[1])
        return out.index_copy_(0, block.pad_index, grad.index_select(0, block.scatter_index)), None
