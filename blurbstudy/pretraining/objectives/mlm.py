"""Masked words (Devlin et al. 2019), with or without next sentences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models import Architecture, DropoutStream, reset, seed_for
from ...models.classifier import Pooler
from ...models.layers import ACTIVATION, LayerNorm, Linear
from ...models.onednn_linear import dense
from .base import Batch, PretrainingModel


class WordHead(nn.Module):
    """Which word stood here: dense, activation, normalization, the word table itself (tied), a bias per word."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.dense = Linear(1, architecture.width, architecture.embedding_width)
        self.norm = LayerNorm(1, architecture.embedding_width, architecture.norm_eps)
        self.bias = nn.Parameter(torch.empty(1, architecture.vocab_size))
        self.activation = ACTIVATION[architecture.activation]

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        """(1, asked, width), (1, vocabulary, embedding width) -> (asked, vocabulary)."""
        narrow = self.norm(self.activation(self.dense(hidden)))
        return dense(narrow.squeeze(0), words.squeeze(0), self.bias.squeeze(0))


class MaskedLanguageModel(PretrainingModel):
    """An encoder with a word head and, where `next_sentence`, a pooler that tells next from random segments."""

    def __init__(self, architecture: Architecture, *, next_sentence: bool, segments: int, seed: int) -> None:
        losses = {"word_loss": 1.0} | ({"next_loss": 1.0} if next_sentence else {})
        super().__init__(architecture, losses=losses, segments=segments, seed=seed)
        self.words = WordHead(architecture)
        self.pooler = Pooler(1, architecture.width, "pooler") if next_sentence else None
        self.next_sentence = Linear(1, architecture.width, 2) if next_sentence else None
        generator = torch.Generator().manual_seed(seed_for(seed, "pretraining", "heads"))
        for head in (self.words, self.pooler, self.next_sentence):
            if head is not None:
                reset(head, 0, generator=generator)

    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Summed losses and counts of right answers: masked words (only where asked for) and next sentences."""
        read = self.encoder(batch.packing, dropout=dropout, asked=batch.packing.reads)  # (1, read, width)
        guesses = self.words(read.index_select(1, batch.words), self.encoder.embeddings.words)
        found = {
            "word_loss": F.cross_entropy(guesses.float(), batch.answers, reduction="sum"),
            "words_right": (guesses.argmax(-1) == batch.answers).sum(),
        }
        if self.pooler is not None:
            pooled = self.pooler(read.index_select(1, batch.firsts), None, ())
            verdicts = self.next_sentence(pooled).squeeze(0)  # (sequences, 2)
            found["next_loss"] = F.cross_entropy(verdicts.float(), batch.is_next, reduction="sum")
            found["next_right"] = (verdicts.argmax(-1) == batch.is_next).sum()
        return found

    def encoder_weights(self) -> dict[str, Tensor]:
        """Encoder and, where next sentences trained it, pooler."""
        weights = super().encoder_weights()
        if self.pooler is not None:
            weights |= {f"pooler.{name}": p.detach()[0].cpu().clone() for name, p in self.pooler.named_parameters()}
        return weights
