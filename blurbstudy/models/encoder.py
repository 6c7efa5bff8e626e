"""BERT (Devlin et al. 2019), ELECTRA's discriminator (Clark et al. 2020) and RoBERTa (Liu et al. 2019), for all members
of a population at once.

Depth: embeddings 0, layer i (from the bottom, from 0) i + 1, pooler and head n_layers + 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import Architecture
from .layers import Attention, LayerNorm, Linear, apply_dropout, dropout_add, linear_activation
from .packing import PackedBatch, QueryRows
from .rng import DropoutStream


class Embeddings(nn.Module):
    """Sum of word, position and token type embeddings, normalized; ELECTRA's are then projected to the layers' width.
    `rows`: rows of the word embeddings that are trained; ids in a batch are indices of these rows.
    """

    def __init__(self, members: int, architecture: Architecture, rows: int) -> None:
        super().__init__()
        width = architecture.embedding_width
        self.word_embeddings = nn.Parameter(torch.empty(members, rows, width))
        self.position_embeddings = nn.Parameter(torch.empty(members, architecture.max_positions, width))
        self.token_type_embeddings = nn.Parameter(torch.empty(members, architecture.n_segments, width))
        self.norm = LayerNorm(members, width, architecture.norm_eps)
        self.projection = Linear(members, width, architecture.width) if width != architecture.width else None

    def forward(self, batch: PackedBatch, dropout: DropoutStream | None) -> Tensor:
        """-> (P, tokens, width)."""
        hidden = self.embed(batch, dropout)
        return hidden if self.projection is None else self.projection(hidden)

    def embed(self, batch: PackedBatch, dropout: DropoutStream | None) -> Tensor:
        """-> (P, tokens, embedding width): before the projection; ELECTRA's generator has a projection of its own."""
        token_types = self.token_type_embeddings
        if token_types.shape[1] > 1:  # RoBERTa has one token type for both texts of a pair
            token_types = _lookup(token_types, batch.segments)
        words = _lookup(self.word_embeddings, batch.ids)
        summed = words + _lookup(self.position_embeddings, batch.positions) + token_types
        return apply_dropout(self.norm(summed), dropout, batch.counts)


def _lookup(table: Tensor, ids: Tensor) -> Tensor:
    """(P, rows, width), (P, tokens) -> (P, tokens, width)."""
    members, rows, width = table.shape
    if members > 1:
        ids = ids + torch.arange(members, device=ids.device).unsqueeze(1) * rows
    return F.embedding(ids.reshape(-1), table.view(-1, width)).view(members, -1, width)


class Layer(nn.Module):
    """One transformer layer with normalization after each residual sum."""

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
        self, hidden: Tensor, batch: PackedBatch, *, dropout: DropoutStream | None, queries: QueryRows | None = None
    ) -> Tensor:
        """(P, tokens, width) -> the same shape, or (P, queries, width) at the query rows only.

        The last layer computes only the rows that a head reads: first tokens, words or masked tokens.
        """
        counts, residual, query_hidden = batch.counts, hidden, None
        if queries is not None:
            counts, residual = queries.counts, gather_rows(hidden, queries.rows)
            query_hidden = residual
        context = self.attention(hidden, batch, dropout, queries=queries, query_hidden=query_hidden)
        hidden = self.attention_norm(dropout_add(residual, context, dropout, counts))
        fed = self.down(linear_activation(hidden, self.up, self.activation))
        return self.output_norm(dropout_add(hidden, fed, dropout, counts))


def gather_rows(hidden: Tensor, flat_rows: Tensor) -> Tensor:
    """(P, tokens, width), (P, rows) indices into (P * tokens) -> (P, rows, width)."""
    members, _, width = hidden.shape
    return hidden.reshape(-1, width).index_select(0, flat_rows.view(-1)).view(members, -1, width)


class Encoder(nn.Module):
    """`members` encoders of one architecture; parameters are (P, ...)."""

    final_norm: nn.Module | None = None  # normalization after the last layer, for encoders that have one

    def __init__(self, architecture: Architecture, *, members: int = 1, rows: int | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = members
        self.embeddings = Embeddings(members, architecture, rows or architecture.vocab_size)
        self.layers = nn.ModuleList(Layer(members, architecture) for _ in range(architecture.n_layers))

    def forward(
        self, batch: PackedBatch, *, dropout: DropoutStream | None = None, queries: QueryRows | None = None
    ) -> Tensor:
        """-> (P, tokens, width), or (P, queries, width) at the query rows only."""
        hidden = self.embeddings(batch, dropout)
        for layer in self.layers[:-1]:
            hidden = layer(hidden, batch, dropout=dropout)
        return self.layers[-1](hidden, batch, dropout=dropout, queries=queries)

    def named_weights(self) -> dict[str, nn.Parameter]:
        """Every parameter (P, ...) by the name that checkpoints use."""
        return {
            name.replace("attention.qkv", "qkv").replace("attention.out.", "attention_out."): parameter
            for name, parameter in self.named_parameters()
        }
