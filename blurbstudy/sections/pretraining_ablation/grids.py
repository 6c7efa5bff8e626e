"""Notebook 01's parameters and grids: pretraining objectives on every task, and segment ids crossed with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...config import Recipe
from ...study.conditions import blurb_columns, recipes_by_type, technique_grid
from ...study.grid import Axes, Condition, Grid, TaskColumn
from ...study.study import Study
from ..parameters import PretrainingAblationParameters as Parameters

ONE_SEGMENT, TWO_SEGMENTS = "One segment id", "Two segment ids"
STANDARD = "Standard fine-tuning"
OBJECTIVE_AXES = Axes(group=None, level="Objective")
SEGMENT_AXES = Axes(group="Encoder", level="Segment ids")


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table2`: every encoder on every task; `segment_ids`: one or two segment ids, on the tasks of two texts."""
    bases = recipes_by_type(study)
    segments = technique_grid(
        study,
        {TWO_SEGMENTS: [], ONE_SEGMENT: []},
        bases=bases,
        columns=pair_columns(study) if study.parameters.segment_ids else (),
        encoders=tuple(study.parameters.encoders),
        axes=SEGMENT_AXES,
        overrides={TWO_SEGMENTS: {"segment_ids": "pair"}, ONE_SEGMENT: {"segment_ids": "single"}},
    )
    return {"table2": objective_grid(study, bases), "segment_ids": segments}


def objective_grid(study: Study[Parameters], bases: Mapping[str, Recipe]) -> Grid:
    """Every encoder on every task with one recipe per task; the encoders are what is compared."""
    encoders = tuple(study.parameters.encoders)
    grid = technique_grid(study, {STANDARD: []}, bases=bases, columns=blurb_columns(study), encoders=encoders)
    return replace(
        grid,
        axes=OBJECTIVE_AXES,
        groups=("",),
        levels=grid.groups,
        recipes={("every objective", task): recipe for (_, task), recipe in grid.recipes.items()},
        cells={Condition("", key.group, key.column): configs for key, configs in grid.cells.items()},
        techniques={},
        layers={},
    )


def pair_columns(study: Study[Parameters]) -> tuple[TaskColumn, ...]:
    """The tasks that read two texts in one sequence."""
    bi_encoder_type = "similarity" if study.parameters.similarity_head == "cosine" else ""
    return tuple(
        TaskColumn(label=task.name, tasks=(task.name,), paper=task.name)
        for task in study.tasks
        if len(task.text_columns) == 2 and task.task_type != bi_encoder_type
    )
