"""Notebook 03, Table 4: freeze layers, decay their learning rates, re-initialize them."""

from __future__ import annotations

from pydantic import Field

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
from ..study.parameter_types import Epochs, MaxLength
from ..study.parameters import (
    LayerParameters,
    LowResourceParameters,
    QuestionParameters,
    ResampledParameters,
    SimilarityParameters,
)
from ..study.study import Study
from ..tasks import get_task

NOTEBOOK = "03_layer_adaptation"


class Parameters(LowResourceParameters, SimilarityParameters, QuestionParameters, LayerParameters, ResampledParameters):
    """What notebook 03 takes."""

    biosses_epochs: Epochs = Field(description="passes over the training split, sentence similarity")
    qa_epochs: Epochs = Field(description="passes over the training split, question answering")
    biosses_max_length: MaxLength = Field(description="sub-words per sequence, sentence similarity")
    qa_max_length: MaxLength = Field(description="sub-words per sequence, question answering")
    combinations: bool = Field(description="whether to run the combinations of two techniques as well")


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
