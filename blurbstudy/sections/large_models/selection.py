"""LARGE encoders under each technique, and the technique that dev chooses for each."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from ...stats.cells import common_seeds, group_by_task, seed_score
from ...study.conditions import blurb_columns
from ...study.grid import DEFAULT_RECIPE, Axes, Condition, Results
from ...study.study import Study
from ...tables.formatting import format_number
from ...tables.paper import shown_number
from ...tables.score_table import percent
from ...tables.table import Table
from .grids import BASE_COUNTERPART, LARGE, Parameters

AXES = Axes(group="Size", level="LARGE encoder")


def technique_results(study: Study[Parameters], results: Results) -> Results:
    """The LARGE encoders under each technique on SS and QA: Table 5."""
    return results.select(groups=list(study.parameters.large_encoders), columns=study.paper_columns())


def choose_on_dev(results: Results) -> dict[tuple[str, str], str]:
    """(encoder, task column) -> the technique with the best mean dev score; the first of equals, so the simplest."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for group, level, column in results.conditions():
        mean = dev_mean(results, Condition(group, level, column))
        if mean is not None and ((group, column) not in best or mean > best[group, column][0]):
            best[group, column] = mean, level
    return {key: level for key, (_, level) in best.items()}


def dev_mean(results: Results, condition: Condition) -> float | None:
    """The mean dev score of a cell over the seeds that have one."""
    records = results.cell(condition)
    if not records:
        return None
    weights = results.column(condition.column).weights
    cell = group_by_task(records, results.references, results.grid.pretraining_seeds, weights)
    scores = [seed_score(cell, results.references, seed=seed, split="dev") for seed in common_seeds(cell)]
    scored = [score for score in scores if score is not None]
    return fmean(scored) if scored else None


def best_technique_results(study: Study[Parameters], results: Results) -> Results:
    """Each LARGE encoder on every task with the technique chosen on dev, and its BASE counterpart with the same one."""
    best = choose_on_dev(technique_results(study, results))
    column_of = {task: column.label for column in results.grid.columns for task in column.tasks}
    large_encoders = tuple(study.parameters.large_encoders)
    columns = tuple(replace(column, paper="") for column in blurb_columns(study))
    sizes = {LARGE: {name: name for name in large_encoders}, BASE_COUNTERPART: study.parameters.counterparts}
    cells, recipes = {}, {}
    for size, encoders in sizes.items():
        for name, encoder in encoders.items():
            runs_of = {}
            for task in (task.name for task in study.tasks):
                level = best.get((name, column_of[task]), DEFAULT_RECIPE)
                runs = results.grid.cells.get(Condition(encoder, level, column_of[task]), ())
                runs_of[task] = [config for config in runs if config.task == task]
                recipes[name, task] = results.grid.recipes[level, task]
            seeds = set.intersection(*({config.seed for config in runs} for runs in runs_of.values()))
            for column in columns:
                # A mean over tasks takes the seeds that all of them have.
                single = len(column.tasks) == 1
                runs = tuple(run for task in column.tasks for run in runs_of[task] if single or run.seed in seeds)
                if runs:
                    cells[Condition(size, name, column.label)] = runs
    grid = replace(
        results.grid,
        axes=AXES,
        groups=tuple(sizes),
        levels=large_encoders,
        columns=columns,
        recipes=recipes,
        cells=cells,
    )
    return replace(results, grid=grid)


def choice_table(study: Study[Parameters], results: Results) -> Table:
    """Which technique each LARGE encoder takes on SS and on QA, and how all did on dev."""
    techniques = technique_results(study, results)
    best, levels = choose_on_dev(techniques), techniques.grid.levels
    rows = []
    for group in techniques.grid.groups:
        for column in techniques.grid.columns:
            means = [dev_mean(techniques, Condition(group, level, column.label)) for level in levels]
            printed = [(shown_number(results, "table5", group, level, column.paper), level) for level in levels]
            known = [(score, level) for score, level in printed if score is not None]
            papers_best = max(known, key=lambda entry: entry[0])[1] if known else "–"
            chosen = best.get((group, column.label), "–")
            rows.append((group, column.label, *(format_number(percent(mean)) for mean in means), chosen, papers_best))
    columns = ("Encoder", "Tasks", *levels, "Chosen", "The paper's")
    notes = [
        "Mean score on dev over seeds, times 100. The technique with the best mean on dev is chosen, the first of "
        "equals, so that test is used only once. The other tasks, which the paper finds stable, take the baseline: "
        "longer training and bias correction, no layer-specific technique. The paper's: the best that it prints on "
        "test; it does not say how it chose."
    ]
    return Table(
        title="The technique of each encoder, chosen on dev",
        columns=columns,
        n_header_columns=2,
        caption=techniques.caption,
        rows=rows,
        notes=notes,
    )
