"""Layerwise learning-rate decay (Clark et al. 2020). The head keeps the base learning rate.

Convention `paper`: depth k has factor^(L + 1 - k), the top layer factor^1. Convention `electra` (ELECTRA's code): one
more power below the head, so the top layer has factor^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ParameterError, check_choice
from .stabilizer import Stabilizer

CONVENTIONS = {"paper": 0, "electra": 1}  # extra powers below the head


@dataclass(frozen=True)
class LayerwiseDecay(Stabilizer):
    """Smaller learning rates for lower layers."""

    name: ClassVar[str] = "layerwise_decay"
    title: ClassVar[str] = "Layerwise decay"
    source: ClassVar[str] = "Clark et al. 2020"

    factor: float  # from one depth to the next lower one; 1: no decay
    convention: str = "paper"  # paper | electra

    def __post_init__(self) -> None:
        if isinstance(self.factor, bool) or not isinstance(self.factor, (int, float)) or not 0 < self.factor <= 1:
            raise ParameterError(f"layerwise_decay={self.factor!r} is out of bounds; use above 0, up to 1")
        object.__setattr__(self, "factor", float(self.factor))
        check_choice("layerwise_decay: convention", self.convention, CONVENTIONS)

    def is_idle(self) -> bool:
        return self.factor == 1

    def lr_scales(self, n_layers: int) -> list[float]:
        """1 at the head, factor^(L + 1 - k) at depth k below it (one more power in ELECTRA's convention)."""
        extra = CONVENTIONS[self.convention]
        return [self.factor ** (n_layers + 1 - depth + extra) for depth in range(n_layers + 1)] + [1.0]
