"""Notebook 06's grids: every encoder of a table by the default recipe and by the one its search chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import Recipe, RunConfig
from ...study.conditions import blurb_columns, recipes_by_type
from ...study.grid import DEFAULT_RECIPE, Axes, Condition, Grid
from ...study.study import Study
from ..parameters import StateOfTheArtParameters as Parameters
from .searches import SEARCHED_WITHOUT_DEV, Searched, optimal_recipe, planned_searches, search_results, trial_configs

SEARCHED_RECIPE = "Searched recipe"
LEVELS = (DEFAULT_RECIPE, SEARCHED_RECIPE, SEARCHED_WITHOUT_DEV)
AXES = Axes(group="Encoder", level="Recipe")


def grids(study: Study[Parameters], searched: Searched | None = None) -> dict[str, Grid]:
    """`table8` and `table9`: BASE and LARGE encoders, by the default and the searched recipe.
    `searched`: results of the searches; None: as in the store, or run now if the study trains.
    """
    searched = search_results(study) if searched is None else searched
    chosen, bases = study.parameters, recipes_by_type(study)
    return {
        "table8": optimal_grid(study, searched, bases, columns=chosen.base_columns),
        "table9": optimal_grid(study, searched, bases, columns=chosen.large_columns, tasks=chosen.large_tasks),
    }


def planned_configs(study: Study[Parameters]) -> list[RunConfig]:
    """The runs that a plan counts for this notebook: those of trials, and of the grids after them."""
    searched = planned_searches(study)
    configs = [config for grid in grids(study, searched).values() for config in grid.configs]
    return [*trial_configs(searched), *configs]


def optimal_grid(
    study: Study[Parameters],
    searched: Searched,
    bases: Mapping[str, Recipe],
    *,
    columns: Mapping[str, str | None],
    tasks: Sequence[str] | None = None,
) -> Grid:
    """Every encoder of a table on every task, by the default recipe and by the one that its search chose; without a
    search the two are the same. Where the searched one is also trained on dev, the chosen recipe without dev too.

    Args:
        columns: the paper's name -> display name of the encoder in its place, or None.
        tasks: those to be run; None: all.
    """
    available = {column: name for column, name in columns.items() if name in study.sources.encoders and name}
    recipes: dict[tuple[str, str, str], Recipe | None] = {}
    for column, name in available.items():
        for task in study.tasks:
            if tasks is not None and task.name not in tasks:
                continue
            base, result = bases[task.name], searched.get((name, task.name))
            train_on_dev = task.name in study.parameters.train_on_dev
            recipes[column, DEFAULT_RECIPE, task.name] = base
            recipes[column, SEARCHED_RECIPE, task.name] = optimal_recipe(result, base, train_on_dev=train_on_dev)
            if train_on_dev:
                recipes[column, SEARCHED_WITHOUT_DEV, task.name] = optimal_recipe(result, base, train_on_dev=False)
    task_columns, cells = blurb_columns(study), {}
    for column, name in available.items():
        for level in LEVELS:
            for task_column in task_columns:
                by_task = [(task, recipes.get((column, level, task))) for task in task_column.tasks]
                chosen = [(task, recipe) for task, recipe in by_task if recipe is not None]
                if len(chosen) == len(by_task):
                    cells[Condition(column, level, task_column.label)] = tuple(
                        study.run_config(task, name, recipe=recipe, seed=seed)
                        for task, recipe in chosen
                        for seed in study.seeds
                    )
    return Grid(
        groups=tuple(columns),
        missing_reasons={
            column: study.encoders.get(name or "", "no encoder named") or "no path given"
            for column, name in columns.items()
            if column not in available
        },
        levels=LEVELS,
        columns=task_columns,
        axes=AXES,
        recipes={
            (f"{column}, {level.lower()}", task): recipe
            for (column, level, task), recipe in recipes.items()
            if recipe is not None
        },
        seeds=study.seeds,
        cells=cells,
        notes={column: _encoder_note(study, name) for column, name in available.items()},
    )


def _encoder_note(study: Study[Parameters], name: str) -> str:
    note = f"here {name} ({study.sources.encoders[name].description})"
    return f"{note}; {study.encoder_notes[name]}" if name in study.encoder_notes else note
