"""Longer training: many more epochs than the usual 3 to 5 (Mosbach et al. 2021; Zhang et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..config import Recipe
from .stabilizer import Stabilizer


@dataclass(frozen=True)
class LongerTraining(Stabilizer):
    """Trains for `epochs` epochs, with warm-up and decay stretched accordingly."""

    name: ClassVar[str] = "longer_training"
    title: ClassVar[str] = "Longer training"
    source: ClassVar[str] = "Mosbach et al. 2021"

    epochs: float  # passes over the training split

    def on_recipe(self, recipe: Recipe) -> Recipe:
        return recipe.replace(epochs=self.epochs)
