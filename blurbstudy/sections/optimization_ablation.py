"""Notebook 02, Table 3: train longer, and correct Adam's bias; and the head of sentence similarity."""

from __future__ import annotations

from collections.abc import Sequence

from ..stabilizers import BiasCorrection, LongerTraining, Stabilizer, stabilize
from ..study.conditions import join_grids, low_resource_grids, question_choice, resampled_columns, technique_grid
from ..study.grid import DEFAULT_RECIPE, Axes, Grid, TaskColumn
from ..study.study import Study
from ..tasks import Task
from .parameters import OptimizationAblationParameters as Parameters

NOTEBOOK = "02_optimization_ablation"
__all__ = ["NOTEBOOK", "Parameters", "grids"]

AXES = Axes(group="Encoder", level="Optimization")
PAIR_HEAD, COSINE_HEAD = "Pair head", "Cosine head"
HEAD_AXES = Axes(group="Encoder", level="Head")


def techniques(parameters: Parameters, *, epochs_long: float) -> dict[str, list[Stabilizer]]:
    """Level of Table 3 -> techniques: both adjustments, one of them, neither."""
    longer, standard = LongerTraining(epochs_long), LongerTraining(parameters.epochs_standard)
    return {
        DEFAULT_RECIPE: [longer, BiasCorrection(True)],
        "Few epochs": [standard, BiasCorrection(True)],
        "No bias correction": [longer, BiasCorrection(False)],
        "Few epochs and no bias correction": [standard, BiasCorrection(False)],
    }


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table3`: every encoder under every optimization on sentence similarity, on the chosen questions, and on
    larger tasks with few examples; `heads`: both heads of sentence similarity, with the default recipe.
    """
    chosen = study.parameters
    recipe = study.recipe(max_length=chosen.max_length, **chosen.shared_fields, **chosen.head_of("similarity"))
    official = study.task_columns("similarity")
    columns = official + resampled_columns(study, tuple(c.label for c in official), splits=chosen.splits)
    levels = techniques(chosen, epochs_long=chosen.epochs_long)
    bases = {column.label: recipe for column in official}
    table3 = technique_grid(study, levels, bases=bases, columns=columns, axes=AXES)
    questions = study.named_tasks("qa_tasks", chosen.qa_tasks, task_types=["question"])
    others = [_question_grid(study, questions)] if questions else []
    others += low_resource_grids(study, lambda epochs: techniques(chosen, epochs_long=epochs), axes=AXES)
    table3 = join_grids(table3, *others)
    head_bases = {task: stabilize(recipe, *levels[DEFAULT_RECIPE]) for task in bases}
    heads = technique_grid(
        study,
        {PAIR_HEAD: [], COSINE_HEAD: []},
        bases=head_bases,
        columns=columns if chosen.compare_heads else (),
        axes=HEAD_AXES,
        overrides={PAIR_HEAD: {"head": "pooler"}, COSINE_HEAD: {"head": "cosine"}},
    )
    return {"table3": table3, "heads": heads}


def _question_grid(study: Study[Parameters], tasks: Sequence[Task]) -> Grid:
    chosen = study.parameters
    columns = tuple(TaskColumn(label=task.name, tasks=(task.name,), in_paper=False) for task in tasks)
    columns += resampled_columns(study, tuple(task.name for task in tasks), splits=chosen.splits)
    recipe = study.recipe(max_length=chosen.qa_max_length, **chosen.shared_fields)
    return technique_grid(
        study,
        techniques(chosen, epochs_long=chosen.qa_epochs_long),
        bases={task.name: recipe for task in tasks},
        columns=columns,
        axes=AXES,
        **question_choice(study),
    )
