"""LARGE encoders under each technique, and the technique that dev chooses for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...stats.cells import common_seeds, group_by_task, seed_score
from ...study.conditions import blurb_columns
from ...study.grid import Axes, Condition, Results
from ...study.study import Study
from ...tables.paper import paper_number
from ...tables.score_table import percent
from ...tables.table import Table, format_number
from .grids import BASELINE, LARGE, TWIN


def techniques_view(study: Study, results: Results) -> Results:
    """The LARGE encoders under each technique on SS and QA: Table 5."""
    return results.select(groups=list(study.parameters.large_encoders), columns=study.paper_columns())


def choose_on_dev(results: Results) -> dict[tuple[str, str], str]:
    """(encoder, part) -> the setting with the best mean on dev over seeds; the first of equals, so the simplest."""
    found: dict[tuple[str, str], str] = {}
    for key in results.conditions():
        mean = dev_mean(results, key)
        before = found.get((key.group, key.column))
        if mean is not None and (before is None or mean > dev_mean(results, key._replace(level=before))):
            found[key.group, key.column] = key.level
    return found


def dev_mean(results: Results, key: Condition) -> float | None:
    """The mean of a cell's dev scores over the seeds that have one."""
    records = results.cell(key)
    if not records:
        return None
    cell = group_by_task(
        records, results.references, results.grid.pretraining_seeds, results.column(key.column).weights
    )
    scores = [seed_score(cell, results.references, seed=seed, split="dev") for seed in common_seeds(cell)]
    scored = [score for score in scores if score is not None]
    return float(np.mean(scored)) if scored else None


def best_technique_results(study: Study, results: Results) -> Results:
    """Each LARGE encoder on every task with its technique chosen on dev, and its BASE twin with the same technique."""
    best, twins = choose_on_dev(techniques_view(study, results)), study.parameters.counterparts
    part_of = {task: part.label for part in results.grid.columns for task in part.tasks}
    large, cells, recipes = list(study.parameters.large_encoders), {}, {}
    parts = tuple(replace(part, paper="") for part in blurb_columns(study))
    for row, names in ((LARGE, {name: name for name in large}), (TWIN, twins)):
        for name, encoder in names.items():
            own = {}
            for task in (task.name for task in study.tasks):
                setting = best.get((name, part_of[task]), BASELINE)
                runs = results.grid.cells.get(Condition(encoder, setting, part_of[task]), ())
                own[task] = tuple(config for config in runs if config.task == task)
                recipes[name, task] = results.grid.recipes[setting, task]
            seeds = set.intersection(*({config.seed for config in runs} for runs in own.values()))
            for part in parts:
                several = len(part.tasks) > 1  # whose seeds all have to be there
                runs = [run for task in part.tasks for run in own[task] if not several or run.seed in seeds]
                cells |= {Condition(row, name, part.label): tuple(runs)} if runs else {}
    grid = replace(
        results.grid,
        axes=Axes(group="Size", level="LARGE encoder"),
        groups=(LARGE, TWIN),
        levels=tuple(large),
        columns=parts,
        recipes=recipes,
        cells=cells,
    )
    return replace(results, grid=grid)


def choice_table(study: Study, results: Results) -> Table:
    """Which technique each LARGE encoder takes on SS and on QA, and how they did on dev."""
    view = techniques_view(study, results)
    best, settings = choose_on_dev(view), view.grid.levels
    rows = []
    for name in view.grid.groups:
        for part in view.grid.columns:
            keys = [Condition(name, setting, part.label) for setting in settings]
            printed = {key.level: paper_number("table5", name, key.level, part.paper) for key in keys}
            known = {setting: value for setting, value in printed.items() if value is not None}
            chosen = best.get((name, part.label), "–")
            papers = max(known, key=known.get) if known else "–"
            rows.append(
                (name, part.label, *(format_number(percent(dev_mean(view, key))) for key in keys), chosen, papers)
            )
    columns = ("Encoder", "Tasks", *settings, "Chosen", "The paper's")
    notes = [
        "Mean score on dev over seeds, times 100. The best on dev is taken, so that test is not looked at twice; of "
        "equal ones the first. On the other tasks, which the paper finds stable, the baseline is taken: longer "
        "training and bias correction, no layer-specific technique. The paper's: the best that it prints "
        "on test; it does not say how it chose."
    ]
    return Table(
        title="The technique of each encoder, chosen on dev",
        columns=columns,
        n_header_columns=2,
        caption=view.caption,
        rows=rows,
        notes=notes,
    )
