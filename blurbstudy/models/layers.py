"""Population-shaped building blocks: every parameter has a leading member axis."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .packing import Block, Collect, Packing, Spread
from .randomness import DropoutStream

ACTIVATION = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


class Linear(nn.Module):
    """Each member's own dense layer: (P, rows, inputs) -> (P, rows, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(P, rows, inputs) -> (P, rows, outputs)."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(P, rows, inputs), (P, outputs, inputs), (P, outputs) -> (P, rows, outputs)."""
    if weight.shape[0] == 1:  # a batched product of one is slower than a plain one
        return F.linear(x.squeeze(0), weight.squeeze(0), bias.squeeze(0)).unsqueeze(0)
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))


class LayerNorm(nn.Module):
    """Each member's own layer normalization over the last axis."""

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


class _AddDropped(torch.autograd.Function):
    """residual + x * mask * scale in one pass over memory, forward and backward."""

    @staticmethod
    def forward(ctx, residual: Tensor, x: Tensor, mask: Tensor, scale: float) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return torch.addcmul(residual, x.to(residual.dtype), mask, value=scale)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple:  # noqa: ANN001
        (mask,) = ctx.saved_tensors
        return grad, (grad * mask).mul_(ctx.scale), None, None


def row_mask(stream: DropoutStream, counts: tuple[int, ...], rows: int, width: int) -> Tensor:
    """Dropout mask (P, rows, width), each member's first `counts[m]` rows drawn from its own stream."""
    if len(counts) == 1:
        return stream.mask(0, (1, rows, width))
    mask = torch.ones(len(counts), rows, width, device=stream.device)
    for member, count in enumerate(counts):
        mask[member, :count] = stream.mask(member, (count, width))
    return mask


def drop_rows(x: Tensor, stream: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
    """Dropout on (P, rows, width)."""
    if stream is None:
        return x
    return x * row_mask(stream, counts, x.shape[1], x.shape[2]).mul_(stream.scale)


def add_dropped(residual: Tensor, x: Tensor, stream: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
    """residual + dropout(x), both (P, rows, width)."""
    if stream is None:
        return residual + x
    return _AddDropped.apply(residual, x, row_mask(stream, counts, x.shape[1], x.shape[2]), stream.scale)


class Attention(nn.Module):
    """Self-attention over the sequences of a packed batch (Vaswani et al. 2017)."""

    def __init__(self, members: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.qkv = Linear(members, width, 3 * width)
        self.out = Linear(members, width, width)
        self.n_heads = n_heads

    def forward(self, hidden: Tensor, packing: Packing, dropout: DropoutStream | None, firsts: Tensor | None) -> Tensor:
        """(P, tokens, width) -> (P, tokens, width), or (P, sequences, width) where only `firsts` ask."""
        width = hidden.shape[-1]
        if firsts is None:
            joint = self.qkv(hidden).view(-1, 3 * width)  # (P * tokens, 3 width)
            queries = None
        else:
            cut = [width, 2 * width]
            (w_query, w_rest), (b_query, b_rest) = self.qkv.weight.split(cut, 1), self.qkv.bias.split(cut, 1)
            joint = linear(hidden, w_rest, b_rest).view(-1, 2 * width)  # (P * tokens, 2 width)
            queries = linear(firsts, w_query, b_query).view(-1, width)  # (P * sequences, width)
        pieces = joint.split([block.rows for block in packing.blocks])
        asked = [None] * len(pieces) if queries is None else queries.split(_asked(packing))
        mixed = [
            self._attend(piece, query, packing, block, dropout)
            for piece, query, block in zip(pieces, asked, packing.blocks, strict=True)
        ]
        mixed = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
        return self.out(mixed.view(packing.members, -1, width))

    def _attend(
        self, joint: Tensor, query: Tensor | None, packing: Packing, block: Block, dropout: DropoutStream | None
    ) -> Tensor:
        """One block: (rows, 2 or 3 width) -> (rows, width), or (sequences, width) where only `query` asks."""
        padded = joint if block.source is None else Spread.apply(joint, block)
        batch, heads = packing.members * block.sequences, self.n_heads
        size = padded.shape[1] // (heads * (3 if query is None else 2))
        split = padded.view(batch, block.longest, -1, heads, size).permute(2, 0, 3, 1, 4)
        key, value = split[-2], split[-1]  # (batch, heads, longest, size)
        q = split[0] if query is None else query.view(batch, 1, heads, size).transpose(1, 2)
        scores = torch.matmul(q * size**-0.5, key.transpose(2, 3))  # (batch, heads, asking, longest)
        if block.bias is not None:
            scores = scores + block.bias
        weights = scores.softmax(-1)
        if dropout is not None:
            weights = weights * attention_mask(dropout, packing, block, heads, query is not None).to(weights.dtype)
        mixed = torch.matmul(weights, value).transpose(1, 2).reshape(-1, heads * size)
        if dropout is not None:
            mixed = mixed * dropout.scale
        return mixed if block.source is None or query is not None else Collect.apply(mixed, block)


def attention_mask(stream: DropoutStream, packing: Packing, block: Block, heads: int, firsts_only: bool) -> Tensor:
    """Dropout mask (P * sequences, heads, asking, longest); each chunk drawn in a shape of its own."""
    asking = 1 if firsts_only else block.longest
    if len(block.parts) == 1:
        member, _, chunk = block.parts[0]
        return stream.mask(member, (chunk.count, heads, asking, chunk.longest))
    mask = torch.ones(packing.members, block.sequences, heads, asking, block.longest, device=stream.device)
    for member, start, chunk in block.parts:
        own = 1 if firsts_only else chunk.longest
        drawn = stream.mask(member, (chunk.count, heads, own, chunk.longest))
        mask[member, start : start + chunk.count, :, :own, : chunk.longest] = drawn
    return mask.view(-1, heads, asking, block.longest)


def _asked(packing: Packing) -> list[int]:
    return [packing.members * block.sequences for block in packing.blocks]
