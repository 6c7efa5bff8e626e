"""Notebook 04's parameters and grid: LARGE encoders and their BASE counterparts under each technique."""

from __future__ import annotations

from dataclasses import replace

from ...stabilizers import Stabilizer
from ...study.conditions import layer_techniques, recipes_by_type, technique_grid
from ...study.grid import DEFAULT_RECIPE, Grid, TaskColumn
from ...study.study import Study
from ..parameters import LargeModelsParameters as Parameters

LARGE, BASE_COUNTERPART = "LARGE", "BASE counterpart"  # groups of the grid whose levels are LARGE encoders
NOT_REQUESTED = "not requested (on_all_tasks)"


def techniques(parameters: Parameters, *, base: bool = False) -> dict[str, list[Stabilizer]]:
    """Level of Table 5 -> techniques: the baseline and each layer-specific technique.
    `base`: with the parameters of BASE counterparts.
    """
    changed = {"freeze": parameters.base_freeze, "decay": parameters.base_decay} if base else {}
    return layer_techniques(parameters.model_copy(update=changed))


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`large`: every LARGE encoder and every BASE counterpart, under each technique on SS and QA, and without one on
    the other tasks, which the paper finds stable, with the first `seeds_otherwise` seeds.
    """
    chosen, bases = study.parameters, recipes_by_type(study)
    tuned, names, counterparts = study.paper_columns(), list(chosen.large_encoders), chosen.counterparts
    grid = technique_grid(study, techniques(chosen), bases=bases, columns=tuned, encoders=names)
    base_encoders = [name for name in study.encoders if name in counterparts.values()]
    if base_encoders:
        base_grid = technique_grid(
            study, techniques(chosen, base=True), bases=bases, columns=tuned, encoders=base_encoders
        )
        grid = _with_counterparts(grid, base_grid)
    others = tuple(
        TaskColumn(label=task.name, tasks=(task.name,))
        for task in study.tasks
        if not any(task.name in column.tasks for column in tuned)
    )
    seeds = study.seeds[: chosen.seeds_otherwise]
    baselines = technique_grid(study, {DEFAULT_RECIPE: []}, bases=bases, columns=others, seeds=seeds)
    on_all = [name for name in names if chosen.on_all_tasks is None or name in chosen.on_all_tasks]
    included = {*on_all, *(counterparts[name] for name in on_all if name in counterparts)}
    cells = {key: runs for key, runs in baselines.cells.items() if key.group in included}
    recipes = {**grid.recipes, **baselines.recipes}
    return {"large": replace(grid, columns=(*tuned, *others), cells={**grid.cells, **cells}, recipes=recipes)}


def _with_counterparts(large: Grid, base: Grid) -> Grid:
    """Both grids in one; recipes of the BASE counterparts that differ get a name of their own."""
    differing = {
        (f"{level}, {BASE_COUNTERPART}", task): recipe
        for (level, task), recipe in base.recipes.items()
        if recipe != large.recipes[level, task]
    }
    return replace(
        large,
        groups=(*large.groups, *base.groups),
        missing_reasons={**large.missing_reasons, **base.missing_reasons},
        cells={**large.cells, **base.cells},
        recipes={**large.recipes, **differing},
        layers={**large.layers, **base.layers},
    )
