"""Freezing the lower layers (Griesshaber et al. 2020): their learning rate is 0.

`layers=n` freezes the embeddings (with ELECTRA's projection) and the n lowest layers, 'embeddings' only depth 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ParameterError
from .stabilizer import Stabilizer, check_layers


@dataclass(frozen=True)
class Freeze(Stabilizer):
    """Keeps the pretrained embeddings and lowest `layers` layers."""

    name: ClassVar[str] = "freeze"
    title: ClassVar[str] = "Layer freeze"
    source: ClassVar[str] = "Griesshaber et al. 2020"

    layers: int | str  # 1 to n_layers; 'embeddings': only depth 0; 0: nothing

    def __post_init__(self) -> None:
        if isinstance(self.layers, str):
            if self.layers != "embeddings":
                raise ParameterError(f"freeze={self.layers!r} is unknown; use 'embeddings' or a number of layers")
        else:
            check_layers(self.name, self.layers)

    def is_idle(self) -> bool:
        return not self.layers

    def check(self, n_layers: int) -> None:
        if isinstance(self.layers, int) and self.layers > n_layers:
            raise ParameterError(f"freeze={self.layers} exceeds the encoder's {n_layers} layers; use 0 to {n_layers}")

    def frozen_depths(self) -> int:
        """Number of frozen depths, from 0 up."""
        if isinstance(self.layers, str):
            return 1
        return self.layers + 1 if self.layers else 0

    def lr_scales(self, n_layers: int) -> list[float]:
        frozen = self.frozen_depths()
        return [0.0 if depth < frozen else 1.0 for depth in range(n_layers + 2)]
