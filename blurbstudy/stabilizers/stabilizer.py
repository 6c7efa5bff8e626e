"""The interface of a stabilization technique: what it may change in a run."""

from __future__ import annotations

import dataclasses
from abc import ABC
from typing import TYPE_CHECKING, ClassVar

from ..config import JsonMapping, JsonObject, Recipe
from ..errors import ParameterError, did_you_mean

if TYPE_CHECKING:  # what checks a recipe needs no torch
    from torch import Generator

    from ..models import Classifier


class Stabilizer(ABC):
    """A stabilization technique. The default of every method changes nothing; a technique overrides what it needs.

    Depth: embeddings 0, layer i (from the bottom, from 0) i + 1, pooler and head n_layers + 1.
    """

    name: ClassVar[str]  # in recipes
    title: ClassVar[str]  # in tables
    source: ClassVar[str]  # the paper that proposed it

    def on_recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with this technique. An idle technique is left out, so that equal runs have equal ids."""
        others = {name: options for name, options in recipe.stabilizers.items() if name != self.name}
        return recipe.replace(stabilizers=others if self.is_idle() else {**others, self.name: self.options()})

    def is_idle(self) -> bool:
        """Whether these settings change nothing."""
        return False

    def check(self, n_layers: int) -> None:
        """Checks that the technique fits an encoder of `n_layers` layers. Raises ParameterError: it does not."""

    def remaining_layers(self, n_layers: int) -> int:
        """Number of layers that remain of `n_layers`."""
        return n_layers

    def reinitialized_depths(self, n_layers: int) -> set[int]:
        """Depths whose weights are re-initialized."""
        return set()

    def on_weights(self, model: Classifier, member: int, generator: Generator) -> None:
        """Changes one member's initial weights in place."""

    def lr_scales(self, n_layers: int) -> list[float]:
        """A factor on the learning rate of each depth, 0 to n_layers + 1."""
        return [1.0] * (n_layers + 2)

    def options(self) -> JsonObject:
        """The technique's settings, as in a recipe."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_options(cls, options: JsonMapping) -> Stabilizer:
        """The technique with the settings of a recipe.
        Raises ParameterError: a setting is unknown, missing or out of bounds.
        """
        known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ParameterError(f"{cls.name}: unknown setting {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
        try:
            return cls(**options)
        except TypeError as error:
            raise ParameterError(f"{cls.name}: {error}; known settings: {', '.join(known)}") from None


def check_layers(name: str, value: object) -> None:
    """Checks that a number of layers is a whole number from 0. Raises ParameterError: it is not."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ParameterError(f"{name}={value!r} must be a whole number of layers, from 0")
