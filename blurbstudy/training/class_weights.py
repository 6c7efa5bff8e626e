"""Class weights of a task's loss, and what a recipe may ask of a loss and of a decision; needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..config import Recipe
from ..errors import ParameterError, did_you_mean
from ..tasks import Task
from ..tasks.task import head_labels


def check_loss(recipe: Recipe, task: Task) -> None:
    """Check that class weights, focal loss and threshold fit a task.
    Raises ParameterError: the task has no classes or no label sets, or lacks a label that has a weight.
    """
    if task.is_regression and (recipe.class_weights != "none" or recipe.focal_gamma):
        name = "focal_gamma" if recipe.class_weights == "none" else "class_weights"
        raise ParameterError(f"{name} is of tasks with labels, but {task.name} has scores; remove it from the recipe")
    if recipe.threshold == "dev" and task.output != "multi_label":
        raise ParameterError(f"threshold=dev is of tasks with label sets, which {task.name} is not; use fixed")
    labels = head_labels(task, recipe.tag_scheme)
    if isinstance(recipe.class_weights, Mapping) and (unknown := sorted(recipe.class_weights.keys() - set(labels))):
        advice = did_you_mean(unknown[0], labels)
        raise ParameterError(f"class_weights: {task.name} has no label {unknown[0]!r}; {advice}")


def class_weights(recipe: Recipe, task: Task, targets: np.ndarray) -> np.ndarray | None:
    """(outputs,) weights of the labels, as of F.cross_entropy; in label sets of each label's presence, as the
    pos_weight of BCEWithLogitsLoss. None: no weights.

    Balanced weights are those of scikit-learn: targets / (labels that occur * targets with the label). In label sets:
    examples without the label / examples with it. A label of none or of all of the examples has weight 1.
    `targets`: those that are trained on: (targets,) indices of the head's labels, or (examples, labels) of 0 and 1.
    """
    if recipe.class_weights == "none":
        return None
    labels = head_labels(task, recipe.tag_scheme)
    if isinstance(recipe.class_weights, Mapping):
        return np.array([recipe.class_weights.get(label, 1.0) for label in labels])
    if targets.ndim == 2:
        positive = targets.sum(0, dtype=np.float64)
        varies = (positive > 0) & (positive < len(targets))
        return np.where(varies, (len(targets) - positive) / np.maximum(positive, 1), 1.0)
    counts = np.bincount(targets, minlength=len(labels))
    return np.where(counts > 0, len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 1.0)
