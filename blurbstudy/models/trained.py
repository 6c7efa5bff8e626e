"""What fine-tuning leaves: one member's encoder and head, apart from the population it was trained in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from .architecture import Architecture


@dataclass(frozen=True, eq=False)
class TrainedWeights:
    """A fine-tuned model by our names, float32 on the CPU, no member axis."""

    architecture: Architecture  # of the layers that are left
    encoder: Mapping[str, Tensor]  # the whole table of words; what a pooler here is stands in `head` too
    head: Mapping[str, Tensor]  # head.weight, head.bias; pooler.dense.* where there is one
