"""Adam's bias correction, on or off (Kingma and Ba 2015; Mosbach et al. 2021). BERT's original code leaves it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..config import Recipe
from ..errors import ParameterError
from .stabilizer import Stabilizer


@dataclass(frozen=True)
class BiasCorrection(Stabilizer):
    """Divides Adam's moments by 1 - beta^t."""

    name: ClassVar[str] = "bias_correction"
    title: ClassVar[str] = "Bias correction"
    source: ClassVar[str] = "Mosbach et al. 2021"

    enabled: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.enabled, bool):
            raise ParameterError(f"bias_correction={self.enabled!r} must be true or false")

    def on_recipe(self, recipe: Recipe) -> Recipe:
        return recipe.replace(bias_correction=self.enabled)
