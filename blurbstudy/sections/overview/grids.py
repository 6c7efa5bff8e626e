"""What notebook 00 asks for: one run on an entity task, which is scored by every convention."""

from __future__ import annotations

from ...errors import ParameterError
from ...study.grid import DEFAULT_RECIPE, Condition, Grid, TaskColumn
from ...study.study import Study
from ...tasks import TASKS, get_task
from ..parameters import OverviewParameters as Parameters


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`scoring`: one run, of the first available encoder and the first seed; no cell where there is none.
    Raises ParameterError: the task is not an entity task.
    """
    chosen = study.parameters
    recipe = study.recipe(
        epochs=chosen.scoring_epochs,
        learning_rate=chosen.scoring_learning_rate,
        batch_size=chosen.scoring_batch_size,
        max_length=chosen.scoring_max_length,
        n_evaluations=chosen.scoring_evaluations,
    )
    task = get_task(chosen.scoring_task)
    if task.task_type != "ner":
        known = ", ".join(task.name for task in TASKS if task.task_type == "ner")
        raise ParameterError(f"scoring_task={task.name!r} has no entities; use {known}")
    encoder = next(iter(study.sources.encoders), None)
    missing = "" if encoder else "no encoder can be run"
    if task not in study.tasks:
        missing = f"{task.name} is not among the tasks of this run"
    cells = {}
    if encoder and not missing:
        run = study.run_config(task.name, encoder, recipe=recipe, seed=study.seeds[0])
        cells[Condition(encoder, DEFAULT_RECIPE, task.name)] = (run,)
    grid = Grid(
        groups=(encoder or "none",),
        missing_reasons={encoder or "none": missing} if missing else {},
        levels=(DEFAULT_RECIPE,),
        columns=(TaskColumn(label=task.name, tasks=(task.name,)),),
        recipes={(DEFAULT_RECIPE, task.name): recipe},
        seeds=study.seeds[:1],
        cells=cells,
    )
    return {"scoring": grid}
