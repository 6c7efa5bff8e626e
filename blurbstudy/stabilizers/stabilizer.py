"""What a stabilization technique may do to a member of a population (design idea: one small file per technique)."""

from __future__ import annotations

import dataclasses
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Generator

from ..config import Recipe
from ..errors import ParameterError
from ..models import Classifier


class Stabilizer(ABC):
    """One technique. Every method's default changes nothing; a technique overrides what it acts on.

    Depth: embeddings 0, layer i (from the bottom, from 0) i + 1, pooler and head n_layers + 1.
    """

    name: ClassVar[str]  # as it stands in a recipe
    title: ClassVar[str]  # as it stands in a table
    source: ClassVar[str]  # the paper that proposed it

    def on_recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with this technique in it; one that changes nothing leaves no trace, so run ids stay equal."""
        others = {name: options for name, options in recipe.stabilizers.items() if name != self.name}
        return recipe.but(stabilizers=others if self.is_idle() else {**others, self.name: self.options()})

    def is_idle(self) -> bool:
        """True where these settings change nothing."""
        return False

    def check(self, n_layers: int) -> None:
        """Raises ParameterError where the technique does not fit an encoder of `n_layers` layers."""

    def remaining_layers(self, n_layers: int) -> int:
        """Layers that are left of `n_layers`."""
        return n_layers

    def fresh_depths(self, n_layers: int) -> set[int]:
        """Depths whose weights start anew."""
        return set()

    def on_weights(self, model: Classifier, member: int, generator: Generator) -> None:
        """Changes one member's starting weights in place."""

    def rate_scales(self, n_layers: int) -> list[float]:
        """A factor on the learning rate of each depth, 0 to n_layers + 1."""
        return [1.0] * (n_layers + 2)

    def options(self) -> dict[str, Any]:
        """The technique's own settings, as a recipe holds them."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Stabilizer:
        """A technique from a recipe's settings.

        Raises:
            ParameterError: a setting is unknown, missing or out of bounds.
        """
        known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ParameterError(f"{cls.name}: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
        try:
            return cls(**options)
        except TypeError as error:
            raise ParameterError(f"{cls.name}: {error}; known settings: {', '.join(known)}") from None


def check_layers(name: str, value: object, *, low: int = 0) -> None:
    """A count of layers must be a whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ParameterError(f"{name}={value!r} is no count of layers; use a whole number from {low}")
