"""What notebook 01 asks for: every pretraining objective on every task, and segment ids crossed with objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from ...config import Recipe
from ...study.conditions import blurb_columns, recipes_by_type
from ...study.grid import Axes, Condition, Grid, TaskColumn
from ...study.parameters import TaskTypeParameters
from ...study.study import Study

NOTEBOOK = "01_pretraining_ablation"
ONE_SEGMENT, TWO_SEGMENTS = "One segment id", "Two segment ids"
STANDARD = "Standard fine-tuning"


class Parameters(TaskTypeParameters):
    """What notebook 01 takes."""

    pretraining_seeds: int = Field(
        ge=1, le=100, description="how often each objective given as pretrain:... is pretrained (seeds 0 to n - 1)"
    )
    segment_ids: bool = Field(
        description="whether to cross segment ids (two or one) with the objectives on the tasks of two texts"
    )


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table2`: every encoder on every task; `segment_ids`: one or two segment ids, on the tasks of two texts."""
    bases = recipes_by_type(study)
    parts = pair_parts(study) if study.parameters.segment_ids else ()
    recipes = segment_recipes(bases, [part.label for part in parts])
    return {
        "table2": objective_grid(study, bases),
        "segment_ids": study.grid({TWO_SEGMENTS: [], ONE_SEGMENT: []}, bases=recipes, columns=parts),
    }


def objective_grid(study: Study[Parameters], bases: Mapping[str, Recipe]) -> Grid:
    """Every encoder on every task with one recipe per task; the encoders are what is compared."""
    grid = study.grid({STANDARD: []}, bases={**bases}, columns=blurb_columns(study))
    return replace(
        grid,
        axes=Axes(group=None, level="Encoder"),
        groups=("",),
        levels=grid.groups,
        recipes={("every objective", task): recipe for (_, task), recipe in grid.recipes.items()},
        cells={Condition("", key.group, key.column): configs for key, configs in grid.cells.items()},
    )


def segment_recipes(bases: Mapping[str, Recipe], tasks: Sequence[str]) -> dict[str | tuple[str, str], Recipe]:
    """(setting, task) -> recipe: two segment ids, and one."""
    values = {TWO_SEGMENTS: "pair", ONE_SEGMENT: "single"}
    return {(name, task): bases[task].replace(segment_ids=ids) for name, ids in values.items() for task in tasks}


def pair_parts(study: Study[Parameters]) -> tuple[TaskColumn, ...]:
    """The tasks that read two texts."""
    return tuple(
        TaskColumn(label=task.name, tasks=(task.name,), paper=task.name)
        for task in study.tasks
        if len(task.text_columns) == 2
    )
