"""Longer training: many more epochs than the customary 3 to 5 (Mosbach et al. 2021; Zhang et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..config import Recipe
from .stabilizer import Stabilizer


@dataclass(frozen=True)
class LongerTraining(Stabilizer):
    """Trains for `epochs` passes, warm-up and decay stretched with them. A field of the recipe."""

    name: ClassVar[str] = "longer_training"
    title: ClassVar[str] = "Longer training"
    source: ClassVar[str] = "Mosbach et al. 2021"

    epochs: float  # passes over the training split

    def on_recipe(self, recipe: Recipe) -> Recipe:
        """Sets the recipe's epochs (their bounds are the recipe's)."""
        return recipe.but(epochs=self.epochs)
