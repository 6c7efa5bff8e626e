"""Population-shaped building blocks: every parameter has a leading member axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .onednn_linear import dense, dense_gelu
from .packing import FEW_ROWS, Asked, AskedBlock, Block, Collect, Packing, Spread
from .rng import DropoutStream

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


def activated(x: Tensor, layer: Linear, activation: str) -> Tensor:
    """A dense layer and the activation (key of ACTIVATION) of what it gives."""
    if activation == "gelu" and layer.weight.shape[0] == 1:
        return dense_gelu(x.squeeze(0), layer.weight.squeeze(0), layer.bias.squeeze(0)).unsqueeze(0)
    return ACTIVATION[activation](layer(x))


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(P, rows, inputs), (P, outputs, inputs), (P, outputs) -> (P, rows, outputs)."""
    if weight.shape[0] == 1:  # a batched product of one is slower than a plain one
        return dense(x.squeeze(0), weight.squeeze(0), bias.squeeze(0)).unsqueeze(0)
    if x.device.type == "cpu" and x.shape[1] > FEW_ROWS:  # where the faster library has no batched product
        return torch.stack([dense(*own) for own in zip(x.unbind(0), weight.unbind(0), bias.unbind(0), strict=True)])
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
        if mask.device.type == "cpu":  # elsewhere operands are cast as they are read
            x = x.to(residual.dtype)
        return torch.addcmul(residual, x, mask, value=scale)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple:  # noqa: ANN001
        (mask,) = ctx.saved_tensors
        return grad, (grad * mask).mul_(ctx.scale), None, None


def row_mask(stream: DropoutStream, counts: tuple[int, ...], rows: int, width: int) -> Tensor:
    """Dropout mask (P, rows, width), each member's first `counts[m]` rows drawn from its own stream."""
    mask = torch.empty(len(counts), rows, width, device=stream.device, dtype=stream.dtype)
    for member, count in enumerate(counts):
        stream.mask(member, (count, width), out=mask[member, :count])
        if count < rows:
            mask[member, count:] = 1
    return mask


def drop_rows(x: Tensor, stream: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
    """Dropout on (P, rows, width)."""
    if stream is None:
        return x
    mask = row_mask(stream, counts, x.shape[1], x.shape[2])
    return x * (mask.mul_(stream.scale) if mask.is_floating_point() else mask * stream.scale)


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

    def forward(
        self,
        hidden: Tensor,
        packing: Packing,
        dropout: DropoutStream | None,
        *,
        asked: Asked | None = None,
        asking: Tensor | None = None,
    ) -> Tensor:
        """(P, tokens, width) -> the same, or (P, asked, width) where only some rows ask.

        Args:
            asking: (P, asked, width) hidden states of the asked rows, with `asked`.
        """
        width = hidden.shape[-1]
        if asked is None:
            joint = self.qkv(hidden).view(-1, 3 * width)  # (P * tokens, 3 width)
            queries = asked_blocks = [None] * len(packing.blocks)
            rows = len(joint)
        else:
            cut = [width, 2 * width]
            (w_query, w_rest), (b_query, b_rest) = self.qkv.weight.split(cut, 1), self.qkv.bias.split(cut, 1)
            joint = linear(hidden, w_rest, b_rest).view(-1, 2 * width)  # (P * tokens, 2 width)
            asked_blocks = asked.blocks
            queries = linear(asking, w_query, b_query).view(-1, width)  # (P * asked, width)
            rows = len(queries)
            queries = _pieces(queries, asked_blocks)
        mixed = [
            self._attend(piece, block, dropout, query=query, asked=own)
            for piece, block, query, own in zip(
                _pieces(joint, packing.blocks), packing.blocks, queries, asked_blocks, strict=True
            )
        ]
        spare = rows - sum(map(len, mixed))  # rows of no token
        mixed += [joint.new_zeros(spare, width)] if spare else []
        mixed = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
        return self.out(mixed.view(packing.members, -1, width))

    def _attend(
        self,
        joint: Tensor,
        block: Block,
        dropout: DropoutStream | None,
        *,
        query: Tensor | None,
        asked: AskedBlock | None,
    ) -> Tensor:
        """One block: (rows, 2 or 3 width) -> (rows, width), or (asked rows, width) where only `query` asks."""
        if asked is not None and not asked.most:
            return query  # nothing is asked for in this block
        keys = self._by_head(_spread(joint, block), 3 if query is None else 2, block.longest)
        if query is None:
            q, key, value = keys.unbind(0)
        else:
            (key, value), q = keys.unbind(0), self._by_head(_spread(query, asked), 1, asked.most)[0]
        size = key.shape[-1]
        scale = size**-0.5
        if block.bias is None:
            scores = torch.bmm(q * scale, key.transpose(1, 2))  # (batch * heads, asking, longest)
        else:
            bias = block.bias.repeat_interleave(self.n_heads, 0).to(q.dtype)
            scores = torch.baddbmm(bias, q, key.transpose(1, 2), alpha=scale)
        weights = scores.softmax(-1).to(value.dtype)
        if dropout is not None:
            weights = weights * attention_mask(dropout, block, self.n_heads, asked)
        mixed = torch.bmm(weights, value).view(-1, self.n_heads, q.shape[1], size).transpose(1, 2)
        mixed = mixed.reshape(-1, self.n_heads * size)
        if dropout is not None:
            mixed = mixed * dropout.scale
        own = block if asked is None else asked
        return mixed if own.source is None else Collect.apply(mixed, own)

    def _by_head(self, padded: Tensor, parts: int, longest: int) -> Tensor:
        """(batch * longest, parts * width) -> (parts, batch * heads, longest, size)."""
        split = padded.view(-1, longest, parts, self.n_heads, padded.shape[1] // (parts * self.n_heads))
        return split.permute(2, 0, 3, 1, 4).reshape(parts, -1, longest, split.shape[-1])


def _pieces(packed: Tensor, blocks: Sequence[Block | AskedBlock]) -> tuple[Tensor, ...]:
    """The rows of each block."""
    sizes = [block.rows for block in blocks]
    if sizes == [len(packed)]:
        return (packed,)
    return packed[: sum(sizes)].split(sizes)


def _spread(packed: Tensor, block: Block | AskedBlock) -> Tensor:
    return packed if block.source is None else Spread.apply(packed, block)


def attention_mask(stream: DropoutStream, block: Block, heads: int, asked: AskedBlock | None = None) -> Tensor:
    """Dropout mask (P * sequences * heads, asking, longest); each chunk drawn in a shape of its own."""
    most, of_chunks = (block.longest, [chunk.longest for _, _, chunk in block.parts]) if asked is None else (
        asked.most, asked.own)  # fmt: skip
    if len(block.parts) == 1:
        member, _, chunk = block.parts[0]
        return stream.mask(member, (chunk.count * heads, most, chunk.longest))
    members = 1 + max(member for member, _, _ in block.parts)
    shape = (members, block.sequences, heads, most, block.longest)
    mask = torch.ones(shape, device=stream.device, dtype=stream.dtype)
    for (member, start, chunk), own in zip(block.parts, of_chunks, strict=True):
        place = mask[member, start : start + chunk.count, :, :own, : chunk.longest]
        stream.mask(member, tuple(place.shape), out=place)
    return mask.view(-1, most, block.longest)
