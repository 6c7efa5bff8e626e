"""Grid of notebook 07: every encoder on the entity sets that scispaCy's models are scored on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...errors import ParameterError
from ...study.conditions import technique_grid
from ...study.grid import Grid, TaskColumn
from ...study.parameter_types import Epochs, MaxLength, TaskNames
from ...study.parameters import TrainingParameters, TrainSizeParameters
from ...study.study import Study
from ...tasks import TASKS, get_task

NOTEBOOK = "07_scispacy"
FINE_TUNED = "Fine-tuned"  # the only level of the grid
MEAN = "Mean Score"  # the paper's name of the row
NER = tuple(task for task in TASKS if task.task_type == "ner")


class Parameters(TrainingParameters, TrainSizeParameters):
    """Parameters of notebook 07."""

    scispacy_source: Literal["auto", "retrained"] = Field(
        description="auto: the released models where installed, else retrained; retrained: always retrained"
    )
    spacy_epochs: int = Field(
        ge=1, le=1000, description="passes over the training split, of a retrained model (7 as published)"
    )
    spacy_seed: int = Field(ge=0, le=2**31 - 1, description="random seed of a retrained model")
    ner_tasks: TaskNames | None = Field(description="entity sets that encoders are fine-tuned on; None: all of `tasks`")
    ner_epochs: Epochs = Field(description="passes over the training split, of an encoder")
    ner_max_length: MaxLength = Field(description="sub-words per sequence, of an encoder")


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`ner`: every encoder on every entity set, and the mean if all five are there.

    Raises:
        ParameterError: ner_tasks names a task that is not one of the study's entity sets.
    """
    parameters = study.parameters
    recipe = study.recipe(
        epochs=parameters.ner_epochs, max_length=parameters.ner_max_length, **parameters.shared_fields
    )
    known = study.tasks_of("ner")
    tasks = known if parameters.ner_tasks is None else tuple(get_task(name) for name in parameters.ner_tasks)
    if wrong := [task.name for task in tasks if task not in known]:
        names = " or ".join(task.name for task in known)
        raise ParameterError(
            f"ner_tasks={parameters.ner_tasks!r}: {wrong[0]} is not an entity set of this run; use {names}"
        )
    columns = [TaskColumn(label=task.name, tasks=(task.name,), paper=task.name) for task in tasks]
    if len(tasks) == len(NER):
        columns.append(TaskColumn(label=MEAN, tasks=tuple(task.name for task in tasks), paper=MEAN))
    return {
        "ner": technique_grid(study, {FINE_TUNED: []}, bases={task.name: recipe for task in tasks}, columns=columns)
    }
