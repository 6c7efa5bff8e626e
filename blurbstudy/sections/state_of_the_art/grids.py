"""What notebook 06 asks for: every encoder of a table by the standard recipe and by the one its search chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import Recipe, RunConfig
from ...study.conditions import blurb_columns, recipes_by_type
from ...study.grid import Condition, Grid
from ...study.study import Study
from .parameters import Parameters
from .searches import DEV_APART, Searched, optimal_recipe, planned_searches, search_results, trial_configs

STANDARD, OPTIMAL = "Standard", "Optimal"


def grids(study: Study[Parameters], searched: Searched | None = None) -> dict[str, Grid]:
    """`table8` and `table9`: BASE and LARGE encoders, standard and optimal.

    Args:
        searched: what the searches found; None: as in the store, or run now if the study trains.
    """
    searched = search_results(study) if searched is None else searched
    chosen, bases = study.parameters, recipes_by_type(study)
    return {
        "table8": optimal_grid(study, searched, bases, columns=chosen.base_columns),
        "table9": optimal_grid(study, searched, bases, columns=chosen.large_columns, tasks=chosen.large_tasks),
    }


def planned_configs(study: Study[Parameters]) -> list[RunConfig]:
    """The runs of this notebook as far as they can be foreseen: those of trials, and of the grids after them."""
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
    """Every encoder of a table on every task, by the standard recipe and by the one that its search chose; without a
    search the two are the same. Where the optimal one is trained on dev too, the chosen recipe also without.

    Args:
        columns: the paper's name -> display name of the encoder that stands for it, or None.
        tasks: those to be run; None: all.
    """
    train_on_dev = study.parameters.train_on_dev
    available = {column: name for column, name in columns.items() if name in study.sources.encoders and name}
    recipes = {
        (column, setting, task.name): bases[task.name]
        if setting == STANDARD
        else optimal_recipe(
            searched.get((name, task.name)), bases[task.name], train_on_dev=setting == OPTIMAL and joined
        )
        for column, name in available.items()
        for task in study.tasks
        if tasks is None or task.name in tasks
        for joined in [task.name in train_on_dev]
        for setting in (STANDARD, OPTIMAL, *([DEV_APART] if joined else []))
    }
    parts, cells = blurb_columns(study), {}
    for column, name in available.items():
        for setting in (STANDARD, OPTIMAL, DEV_APART):
            for part in parts:
                by_task = {task: recipes.get((column, setting, task)) for task in part.tasks}
                if None not in by_task.values():
                    cells[Condition(column, setting, part.label)] = tuple(
                        study.run_config(task, name, recipe=recipe, seed=seed)
                        for task, recipe in by_task.items()
                        if recipe is not None
                        for seed in study.seeds
                    )
    shown = {
        (f"{column}, {setting.lower()}", task): recipe
        for (column, setting, task), recipe in recipes.items()
        if recipe is not None
    }
    return Grid(
        groups=tuple(columns),
        missing_reasons={column: _why_not(study, name) for column, name in columns.items() if column not in available},
        levels=(STANDARD, OPTIMAL, DEV_APART),
        columns=parts,
        recipes=shown,
        seeds=study.seeds,
        cells=cells,
        notes={column: _stands(study, column, name) for column, name in available.items()},
    )


def _why_not(study: Study[Parameters], name: str | None) -> str:
    return study.encoders.get(name or "", "no encoder named") or "no path given"


def _stands(study: Study[Parameters], column: str, name: str) -> str:
    here = study.sources.encoders[name]
    return f"here {name} ({here.description}){f'; {study.encoder_notes[name]}' if name in study.encoder_notes else ''}"
