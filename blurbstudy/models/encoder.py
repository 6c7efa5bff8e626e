"""BERT (Devlin et al. 2019), ELECTRA's discriminator (Clark et al. 2020) and RoBERTa (Liu et al. 2019), for a
population at once.

Depth: embeddings 0, layer i (from the bottom, from 0) i + 1, pooler and head n_layers + 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import Architecture
from .layers import Attention, LayerNorm, Linear, activated, add_dropped, drop_rows
from .packing import Asked, Packing
from .rng import DropoutStream


class Embeddings(nn.Module):
    """Word + position + segment, normalized; ELECTRA's narrower ones are projected up.

    Args:
        rows: rows of the word table that are kept in training; ids in a batch count these rows.
    """

    def __init__(self, members: int, architecture: Architecture, rows: int) -> None:
        super().__init__()
        width = architecture.embedding_width
        self.words = nn.Parameter(torch.empty(members, rows, width))
        self.positions = nn.Parameter(torch.empty(members, architecture.max_positions, width))
        self.segments = nn.Parameter(torch.empty(members, architecture.n_segments, width))
        self.norm = LayerNorm(members, width, architecture.norm_eps)
        self.projection = Linear(members, width, architecture.width) if width != architecture.width else None

    def forward(self, packing: Packing, dropout: DropoutStream | None) -> Tensor:
        """-> (P, tokens, width)."""
        hidden = self.normalized(packing, dropout)
        return hidden if self.projection is None else self.projection(hidden)

    def normalized(self, packing: Packing, dropout: DropoutStream | None) -> Tensor:
        """-> (P, tokens, embedding width): before the projection, where ELECTRA's generator begins."""
        summed = (
            _lookup(self.words, packing.ids)
            + _lookup(self.positions, packing.positions)
            # RoBERTa has one segment: both texts of a pair have it.
            + (_lookup(self.segments, packing.segments) if self.segments.shape[1] > 1 else self.segments)
        )
        return drop_rows(self.norm(summed), dropout, packing.counts)


def _lookup(table: Tensor, ids: Tensor) -> Tensor:
    """(P, rows, width), (P, tokens) -> (P, tokens, width)."""
    members, rows, width = table.shape
    if members > 1:
        ids = ids + torch.arange(members, device=ids.device).unsqueeze(1) * rows
    return F.embedding(ids.reshape(-1), table.view(-1, width)).view(members, -1, width)


class Layer(nn.Module):
    """One transformer layer, normalization after each residual sum."""

    def __init__(self, members: int, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.attention = Attention(members, width, architecture.n_heads)
        self.attention_norm = LayerNorm(members, width, architecture.norm_eps)
        self.up = Linear(members, width, architecture.intermediate)
        self.down = Linear(members, architecture.intermediate, width)
        self.output_norm = LayerNorm(members, width, architecture.norm_eps)
        self.activation = architecture.activation

    def forward(
        self, hidden: Tensor, packing: Packing, *, dropout: DropoutStream | None, asked: Asked | None = None
    ) -> Tensor:
        """(P, tokens, width) -> the same, or (P, asked, width) at some rows alone.

        The last layer is asked for what is read: first tokens, words, masked tokens. Other rows would be thrown away.
        """
        counts, residual, asking = packing.counts, hidden, None
        if asked is not None:
            counts, residual = asked.counts, rows_of(hidden, asked.rows)
            asking = residual
        mixed = self.attention(hidden, packing, dropout, asked=asked, asking=asking)
        hidden = self.attention_norm(add_dropped(residual, mixed, dropout, counts))
        fed = self.down(activated(hidden, self.up, self.activation))
        return self.output_norm(add_dropped(hidden, fed, dropout, counts))


def rows_of(hidden: Tensor, flat: Tensor) -> Tensor:
    """(P, tokens, width), (P, rows) flat numbers of rows -> (P, rows, width)."""
    members, _, width = hidden.shape
    return hidden.reshape(-1, width).index_select(0, flat.view(-1)).view(members, -1, width)


class Encoder(nn.Module):
    """`members` encoders of one architecture; parameters are (P, ...)."""

    last: nn.Module | None = None  # of the encoder itself, between its layers and a head

    def __init__(self, architecture: Architecture, *, members: int = 1, rows: int | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = members
        self.embeddings = Embeddings(members, architecture, rows or architecture.vocab_size)
        self.layers = nn.ModuleList(Layer(members, architecture) for _ in range(architecture.n_layers))

    def forward(self, packing: Packing, *, dropout: DropoutStream | None = None, asked: Asked | None = None) -> Tensor:
        """-> (P, tokens, width), or (P, asked, width) at some rows alone."""
        hidden = self.embeddings(packing, dropout)
        for layer in self.layers[:-1]:
            hidden = layer(hidden, packing, dropout=dropout)
        return self.layers[-1](hidden, packing, dropout=dropout, asked=asked)

    def named_weights(self) -> dict[str, nn.Parameter]:
        """Every parameter (P, ...) by the name that checkpoints use."""
        return {name.replace("attention.qkv", "qkv").replace("attention.out.", "attention_out."): parameter
                for name, parameter in self.named_parameters()}  # fmt: skip
