"""Re-initialization of the top layers and the pooler (Zhang et al. 2021).

New weights are N(0, 0.02), biases 0, LayerNorm 1 and 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..errors import ParameterError
from .stabilizer import Stabilizer, check_layers

if TYPE_CHECKING:
    from torch import Generator

    from ..models import Classifier


@dataclass(frozen=True)
class Reinitialize(Stabilizer):
    """Re-initializes the top `layers` layers and, with `pooler`, the pooler (as Zhang et al. do)."""

    name: ClassVar[str] = "reinitialize"
    title: ClassVar[str] = "Layer reinit"
    source: ClassVar[str] = "Zhang et al. 2021"

    layers: int  # counted from the top
    pooler: bool = True  # the head is always newly initialized

    def __post_init__(self) -> None:
        check_layers(self.name, self.layers)
        if not isinstance(self.pooler, bool):
            raise ParameterError(f"reinitialize: pooler={self.pooler!r} must be true or false")

    def is_idle(self) -> bool:
        return not self.layers and not self.pooler

    def check(self, n_layers: int) -> None:
        if self.layers > n_layers:
            raise ParameterError(
                f"reinitialize={self.layers} exceeds the encoder's {n_layers} layers; use 0 to {n_layers}"
            )

    def reinitialized_depths(self, n_layers: int) -> set[int]:
        top = set(range(n_layers - self.layers + 1, n_layers + 1))
        return top | ({n_layers + 1} if self.pooler else set())

    def on_weights(self, model: Classifier, member: int, generator: Generator) -> None:
        n_layers = len(model.layers)
        for layer in model.layers[n_layers - self.layers :]:
            model.reinitialize(layer, member, generator=generator)
        if self.pooler and model.pooler is not None:  # a token classification head has none
            model.reinitialize(model.pooler, member, generator=generator)
