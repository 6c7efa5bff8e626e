"""Notebook 03, Table 4: freeze layers, decay their learning rates, re-initialize them."""

from __future__ import annotations

from ..errors import ParameterError
from ..study.conditions import (
    Choice,
    join_grids,
    layer_techniques,
    low_resource_grids,
    question_choice,
    resampled_columns,
    technique_grid,
)
from ..study.grid import Grid
from ..study.study import Study
from ..tasks import get_task
from .parameters import LayerAdaptationParameters as Parameters

NOTEBOOK = "03_layer_adaptation"
__all__ = ["NOTEBOOK", "Parameters", "grids"]


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table4`: every encoder under every technique on SS and QA, and on larger tasks with few examples."""
    chosen = study.parameters
    by_type = {
        "similarity": study.recipe(
            epochs=chosen.biosses_epochs,
            max_length=chosen.biosses_max_length,
            **chosen.shared_fields,
            **chosen.head_of("similarity"),
        ),
        "question": study.recipe(epochs=chosen.qa_epochs, max_length=chosen.qa_max_length, **chosen.shared_fields),
    }
    techniques = layer_techniques(chosen, combinations=chosen.combinations)
    parts = []
    for column in study.paper_columns():
        task_type = get_task(column.tasks[0]).task_type
        columns = (column, *resampled_columns(study, column.tasks, splits=chosen.splits))
        bases = dict.fromkeys(column.tasks, by_type[task_type])
        choice = question_choice(study) if task_type == "question" else Choice(encoders=(), seeds=())
        parts.append(technique_grid(study, techniques, bases=bases, columns=columns, **choice))
    parts += low_resource_grids(study, lambda _: techniques)
    if not parts:
        raise ParameterError(f"tasks={chosen.tasks!r} has no sentence similarity or question answering; add BIOSSES")
    return {"table4": join_grids(*parts)}
