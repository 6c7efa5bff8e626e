"""What is learned from unlabeled text: BERT's objective, masked words and next sentence (Devlin et al. 2019).

An objective says which sequences are made of the corpus and which model, with its losses, is trained on them. A new one
is an entry in OBJECTIVES; its model, where it needs another, stands beside MaskedLanguageModel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ParameterError
from ..models import Architecture, DepthParameter, DropoutStream, Encoder, Packing, random_checkpoint, reset, seed_for
from ..models.classifier import Pooler
from ..models.encoder import rows_of
from ..models.layers import ACTIVATION, LayerNorm, Linear
from .corpus import TokenizedCorpus
from .sequences import Sequences, two_segments


@dataclass(frozen=True, eq=False)
class Batch:
    """Packed sequences, some of whose tokens are masked."""

    packing: Packing  # of one member; ids as the encoder sees them
    positions: Tensor  # (asked,) rows of the packed tokens
    answers: Tensor  # (asked,) int64 the tokens that stood there
    is_next: Tensor  # (sequences,) int64 in the packing's order; 1: the second segment follows the first


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
        return F.linear(narrow.squeeze(0), words.squeeze(0), self.bias.squeeze(0))


class MaskedLanguageModel(nn.Module):
    """An encoder with a word head and, where `next_sentence`, a pooler that tells next from random segments."""

    def __init__(self, architecture: Architecture, *, next_sentence: bool, seed: int) -> None:
        super().__init__()
        self.encoder = Encoder(architecture)
        self.words = WordHead(architecture)
        self.pooler = Pooler(1, architecture.width, "pooler") if next_sentence else None
        self.next_sentence = Linear(1, architecture.width, 2) if next_sentence else None
        start = random_checkpoint(architecture, seed=seed_for(seed, "pretraining", "encoder"))
        for name, parameter in self.encoder.named_weights().items():
            parameter.data[0].copy_(start.weights[name])
        generator = torch.Generator().manual_seed(seed_for(seed, "pretraining", "heads"))
        for head in (self.words, self.pooler, self.next_sentence):
            if head is not None:
                reset(head, 0, generator=generator)

    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Summed losses and counts of right answers: masked words (only where asked for) and next sentences."""
        hidden = self.encoder(batch.packing, dropout=dropout)  # (1, tokens, width)
        guesses = self.words(hidden.index_select(1, batch.positions), self.encoder.embeddings.words)
        found = {
            "word_loss": F.cross_entropy(guesses.float(), batch.answers, reduction="sum"),
            "words_right": (guesses.argmax(-1) == batch.answers).sum(),
        }
        if self.pooler is not None:
            pooled = self.pooler(rows_of(hidden, batch.packing.firsts), None, ())
            verdicts = self.next_sentence(pooled).squeeze(0)  # (sequences, 2)
            found["next_loss"] = F.cross_entropy(verdicts.float(), batch.is_next, reduction="sum")
            found["next_right"] = (verdicts.argmax(-1) == batch.is_next).sum()
        return found

    def loss(self, found: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Mean word loss plus mean next-sentence loss."""
        loss = found["word_loss"] / max(1, len(batch.answers))
        return loss + found["next_loss"] / len(batch.is_next) if "next_loss" in found else loss

    def parameters_by_depth(self) -> Iterator[DepthParameter]:
        """All at depth 0, since pretraining has one rate; biases and LayerNorm do not decay."""
        for part in self.modules():
            for own, parameter in part.named_parameters(recurse=False):
                yield DepthParameter(own, 0, own != "bias" and not isinstance(part, LayerNorm), parameter)

    def encoder_weights(self) -> dict[str, Tensor]:
        """What is published: encoder and, where next sentences trained it, pooler, by checkpoint names."""
        weights = {name: p.detach()[0].cpu().clone() for name, p in self.encoder.named_weights().items()}
        if self.pooler is not None:
            weights |= {f"pooler.{name}": p.detach()[0].cpu().clone() for name, p in self.pooler.named_parameters()}
        return weights


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One way to learn from unlabeled text."""

    name: str
    title: str  # for people
    family: str  # of the encoder: bert | electra
    random_next: float  # share of second segments that come from another document
    next_sentence: bool  # whether the model is asked which do

    def sequences(self, corpus: TokenizedCorpus, rng: np.random.Generator, *, max_length: int) -> Sequences:
        """One pass over the corpus."""
        return two_segments(corpus, rng, max_length=max_length, random_next=self.random_next)

    def model(self, architecture: Architecture, *, seed: int) -> MaskedLanguageModel:
        """An untrained model."""
        return MaskedLanguageModel(architecture, next_sentence=self.next_sentence, seed=seed)


_ALL = (
    Objective(
        name="bert",
        title="masked words and next sentence, two segments (BERT)",
        family="bert",
        random_next=0.5,
        next_sentence=True,
    ),
)
OBJECTIVES = {objective.name: objective for objective in _ALL}


def get_objective(name: str) -> Objective:
    """The objective of that name.

    Raises:
        ParameterError: there is none.
    """
    if name not in OBJECTIVES:
        raise ParameterError(f"objective={name!r} is unknown; use {' or '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
