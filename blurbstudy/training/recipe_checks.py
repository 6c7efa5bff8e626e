"""What can be wrong with a recipe for a task, whatever the encoder; needs no torch."""

from __future__ import annotations

from ..config import Recipe
from ..errors import ParameterError
from ..stabilizers import stabilizers_of
from ..tasks import Task
from .class_weights import check_loss


def check_recipe(recipe: Recipe, task: Task) -> None:
    """Check that a recipe can be trained on a task.

    Raises:
        ParameterError: an unknown technique or setting, a loss that does not fit the task, or no split remains to
            score.
    """
    stabilizers_of(recipe)
    check_loss(recipe, task)
    if recipe.train_on_dev and "test" not in task.splits:
        raise ParameterError(
            f"train_on_dev=True: {task.name} has no test set, so no split remains to score; set it to false"
        )


def check_length(recipe: Recipe, encoder: str, *, positions: int) -> None:
    """Check that an encoder has positions for a recipe's sequences.

    Raises:
        ParameterError: it has fewer.
    """
    if recipe.max_length > positions:
        raise ParameterError(
            f"max_length={recipe.max_length}: {encoder} has {positions} positions; set the recipe's max_length to at "
            "most that"
        )
