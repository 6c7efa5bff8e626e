"""Notebook 03, Table 4: freeze layers, decay their learning rates, re-initialize them."""

from __future__ import annotations

from pydantic import Field

from ..study.conditions import layer_techniques, resampled_columns, technique_grid
from ..study.grid import Grid
from ..study.parameter_types import Epochs, MaxLength
from ..study.parameters import LayerParameters, ResampledParameters, TrainingParameters
from ..study.study import Study

NOTEBOOK = "03_layer_adaptation"


class Parameters(TrainingParameters, LayerParameters, ResampledParameters):
    """What notebook 03 takes."""

    biosses_epochs: Epochs = Field(description="passes over the training split, sentence similarity")
    qa_epochs: Epochs = Field(description="passes over the training split, question answering")
    biosses_max_length: MaxLength = Field(description="sub-words per sequence, sentence similarity")
    qa_max_length: MaxLength = Field(description="sub-words per sequence, question answering")
    combinations: bool = Field(description="whether to run the combinations of two techniques as well")


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table4`: every encoder under every technique on SS and QA."""
    chosen = study.parameters
    by_type = {
        "similarity": study.recipe(
            epochs=chosen.biosses_epochs, max_length=chosen.biosses_max_length, **chosen.shared_fields
        ),
        "question": study.recipe(epochs=chosen.qa_epochs, max_length=chosen.qa_max_length, **chosen.shared_fields),
    }
    bases = {task.name: by_type[task.task_type] for task in study.tasks if task.task_type in by_type}
    techniques = layer_techniques(chosen, combinations=chosen.combinations)
    columns = study.paper_columns() + resampled_columns(study, tuple(bases), splits=chosen.splits)
    return {"table4": technique_grid(study, techniques, bases=bases, columns=columns)}
