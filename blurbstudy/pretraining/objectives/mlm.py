"""Masked language modeling (Devlin et al. 2019), with or without next-sentence prediction."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models import Architecture, DropoutStream, reinitialize, seed_for
from ...models.classifier import Pooler
from ...models.layers import ACTIVATION, LayerNorm, Linear
from ...models.onednn_linear import onednn_linear
from .base import Batch, PretrainingModel


class MLMHead(nn.Module):
    """Predicts the original token: dense, activation, LayerNorm, tied word embeddings, a bias per token."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.dense = Linear(1, architecture.width, architecture.embedding_width)
        self.norm = LayerNorm(1, architecture.embedding_width, architecture.norm_eps)
        self.bias = nn.Parameter(torch.empty(1, architecture.vocab_size))
        self.activation = ACTIVATION[architecture.activation]

    def forward(self, hidden: Tensor, word_embeddings: Tensor) -> Tensor:
        """(1, masked, width), (1, vocabulary, embedding width) -> logits (masked, vocabulary)."""
        projected = self.norm(self.activation(self.dense(hidden)))
        return onednn_linear(projected.squeeze(0), word_embeddings.squeeze(0), self.bias.squeeze(0))


class MaskedLanguageModel(PretrainingModel):
    """An encoder with an MLM head and, if `next_sentence`, a pooler and a next-sentence head."""

    def __init__(self, architecture: Architecture, *, next_sentence: bool, segments: int, seed: int) -> None:
        losses = {"word_loss": 1.0} | ({"next_loss": 1.0} if next_sentence else {})
        super().__init__(architecture, losses=losses, segments=segments, seed=seed)
        self.words = MLMHead(architecture)
        self.pooler = Pooler(1, architecture.width, "pooler") if next_sentence else None
        self.next_sentence = Linear(1, architecture.width, 2) if next_sentence else None
        generator = torch.Generator().manual_seed(seed_for(seed, "pretraining", "heads"))
        for head in (self.words, self.pooler, self.next_sentence):
            if head is not None:
                reinitialize(head, 0, generator=generator)

    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Compute summed losses and correct predictions of masked tokens and, if trained, of next sentences."""
        # (1, output rows, width)
        hidden = self.encoder(batch.packing, dropout=dropout, queries=batch.packing.output_rows)
        logits = self.words(hidden.index_select(1, batch.mask_positions), self.encoder.embeddings.word_embeddings)
        sums = {
            "word_loss": F.cross_entropy(logits.float(), batch.labels, reduction="sum"),
            "words_right": (logits.argmax(-1) == batch.labels).sum(),
        }
        if self.pooler is not None and self.next_sentence is not None:
            pooled = self.pooler(hidden.index_select(1, batch.cls_positions), None, ())
            next_logits = self.next_sentence(pooled).squeeze(0)  # (sequences, 2)
            sums["next_loss"] = F.cross_entropy(next_logits.float(), batch.is_next, reduction="sum")
            sums["next_right"] = (next_logits.argmax(-1) == batch.is_next).sum()
        return sums

    def encoder_weights(self) -> dict[str, Tensor]:
        """Copy the encoder's weights and, if next-sentence prediction trained it, the pooler's."""
        weights = super().encoder_weights()
        if self.pooler is not None:
            weights |= {f"pooler.{name}": p.detach()[0].cpu().clone() for name, p in self.pooler.named_parameters()}
        return weights
