"""What all pretraining models share: the batch, sums of losses over it, and the encoder that is published."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from ...models import Architecture, DepthParameter, DropoutStream, Encoder, Packing, random_checkpoint, seed_for
from ...models.layers import LayerNorm
from ...models.packing import asking

# Every mean that a curve may hold: (what is summed, what it is divided by). All objectives share the first two.
MEANS = {
    "word_loss": ("word_loss", "words"),  # of masked words; ELECTRA: its generator's
    "word_accuracy": ("words_right", "words"),
    "next_loss": ("next_loss", "sequences"),
    "next_accuracy": ("next_right", "sequences"),
    "discriminator_loss": ("discriminator_loss", "tokens"),
    "discriminator_accuracy": ("discriminator_right", "tokens"),
    "replaced_share": ("replaced", "tokens"),  # of all tokens, those that are not what stood there
    "replaced_found": ("replaced_found", "replaced"),  # of these, those that the discriminator finds
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Packed sequences, some of whose tokens are masked."""

    packing: Packing  # of one member; ids as the encoder sees them; its reads: first tokens and masked tokens
    positions: Tensor  # (asked,) rows of the packed tokens
    words: Tensor  # (asked,) which of the packing's reads these are
    firsts: Tensor  # (sequences,) which of the packing's reads are first tokens
    answers: Tensor  # (asked,) int64 the tokens that stood there
    is_next: Tensor  # (sequences,) int64 in the packing's order; 1: the second segment follows the first
    draws: Tensor  # (asked,) float32 in [0, 1): by which ELECTRA's generator samples

    @property
    def counts(self) -> dict[str, int]:
        """What sums are divided by; counts of several batches may be added."""
        return {"words": len(self.answers), "sequences": len(self.is_next), "tokens": self.packing.counts[0]}

    @classmethod
    def of(cls, packing: Packing, positions: Tensor, **rest: Tensor) -> Batch:
        """A batch whose last layer is asked for first tokens and masked tokens alone."""
        firsts, masked = packing.firsts[0].numpy(), positions.numpy()
        both = np.sort(np.concatenate([firsts, masked]))  # [CLS] is never masked: no row stands in both
        reads = asking([both], starts=[firsts], blocks=packing.blocks, tokens=packing.tokens)
        words, own = (torch.from_numpy(np.searchsorted(both, rows)) for rows in (masked, firsts))
        return cls(packing=replace(packing, reads=reads), positions=positions, words=words, firsts=own, **rest)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        if device.type == "cpu":
            return self
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class PretrainingModel(nn.Module, ABC):
    """An encoder and what stands on it while it is pretrained.

    Args:
        architecture: of the encoder that is published.
        losses: weight of each loss, by its name in MEANS.
        segments: segment ids in use. Rows of the others are not in the model: neither gradient nor weight decay
            reaches them, and they are published as they were drawn.
    """

    def __init__(self, architecture: Architecture, *, losses: Mapping[str, float], segments: int, seed: int) -> None:
        super().__init__()
        self.architecture, self.losses = architecture, dict(losses)
        self.encoder = Encoder(replace(architecture, n_segments=segments))
        start = random_checkpoint(architecture, seed=seed_for(seed, "pretraining", "encoder")).weights
        rows, unused = start["embeddings.segments"][:segments], start["embeddings.segments"][segments:]
        self.register_buffer("unused_segments", unused.clone())
        for name, parameter in self.encoder.named_weights().items():
            parameter.data[0].copy_(rows if name == "embeddings.segments" else start[name])

    @abstractmethod
    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Sums over the batch: of losses, of right answers."""

    def loss(self, found: Mapping[str, Tensor], counts: Mapping[str, int]) -> Tensor:
        """The weighted sum of the mean losses.

        Args:
            found: sums over a batch, from forward.
            counts: what they are divided by: the batch's, or those of all batches whose gradients are added up.
        """
        parts = []
        for name, weight in self.losses.items():
            total, per = MEANS[name]
            parts.append(weight * (found[total] / max(1, counts[per])))
        return sum(parts[1:], parts[0])

    def parameters_by_depth(self) -> Iterator[DepthParameter]:
        """All at depth 0, since pretraining has one rate; biases and LayerNorm do not decay."""
        for part in self.modules():
            for own, parameter in part.named_parameters(recurse=False):
                yield DepthParameter(own, 0, own != "bias" and not isinstance(part, LayerNorm), parameter)

    def encoder_weights(self) -> dict[str, Tensor]:
        """What is published, by checkpoint names."""
        weights = {name: p.detach()[0].cpu().clone() for name, p in self.encoder.named_weights().items()}
        weights["embeddings.segments"] = torch.cat([weights["embeddings.segments"], self.unused_segments.cpu()])
        return weights


def means(sums: Mapping[str, float]) -> dict[str, float]:
    """The rows of MEANS whose sums are there; 0 where nothing was counted."""
    return {name: sums[total] / max(1, sums[per]) for name, (total, per) in MEANS.items() if total in sums}
