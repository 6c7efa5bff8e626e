"""ELECTRA (Clark et al. 2020): a small generator fills in masked tokens, a discriminator detects the replaced ones.

As in the authors' code, the generator has the discriminator's depth and a fraction of its width. It shares the
discriminator's embeddings (words, positions, segments and their LayerNorm) and projects them down. Replacements are
sampled from its softmax; a sample that equals the original counts as original. The loss is the generator's plus 50
times the discriminator's over all tokens. No gradient passes through the samples. Only the discriminator is exported,
without its head.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...models import Architecture, DropoutStream, reinitialize, seed_for
from ...models.encoder import Embeddings, Layer
from ...models.layers import ACTIVATION, Linear
from .base import Batch, PretrainingModel
from .mlm import MLMHead


def generator_architecture(architecture: Architecture, size: float) -> Architecture:
    """Scale the discriminator's width, heads (at least one) and feed-forward width by `size`."""
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
    """A narrow encoder with an MLM head, on top of the discriminator's embeddings."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, embedding_width = architecture.width, architecture.embedding_width
        self.projection = Linear(1, embedding_width, width) if embedding_width != width else None
        self.layers = nn.ModuleList(Layer(1, architecture) for _ in range(architecture.n_layers))
        self.words = MLMHead(architecture)

    def forward(self, embeddings: Embeddings, batch: Batch, *, dropout: DropoutStream | None) -> Tensor:
        """Compute logits of the masked tokens, (masked, vocabulary)."""
        hidden = embeddings.embed(batch.packing, dropout)  # (1, tokens, embedding width)
        hidden = hidden if self.projection is None else self.projection(hidden)
        for layer in self.layers[:-1]:
            hidden = layer(hidden, batch.packing, dropout=dropout)
        last = self.layers[-1](hidden, batch.packing, dropout=dropout, queries=batch.packing.output_rows)
        return self.words(last.index_select(1, batch.mask_positions), embeddings.word_embeddings)


class DiscriminatorHead(nn.Module):
    """Scores each token as replaced (positive) or original: dense, activation, one logit."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.dense = Linear(1, architecture.width, architecture.width)
        self.out = Linear(1, architecture.width, 1)
        self.activation = ACTIVATION[architecture.activation]

    def forward(self, hidden: Tensor) -> Tensor:
        """(1, tokens, width) -> (tokens,)."""
        return self.out(self.activation(self.dense(hidden))).view(-1)


class ReplacedTokenDetection(PretrainingModel):
    """Discriminator (`encoder` and `detector`) and generator.

    Args:
        generator_size: the generator's width as a fraction of the discriminator's.
        weight: of the discriminator's loss.
    """

    def __init__(
        self, architecture: Architecture, *, generator_size: float, weight: float, segments: int, seed: int
    ) -> None:
        losses = {"word_loss": 1.0, "discriminator_loss": weight}
        super().__init__(architecture, losses=losses, segments=segments, seed=seed)
        self.generator = Generator(generator_architecture(architecture, generator_size))
        self.detector = DiscriminatorHead(architecture)
        generator = torch.Generator().manual_seed(seed_for(seed, "pretraining", "heads"))
        for module in (self.generator, self.detector):
            reinitialize(module, 0, generator=generator)

    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Compute summed losses and correct predictions of the generator (masked tokens) and discriminator (all)."""
        log_probabilities = self.generator(self.encoder.embeddings, batch, dropout=dropout).float().log_softmax(-1)
        input_ids, replaced = replace_tokens(batch, sample(log_probabilities.detach(), batch.sampling_noise))
        hidden = self.encoder(replace(batch.packing, ids=input_ids), dropout=dropout)
        logits = self.detector(hidden).float()[: len(replaced)]  # (tokens,)
        predicted = logits > 0
        return {
            "word_loss": F.nll_loss(log_probabilities, batch.labels, reduction="sum"),
            "words_right": (log_probabilities.argmax(-1) == batch.labels).sum(),
            "discriminator_loss": F.binary_cross_entropy_with_logits(logits, replaced.float(), reduction="sum"),
            "discriminator_right": (predicted == replaced).sum(),
            "replaced": replaced.sum(),
            "replaced_found": (predicted & replaced).sum(),
        }


def sample(log_probabilities: Tensor, noise: Tensor) -> Tensor:
    """Sample one token per row by inverting the cumulative distribution.

    The noise belongs to the batch, so the sample does not depend on the device or on how a batch is split.

    Args:
        log_probabilities: (masked, vocabulary).
        noise: (masked,) uniform in [0, 1).

    Returns:
        (masked,) token ids.
    """
    cumulative = log_probabilities.exp().cumsum(-1)
    threshold = (noise * cumulative[:, -1]).unsqueeze(1)
    return torch.searchsorted(cumulative, threshold, right=True).squeeze(1).clamp_(max=cumulative.shape[1] - 1)


def replace_tokens(batch: Batch, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Put the samples into the masked rows.

    Returns:
        (1, rows) ids, and (tokens,) bool: True where a token differs from the original.
    """
    ids = batch.packing.ids.clone()
    ids[0, batch.masked_rows] = samples
    replaced = torch.zeros(batch.packing.counts[0], dtype=torch.bool, device=ids.device)
    replaced[batch.masked_rows] = samples != batch.labels
    return ids, replaced
