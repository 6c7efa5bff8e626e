"""Grid of notebook 07: every encoder on the entity sets that scispaCy's models are scored on."""

from __future__ import annotations

from ...errors import ParameterError
from ...study.conditions import technique_grid
from ...study.grid import Grid, TaskColumn
from ...study.study import Study
from ...tasks import TASKS, get_task
from ..parameters import ScispacyParameters as Parameters

FINE_TUNED = "Fine-tuned"  # the only level of the grid
MEAN = "Mean Score"  # the paper's name of the row
NER = tuple(task for task in TASKS if task.task_type == "ner")


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`ner`: every encoder on every entity set, and the mean if all five are there.
    Raises ParameterError: ner_tasks names a task that is not one of the study's entity sets.
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
