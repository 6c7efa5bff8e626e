"""Figure 1 for techniques that somebody picks: what they do to each depth of an encoder on a task, and how runs with
them went in the store.
"""

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
from ...tables.table import counted, number
from ...tasks import Task
from ...training import total_steps
from .catalog import Explored, Notice, Setting

GENERIC = {"any BASE encoder": 12, "any LARGE encoder": 24}  # to look at without an encoder at hand: layers
PICKED = "Picked"
MOST = 6  # settings of the store that are told one by one


@dataclass(frozen=True, kw_only=True)
class Techniques:
    """The techniques that a user selected; by default none."""

    freeze: int | str = 0  # lowest layers, embeddings with them; 'embeddings': those alone
    decay: float = 1.0  # factor from one depth to the next lower one
    reinit_layers: int = 0  # top layers that are re-initialized
    reinit_pooler: bool = False
    remove_layers: int = 0  # from the top
    bias_correction: bool = True

    def on(self, recipe: Recipe, *, task: Task) -> Recipe:
        """The recipe with them in it. A token head has no pooler to re-initialize.

        Raises:
            ParameterError: a value is out of bounds.
        """
        pooler = self.reinit_pooler and task.output != "token_labels"
        chosen = (
            RemoveLayers(self.remove_layers),
            Reinitialize(self.reinit_layers, pooler=pooler),
            Freeze(self.freeze),
            LayerwiseDecay(self.decay),
            BiasCorrection(self.bias_correction),
        )
        return canonical(stabilize(recipe, *chosen))


def encoder_layers(explored: Explored) -> dict[str, int]:
    """Display name -> layers: the store's encoders, then what one may look at without any."""
    return {**explored.layers, **GENERIC}


def first_encoder(explored: Explored) -> str:
    """The one to begin with."""
    return next(iter(encoder_layers(explored)))


def depth_picture(
    explored: Explored, techniques: Techniques, *, encoder: str, task: Task, recipe: Recipe
) -> Figure | Notice:
    """The baseline and what was picked, side by side; a sentence where the techniques contradict each other.

    Args:
        recipe: whose rates and steps are told.
    """
    n_layers = encoder_layers(explored)[encoder]
    try:
        picked = techniques.on(recipe, task=task)
        plans = {"Baseline": depth_plan(recipe, n_layers), PICKED: depth_plan(picked, n_layers)}
    except ParameterError as error:
        return Notice(text=f"These do not go together: {error}.")
    return depth_figure(
        plans,
        title=f"Figure 1 for {encoder} ({n_layers} layers) on {task.name}: the factor on each depth's learning rate",
        top="head over words" if task.output == "token_labels" else "pooler, head",
        caption=f"Drawn from the techniques themselves · {explored.origin}",
        notes=[
            _head(task),
            _rates(picked, plans[PICKED], train=explored.train_sizes.get(task.name)),
            *([_first_step(picked)] if not picked.bias_correction else []),
            *store_says(explored, picked, encoder=encoder, task=task),
        ],
    )


def _head(task: Task) -> str:
    """What stands above the layers for a task."""
    if task.output == "token_labels":
        return f"{task.name}: every word is labelled from its own state, so there is no pooler; the head is always new."
    outputs = "one number" if task.is_regression else f"{len(task.labels)} labels"
    return f"{task.name}: the first token goes through the pooler to a head of {outputs}, which is always new."


def _rates(recipe: Recipe, plan: DepthPlan, *, train: int | None) -> str:
    """Peak rates from the lowest depth that moves to the head, and the steps."""
    moving = [scale for scale in plan.lr_scales if scale > 0]
    span = f"{min(moving) * recipe.learning_rate:.2g} to {max(moving) * recipe.learning_rate:.2g}"
    rate = span if min(moving) < max(moving) else f"{recipe.learning_rate:.2g} at every depth that moves"
    said = f"Peak learning rate {rate}; it rises over the first {recipe.warmup_ratio:.0%} of the steps and falls to 0."
    if train is None:
        return said
    steps = total_steps(recipe, train)
    return f"{said} {recipe.epochs:g} epochs of {train:,} examples in batches of {recipe.batch_size}: {steps:,} steps."


def _first_step(recipe: Recipe) -> str:
    """Without correction Adam's first step is (1 - beta1) / sqrt(1 - beta2) of a corrected one."""
    longer = (1 - recipe.adam_beta1) / math.sqrt(1 - recipe.adam_beta2)
    return f"Without bias correction the first step is {longer:.1f} times as long as with it, whatever the depth."


def matching(explored: Explored, recipe: Recipe, *, encoder: str, task: Task) -> list[Setting]:
    """The store's settings of an encoder and task with just these techniques, whatever their rates and epochs."""
    return [
        setting
        for setting in explored.chosen(task=task.name, encoder=encoder)
        if setting.recipe.stabilizers == recipe.stabilizers and setting.recipe.bias_correction == recipe.bias_correction
    ]


def store_says(explored: Explored, recipe: Recipe, *, encoder: str, task: Task) -> list[str]:
    """How the store's runs with these techniques went, one sentence a setting."""
    found = matching(explored, recipe, encoder=encoder, task=task)
    if not found:
        return [f"The store has no run of {encoder} on {task.name} with what is picked."]
    said = [f"In the store: {setting.name}: {_outcome(explored, setting)}." for setting in found[:MOST]]
    return said + ([f"And {len(found) - MOST} settings more."] if len(found) > MOST else [])


def _outcome(explored: Explored, setting: Setting) -> str:
    scores = scores_by_seed(setting)
    known = [score for score in scores.values() if score is not None]
    mean = f"mean {number(sum(known) / len(known))}, worst {number(min(known))}" if known else "no score"
    failed = sum(reason is not None for reason in explored.failures(setting).values())
    return f"{mean} over {counted(len(scores), 'seed')}, {failed} failed"


def scores_by_seed(setting: Setting) -> Mapping[int, float | None]:
    """Seed -> test score, in percent."""
    found = {seed: run.scores["test"] for seed, run in setting.runs.items()}
    return {seed: None if score is None else 100 * score for seed, score in found.items()}
