"""Stabilization techniques, one file each, and how they compose.

Order: layer removal, re-initialization, then learning rates. A depth cannot be both frozen and re-initialized.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..config import Recipe
from ..errors import ParameterError, did_you_mean
from ..tasks import Task
from .bias_correction import BiasCorrection
from .freeze import Freeze
from .layerwise_decay import LayerwiseDecay
from .longer_training import LongerTraining
from .reinitialize import Reinitialize
from .remove_layers import RemoveLayers
from .stabilizer import Stabilizer

# In the order in which they compose. A new technique is one file and one entry here.
STABILIZERS = (RemoveLayers, Reinitialize, Freeze, LayerwiseDecay, BiasCorrection, LongerTraining)


@dataclass(frozen=True, kw_only=True)
class DepthPlan:
    """What a recipe does to each depth of an encoder; the data of Figure 1."""

    n_layers: int  # after removal
    removed: int  # layers taken from the top
    lr_scales: tuple[float, ...]  # factor on the learning rate of depth 0 .. n_layers + 1; 0: frozen
    reinitialized: frozenset[int]  # depths with new weights (without the head, which always has)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each depth."""
        return ("embeddings", *(f"layer {i + 1}" for i in range(self.n_layers)), "pooler, head")

    @property
    def frozen(self) -> int:
        """Number of frozen depths from 0 up; they need no backward pass."""
        return next((k for k, scale in enumerate(self.lr_scales) if scale), len(self.lr_scales))


def stabilize(recipe: Recipe, *stabilizers: Stabilizer) -> Recipe:
    """The recipe with these techniques added."""
    for stabilizer in stabilizers:
        recipe = stabilizer.on_recipe(recipe)
    return recipe


def canonical(recipe: Recipe) -> Recipe:
    """The recipe with all settings of its techniques spelled out and without idle techniques, so that equal runs have
    equal ids.
    Raises ParameterError: an unknown technique or setting.
    """
    return stabilize(recipe.replace(stabilizers={}), *stabilizers_of(recipe))


def stabilizers_of(recipe: Recipe) -> list[Stabilizer]:
    """The layer-wise techniques of a recipe, in the order in which they compose.
    Raises ParameterError: an unknown technique or setting.
    """
    known = {cls.name: cls for cls in STABILIZERS if cls not in (BiasCorrection, LongerTraining)}
    unknown = sorted(set(recipe.stabilizers) - set(known))
    if unknown:
        raise ParameterError(f"unknown stabilizer {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
    return [cls.from_options(recipe.stabilizers[name]) for name, cls in known.items() if name in recipe.stabilizers]


def depth_plan(recipe: Recipe, n_layers: int) -> DepthPlan:
    """What the recipe does to each depth of an encoder of `n_layers` layers.
    Raises ParameterError: a technique does not fit the encoder, or two techniques contradict each other.
    """
    stabilizers = stabilizers_of(recipe)
    remaining = n_layers
    for stabilizer in stabilizers:  # removal comes first, so the others are checked against the remaining layers
        stabilizer.check(remaining)
        remaining = stabilizer.remaining_layers(remaining)
    scales = [stabilizer.lr_scales(remaining) for stabilizer in stabilizers] or [[1.0] * (remaining + 2)]
    plan = DepthPlan(
        n_layers=remaining,
        removed=n_layers - remaining,
        lr_scales=tuple(math.prod(at_depth) for at_depth in zip(*scales, strict=True)),
        reinitialized=frozenset[int]().union(*(s.reinitialized_depths(remaining) for s in stabilizers)),
    )
    if recipe.head == "cosine" and not any(plan.lr_scales[:-1]):
        raise ParameterError(
            f"freezing all {remaining} layers leaves nothing to train, since a cosine head has no weights; freeze at "
            f"most {remaining - 1}"
        )
    both = sorted(depth for depth in plan.reinitialized if not plan.lr_scales[depth])
    if both:
        raise ParameterError(
            f"{plan.labels[both[0]]} is both frozen and re-initialized, so it would stay random; "
            f"freeze at most {remaining - sum(depth <= remaining for depth in plan.reinitialized)} layers or "
            "re-initialize fewer"
        )
    return plan


def check_recipe(recipe: Recipe, n_layers: int) -> None:
    """Checks that the recipe's techniques fit an encoder of `n_layers` layers. Raises ParameterError: they do not."""
    depth_plan(recipe, n_layers)


def inactive_fields(recipe: Recipe, task: Task, *, n_segments: int) -> frozenset[str]:
    """Fields of the recipe that do not affect a run on this task. `n_segments`: of the encoder (RoBERTa: 1)."""
    one_segment = min(len(task.text_columns), n_segments) < 2 or recipe.layout == "bi_encoder"
    inactive = {
        "tag_scheme": task.task_type != "ner",
        "head": task.output == "token_labels",
        "segment_ids": one_segment,
        "center_scores": task.output != "score" or recipe.head == "cosine",
    }
    return frozenset(name for name, is_inactive in inactive.items() if is_inactive)
