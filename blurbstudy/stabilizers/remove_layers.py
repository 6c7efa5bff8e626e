"""Removal of the top layers before fine-tuning (Sajjad et al. 2020; Tinn et al. 2021, section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ParameterError
from .stabilizer import Stabilizer, check_layers


@dataclass(frozen=True)
class RemoveLayers(Stabilizer):
    """Fine-tunes an encoder without its top `layers` layers."""

    name: ClassVar[str] = "remove_layers"
    title: ClassVar[str] = "Layer removal"
    source: ClassVar[str] = "Sajjad et al. 2020"

    layers: int  # removed from the top

    def __post_init__(self) -> None:
        check_layers(self.name, self.layers)

    def is_idle(self) -> bool:
        return not self.layers

    def check(self, n_layers: int) -> None:
        if self.layers >= n_layers:
            raise ParameterError(
                f"remove_layers={self.layers} leaves nothing of the encoder's {n_layers} layers; "
                f"use 0 to {n_layers - 1}"
            )

    def remaining_layers(self, n_layers: int) -> int:
        return n_layers - self.layers
