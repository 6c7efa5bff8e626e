"""Stabilization techniques, one small file each, and how they compose.

Order: layer removal, re-initialization, then rates. A depth both frozen and re-initialized is an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Generator

from ..config import Recipe
from ..errors import ParameterError
from ..models import Classifier, seed_for
from .bias_correction import BiasCorrection
from .freeze import Freeze
from .layerwise_decay import LayerwiseDecay
from .longer_training import LongerTraining
from .reinitialize import Reinitialize
from .remove_layers import RemoveLayers
from .stabilizer import Stabilizer

# In the order in which they compose. A new technique is one file and one entry here.
STABILIZERS = (RemoveLayers, Reinitialize, Freeze, LayerwiseDecay, BiasCorrection, LongerTraining)

__all__ = [
    "STABILIZERS", "BiasCorrection", "DepthPlan", "Freeze", "LayerwiseDecay", "LongerTraining", "Reinitialize",
    "RemoveLayers", "Stabilizer", "apply_to_member", "canonical", "check_recipe", "depth_plan", "stabilize",
    "stabilizers_of",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DepthPlan:
    """What a recipe does to each depth of an encoder; Figure 1 is drawn from it."""

    n_layers: int  # after removal
    removed: int  # layers taken from the top
    scales: tuple[float, ...]  # factor on the learning rate of depth 0 .. n_layers + 1; 0: frozen
    fresh: frozenset[int]  # depths whose weights start anew (the head, always fresh, is not counted)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each depth."""
        return ("embeddings", *(f"layer {i + 1}" for i in range(self.n_layers)), "pooler, head")

    @property
    def frozen(self) -> int:
        """Depths from 0 up that never move: no backward pass is needed through them."""
        return next((k for k, scale in enumerate(self.scales) if scale), len(self.scales))


def stabilize(recipe: Recipe, *stabilizers: Stabilizer) -> Recipe:
    """The recipe with these techniques in it."""
    for stabilizer in stabilizers:
        recipe = stabilizer.on_recipe(recipe)
    return recipe


def canonical(recipe: Recipe) -> Recipe:
    """The recipe with every setting of its techniques written out and idle ones left out: one run, one id.

    Raises:
        ParameterError: an unknown technique or setting.
    """
    return stabilize(recipe.but(stabilizers={}), *stabilizers_of(recipe))


def stabilizers_of(recipe: Recipe) -> list[Stabilizer]:
    """The layer-wise techniques of a recipe, in the order in which they compose.

    Raises:
        ParameterError: an unknown technique or setting.
    """
    known = {cls.name: cls for cls in STABILIZERS if cls not in (BiasCorrection, LongerTraining)}
    unknown = sorted(set(recipe.stabilizers) - set(known))
    if unknown:
        raise ParameterError(f"unknown stabilizer {unknown[0]!r}; known: {', '.join(known)}")
    return [cls.from_options(recipe.stabilizers[name]) for name, cls in known.items() if name in recipe.stabilizers]


def depth_plan(recipe: Recipe, n_layers: int) -> DepthPlan:
    """What the recipe does to each depth of an encoder of `n_layers` layers.

    Raises:
        ParameterError: a technique does not fit the encoder, or two of them contradict each other.
    """
    chosen = stabilizers_of(recipe)
    left = n_layers
    for stabilizer in chosen:  # removal comes first, so the others are checked against what it leaves
        stabilizer.check(left)
        left = stabilizer.remaining_layers(left)
    factors = [stabilizer.rate_scales(left) for stabilizer in chosen] or [[1.0] * (left + 2)]
    plan = DepthPlan(
        n_layers=left,
        removed=n_layers - left,
        scales=tuple(math.prod(at_depth) for at_depth in zip(*factors, strict=True)),
        fresh=frozenset().union(*(stabilizer.fresh_depths(left) for stabilizer in chosen)),
    )
    if recipe.head == "cosine" and not any(plan.scales[:-1]):
        raise ParameterError(
            f"freezing all {left} layers leaves nothing to train, since a cosine head has no weights; freeze at most "
            f"{left - 1}"
        )
    both = sorted(depth for depth in plan.fresh if not plan.scales[depth])
    if both:
        raise ParameterError(
            f"{plan.labels[both[0]]} is both frozen and re-initialized, so it would stay random; "
            f"freeze at most {left - sum(depth <= left for depth in plan.fresh)} layers or re-initialize fewer"
        )
    return plan


def check_recipe(recipe: Recipe, n_layers: int) -> None:
    """Raises ParameterError where the recipe's techniques do not fit an encoder of `n_layers` layers."""
    depth_plan(recipe, n_layers)


def apply_to_member(recipe: Recipe, model: Classifier, member: int, *, seed: int) -> None:
    """Changes one member's starting weights as the recipe's techniques say (the model is already cut to depth)."""
    for stabilizer in stabilizers_of(recipe):
        generator = Generator().manual_seed(seed_for(seed, stabilizer.name))
        stabilizer.on_weights(model, member, generator)
