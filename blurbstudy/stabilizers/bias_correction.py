"""Adam's bias correction, on or off (Kingma and Ba 2015; Mosbach et al. 2021; left out by BERT's original code)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..config import Recipe
from ..errors import ParameterError
from .stabilizer import Stabilizer


@dataclass(frozen=True)
class BiasCorrection(Stabilizer):
    """Divides Adam's moments by 1 - beta^t. It is a field of the recipe, so both spellings give one run id."""

    name: ClassVar[str] = "bias_correction"
    title: ClassVar[str] = "Bias correction"
    source: ClassVar[str] = "Mosbach et al. 2021"

    enabled: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.enabled, bool):
            raise ParameterError(f"bias_correction={self.enabled!r} is no switch; use true or false")

    def on_recipe(self, recipe: Recipe) -> Recipe:
        """Sets the recipe's switch."""
        return recipe.but(bias_correction=self.enabled)
