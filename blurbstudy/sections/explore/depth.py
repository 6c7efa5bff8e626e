"""Figure 1 for selected techniques: their effect on each depth of an encoder, and the results of matching runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...config import Recipe
from ...errors import ParameterError
from ...stabilizers import (
    BiasCorrection,
    DepthPlan,
    Freeze,
    LayerwiseDecay,
    Reinitialize,
    RemoveLayers,
    canonical,
    depth_plan,
    stabilize,
)
from ...tables.figure import Figure, depth_figure
from ...tables.formatting import format_count, format_number
from ...tables.table import Remark
from ...tasks import Task
from ...training.schedule import total_steps
from .catalog import NO_TECHNIQUE, RunGroup, StoreCatalog

GENERIC = {"any BASE encoder": 12, "any LARGE encoder": 24}  # name -> layers, offered without any encoder
SELECTED = "Selected"
MAX_DESCRIBED = 6  # groups that are described one by one


@dataclass(frozen=True, kw_only=True)
class TechniqueSelection:
    """The techniques that a user selected; by default none."""

    freeze: int | str = 0  # lowest layers, embeddings with them; 'embeddings': those alone
    decay: float = 1.0  # factor from one depth to the next lower one
    reinit_layers: int = 0  # top layers that are re-initialized
    reinit_pooler: bool = False
    remove_layers: int = 0  # from the top
    bias_correction: bool = True

    def on(self, recipe: Recipe, *, task: Task) -> Recipe:
        """The recipe with these techniques. A token head has no pooler to re-initialize.
        Raises ParameterError: a value is out of bounds.
        """
        pooler = self.reinit_pooler and task.output != "token_labels"
        stabilizers = (
            RemoveLayers(self.remove_layers),
            Reinitialize(self.reinit_layers, pooler=pooler),
            Freeze(self.freeze),
            LayerwiseDecay(self.decay),
            BiasCorrection(self.bias_correction),
        )
        return canonical(stabilize(recipe, *stabilizers))


def encoder_layers(catalog: StoreCatalog) -> dict[str, int]:
    """Display name -> number of layers: the store's encoders, then the generic ones."""
    return {**catalog.layers, **GENERIC}


def default_encoder(catalog: StoreCatalog) -> str:
    return next(iter(encoder_layers(catalog)))


def depth_picture(
    catalog: StoreCatalog, techniques: TechniqueSelection, *, encoder: str, task: Task, recipe: Recipe
) -> Figure | Remark:
    """No technique and the selection side by side, or a message where the techniques contradict each other.
    `recipe`: its learning rates and steps are described.
    """
    n_layers = encoder_layers(catalog)[encoder]
    try:
        selected = techniques.on(recipe, task=task)
        plans = {NO_TECHNIQUE: depth_plan(recipe, n_layers), SELECTED: depth_plan(selected, n_layers)}
    except ParameterError as error:
        return Remark(text=f"These techniques cannot be combined: {error}.")
    return depth_figure(
        plans,
        title=f"Figure 1 for {encoder} ({n_layers} layers) on {task.name}: the factor on each depth's learning rate",
        top="token head" if task.output == "token_labels" else "pooler, head",
        caption=f"Computed from the techniques, without runs · {catalog.origin}",
        notes=[
            _head(task),
            _rates(selected, plans[SELECTED], train=catalog.train_sizes.get(task.name)),
            *([_first_step(selected)] if not selected.bias_correction else []),
            *describe_matching_runs(catalog, selected, encoder=encoder, task=task),
        ],
    )


def _head(task: Task) -> str:
    if task.output == "token_labels":
        return f"{task.name}: a token head labels each word, without a pooler. It is always initialized at random."
    outputs = "one number" if task.is_regression else f"{len(task.labels)} labels"
    return f"{task.name}: the first token passes through the pooler to a randomly initialized head with {outputs}."


def _rates(recipe: Recipe, plan: DepthPlan, *, train: int | None) -> str:
    """Range of peak learning rates over the trained depths, and the number of steps."""
    scales = [scale for scale in plan.lr_scales if scale > 0]
    span = f"{min(scales) * recipe.learning_rate:.2g} to {max(scales) * recipe.learning_rate:.2g}"
    rate = span if min(scales) < max(scales) else f"{recipe.learning_rate:.2g} at every trained depth"
    text = (
        f"Peak learning rate {rate}. It rises over the first {recipe.warmup_ratio:.0%} of the steps, then falls to 0."
    )
    if train is None:
        return text
    steps = total_steps(recipe, train)
    return f"{text} {recipe.epochs:g} epochs of {train:,} examples in batches of {recipe.batch_size}: {steps:,} steps."


def _first_step(recipe: Recipe) -> str:
    """Without correction Adam's first step is (1 - beta1) / sqrt(1 - beta2) times the corrected one."""
    factor = (1 - recipe.adam_beta1) / math.sqrt(1 - recipe.adam_beta2)
    return f"Without bias correction, Adam's first step is {factor:.1f} times as long at every depth."


def matching(catalog: StoreCatalog, recipe: Recipe, *, encoder: str, task: Task) -> list[RunGroup]:
    """The groups of an encoder and task with exactly these techniques; other recipe fields may differ."""
    return [
        group
        for group in catalog.filter(task=task.name, encoder=encoder)
        if group.recipe.stabilizers == recipe.stabilizers and group.recipe.bias_correction == recipe.bias_correction
    ]


def describe_matching_runs(catalog: StoreCatalog, recipe: Recipe, *, encoder: str, task: Task) -> list[str]:
    """Results of the store's runs with these techniques, one sentence per group."""
    groups = matching(catalog, recipe, encoder=encoder, task=task)
    if not groups:
        return [f"The store has no run of {encoder} on {task.name} with this selection."]
    sentences = [f"In the store: {group.name}: {_outcome(catalog, group)}." for group in groups[:MAX_DESCRIBED]]
    return sentences + ([f"{len(groups) - MAX_DESCRIBED} more settings match."] if len(groups) > MAX_DESCRIBED else [])


def _outcome(catalog: StoreCatalog, group: RunGroup) -> str:
    scores = scores_by_seed(group)
    present = [score for score in scores.values() if score is not None]
    mean = (
        f"mean {format_number(sum(present) / len(present))}, worst {format_number(min(present))}"
        if present
        else "no score"
    )
    return f"{mean} over {format_count(len(scores), 'seed')}, {catalog.n_collapsed(group)} collapsed"


def scores_by_seed(group: RunGroup) -> Mapping[int, float | None]:
    """Seed -> test score, in percent."""
    scores = {seed: run.scores["test"] for seed, run in group.runs.items()}
    return {seed: None if score is None else 100 * score for seed, score in scores.items()}
