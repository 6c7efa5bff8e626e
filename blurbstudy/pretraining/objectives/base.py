"""What all pretraining models share: the batch, summed losses and metrics, and the weights that are exported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor, nn

from ...models import Architecture, DepthParameter, DropoutStream, Encoder, PackedBatch, random_checkpoint, seed_for
from ...models.layers import LayerNorm
from ...models.packing import select_queries

TOKEN_TYPES = "embeddings.token_type_embeddings"  # parameter name

# Metric on a learning curve -> (the sum it is computed from, the count that divides it). Every objective has the first
# two. The names are keys of saved curves.
METRICS = {
    "word_loss": ("word_loss", "words"),  # cross-entropy at masked tokens; for ELECTRA the generator's
    "word_accuracy": ("words_right", "words"),
    "next_loss": ("next_loss", "sequences"),
    "next_accuracy": ("next_right", "sequences"),
    "discriminator_loss": ("discriminator_loss", "tokens"),
    "discriminator_accuracy": ("discriminator_right", "tokens"),
    "replaced_share": ("replaced", "tokens"),  # fraction of all tokens that differ from the original text
    "replaced_found": ("replaced_found", "replaced"),  # recall of the discriminator on replaced tokens
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Packed sequences with some tokens masked."""

    packing: PackedBatch  # one member; the ids are the encoder's input; it reads out [CLS] and masked tokens
    masked_rows: Tensor  # (masked,) int64, rows among the packed tokens
    mask_positions: Tensor  # (masked,) int64, positions of these rows among the packing's reads
    cls_positions: Tensor  # (sequences,) int64, positions of the [CLS] rows among the packing's reads
    labels: Tensor  # (masked,) int64, the original tokens
    is_next: Tensor  # (sequences,) int64, in the packing's order; 1: the second segment follows the first
    sampling_noise: Tensor  # (masked,) float32 in [0, 1), used to sample from ELECTRA's generator

    @property
    def counts(self) -> dict[str, int]:
        """Divisors of the summed losses; counts of several batches can be added."""
        return {"words": len(self.labels), "sequences": len(self.is_next), "tokens": self.packing.counts[0]}

    @classmethod
    def from_packing(cls, packing: PackedBatch, masked_rows: Tensor, **tensors: Tensor) -> Batch:
        """Build a batch whose last layer is computed only for [CLS] and masked tokens."""
        cls_rows, masked = packing.cls_rows[0].numpy(), masked_rows.numpy()
        both = np.sort(np.concatenate([cls_rows, masked]))  # disjoint, because [CLS] is never masked
        queries = select_queries([both], starts=[cls_rows], blocks=packing.blocks, tokens=packing.tokens)
        mask_positions, cls_positions = (torch.from_numpy(np.searchsorted(both, rows)) for rows in (masked, cls_rows))
        return cls(
            packing=replace(packing, output_rows=queries),
            masked_rows=masked_rows,
            mask_positions=mask_positions,
            cls_positions=cls_positions,
            **tensors,
        )

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class PretrainingModel(nn.Module, ABC):
    """An encoder with the heads used to pretrain it.

    Args:
        architecture: of the exported encoder.
        losses: weight of each loss, by its name in METRICS.
        segments: number of segment ids in use. The embeddings of the other ids are not trained (neither by gradients
            nor by weight decay) and are exported with their initial values.
    """

    unused_segments: Tensor  # (n_segments - segments, width)

    def __init__(self, architecture: Architecture, *, losses: Mapping[str, float], segments: int, seed: int) -> None:
        super().__init__()
        self.architecture, self.losses = architecture, dict(losses)
        self.encoder = Encoder(replace(architecture, n_segments=segments))
        initial = random_checkpoint(architecture, seed=seed_for(seed, "pretraining", "encoder")).weights
        used, unused = initial[TOKEN_TYPES][:segments], initial[TOKEN_TYPES][segments:]
        self.register_buffer("unused_segments", unused.clone())
        for name, parameter in self.encoder.named_weights().items():
            parameter.data[0].copy_(used if name == TOKEN_TYPES else initial[name])

    @abstractmethod
    def forward(self, batch: Batch, *, dropout: DropoutStream | None = None) -> dict[str, Tensor]:
        """Compute losses and numbers of correct predictions, summed over the batch."""

    def loss(self, sums: Mapping[str, Tensor], counts: Mapping[str, int]) -> Tensor:
        """Compute the weighted sum of the mean losses.

        Args:
            sums: output of `forward` for one batch.
            counts: divisors: the counts of that batch, or of all batches whose gradients are accumulated.
        """
        parts = []
        for name, weight in self.losses.items():
            total, count = METRICS[name]
            parts.append(weight * (sums[total] / max(1, counts[count])))
        return sum(parts[1:], parts[0])

    def parameters_by_depth(self) -> Iterator[DepthParameter]:
        """Yield all parameters at depth 0 (pretraining has one learning rate); biases and LayerNorm do not decay."""
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                yield DepthParameter(name, 0, name != "bias" and not isinstance(module, LayerNorm), parameter)

    def encoder_weights(self) -> dict[str, Tensor]:
        """Copy the weights to export, by checkpoint name."""
        weights = {name: p.detach()[0].cpu().clone() for name, p in self.encoder.named_weights().items()}
        weights[TOKEN_TYPES] = torch.cat([weights[TOKEN_TYPES], self.unused_segments.cpu()])
        return weights


def mean_metrics(sums: Mapping[str, float]) -> dict[str, float]:
    """Compute the metrics of METRICS whose sums are present; 0 where the count is 0."""
    return {name: sums[total] / max(1, sums[count]) for name, (total, count) in METRICS.items() if total in sums}
