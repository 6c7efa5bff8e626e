"""ELECTRA (Clark et al. 2020): a small generator fills masked words, a discriminator says which were replaced.

As in their code: the generator has the discriminator's depth and part of its width, shares its embeddings (words,
positions, segments and their normalization) and projects them down; replacements are sampled from its softmax, and one
that happens to be the original counts as original; loss = the generator's + 50 times the discriminator's over all
tokens. No gradient passes through the samples. The discriminator alone is published, without its head.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models import Architecture, DropoutStream, reset, seed_for
from ...models.encoder import Embeddings, Layer
from ...models.layers import ACTIVATION, Linear
from .base import Batch, PretrainingModel
from .mlm import WordHead


def generator_architecture(architecture: Architecture, size: float) -> Architecture:
    """The discriminator's at `size` times its width, heads (at least one) and feed-forward width."""
    n_heads = max(1, round(size * architecture.n_heads))
    return replace(
        architecture,
        family="electra",
        embedding_width=architecture.embedding_width,
        n_heads=n_heads,
        width=n_heads * max(1, round(size * architecture.width / n_heads)),
        intermediate=max(1, round(size * architecture.intermediate)),
    )


class Generator(nn.Module):
    """A narrow encoder over embeddings that are not its own, with a word head."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, given = architecture.width, architecture.embedding_width
        self.projection = Linear(1, given, width) if given != width else None
        self.layers = nn.ModuleList(Layer(1, architecture) for _ in range(architecture.n_layers))
        self.words = WordHead(architecture)

    def forward(self, embeddings: Embeddings, batch: Batch, *, dropout: DropoutStream | None) -> Tensor:
        """-> (asked, vocabulary), logits."""
        hidden = embeddings.normalized(batch.packing, dropout)  # (1, tokens, embedding width)
        hidden = hidden if self.projection is None else self.projection(hidden)
        for layer in self.layers[:-1]:
            hidden = layer(hidden, batch.packing, dropout=dropout)
        read = self.layers[-1](hidden, batch.packing, dropout=dropout, asked=batch.packing.reads)
        return self.words(read.index_select(1, batch.words), embeddings.words)


class Detector(nn.Module):
    """Is this token a replacement: dense, activation, one number (positive: yes)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.dense = Linear(1, architecture.width, architecture.width)
        self.out = Linear(1, architecture.width, 1)
        self.activation = ACTIVATION[architecture.activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """(1, tokens, width) -> (tokens,)."""
        return self.out(self.activation(self.dense(hidden))).view(-1)


class ReplacedTokenDetection(PretrainingModel):
    """Discriminator (`encoder`, `detector`) and generator.

    Args:
        generator_size: the generator's width as a share of the discriminator's.
        weight: of the discriminator's loss.
    """

    def __init__(
        self, architecture: Architecture, *, generator_size: float, weight: float, segments: int, seed: int
    ) -> None:
        losses = {"word_loss": 1.0, "discriminator_loss": weight}
        super().__init__(architecture, losses=losses, segments=segments, seed=seed)
        self.generator = Generator(generator_architecture(architecture, generator_size))
        self.detector = Detector(architecture)
        draws = torch.Generator().manual_seed(seed_for(seed, "pretraining", "heads"))
        for part in (self.generator, self.detector):
            reset(part, 0, generator=draws)

    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Summed losses and right answers of generator (masked words) and discriminator (all tokens)."""
        guesses = self.generator(self.encoder.embeddings, batch, dropout=dropout).float().log_softmax(-1)
        filled, replaced = corrupt(batch, sample(guesses.detach(), batch.draws))
        hidden = self.encoder(replace(batch.packing, ids=filled), dropout=dropout)
        verdicts = self.detector(hidden).float()[: len(replaced)]  # (tokens,)
        called = verdicts > 0
        return {
            "word_loss": F.nll_loss(guesses, batch.answers, reduction="sum"),
            "words_right": (guesses.argmax(-1) == batch.answers).sum(),
            "discriminator_loss": F.binary_cross_entropy_with_logits(verdicts, replaced.float(), reduction="sum"),
            "discriminator_right": (called == replaced).sum(),
            "replaced": replaced.sum(),
            "replaced_found": (called & replaced).sum(),
        }


def sample(log_probabilities: Tensor, draws: Tensor) -> Tensor:
    """One word per row: the first at which the summed probability exceeds the row's draw.

    One number a row decides, the batch's own: the same on every device and however a batch is divided.

    Args:
        log_probabilities: (asked, vocabulary).
        draws: (asked,) in [0, 1).
    """
    summed = log_probabilities.exp().cumsum(-1)
    wanted = (draws * summed[:, -1]).unsqueeze(1)
    return torch.searchsorted(summed, wanted, right=True).squeeze(1).clamp_(max=summed.shape[1] - 1)


def corrupt(batch: Batch, samples: Tensor) -> tuple[Tensor, Tensor]:
    """((1, rows) ids with the samples where words were asked for, (tokens,) bool where these are not the answers)."""
    ids = batch.packing.ids.clone()
    ids[0, batch.positions] = samples
    replaced = torch.zeros(batch.packing.counts[0], dtype=torch.bool, device=ids.device)
    replaced[batch.positions] = samples != batch.answers
    return ids, replaced
