"""LARGE encoders under each technique, and the technique that dev chooses for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...stats.cells import common_seeds, group_by_task, seed_score
from ...study.grid import CellKey, Results
from ...study.parts import blurb_parts
from ...study.study import Study
from ...tables.paper import paper_number
from ...tables.score_table import percent
from ...tables.table import Table, number
from .grids import BASELINE, LARGE, TWIN


def techniques_view(study: Study, results: Results) -> Results:
    """The LARGE encoders under each technique on SS and QA: Table 5."""
    return results.only(encoders=list(study.parameters.large_encoders), parts=study.paper_parts())


def best_settings(results: Results) -> dict[tuple[str, str], str]:
    """(encoder, part) -> the setting with the best mean on dev over seeds; the first of equals, so the simplest."""
    found: dict[tuple[str, str], str] = {}
    for key in results.cell_keys():
        mean = dev_mean(results, key)
        before = found.get((key.encoder, key.part))
        if mean is not None and (before is None or mean > dev_mean(results, key._replace(setting=before))):
            found[key.encoder, key.part] = key.setting
    return found


def dev_mean(results: Results, key: CellKey) -> float | None:
    """The mean of a cell's dev scores over the seeds that have one."""
    records = results.cell(key)
    if not records:
        return None
    cell = group_by_task(records, results.references, results.grid.clusters, results.part(key.part).weights)
    scores = [seed_score(cell, results.references, seed=seed, split="dev") for seed in common_seeds(cell)]
    scored = [score for score in scores if score is not None]
    return float(np.mean(scored)) if scored else None


def stabilized(study: Study, results: Results) -> Results:
    """Each LARGE encoder on every task with its technique chosen on dev, and its BASE twin with the same technique."""
    best, twins = best_settings(techniques_view(study, results)), study.parameters.counterparts
    part_of = {task: part.label for part in results.grid.parts for task in part.tasks}
    large, cells, recipes = list(study.parameters.large_encoders), {}, {}
    parts = tuple(replace(part, paper="") for part in blurb_parts(study))
    for row, names in ((LARGE, {name: name for name in large}), (TWIN, twins)):
        for name, encoder in names.items():
            own = {}
            for task in (task.name for task in study.tasks):
                setting = best.get((name, part_of[task]), BASELINE)
                runs = results.grid.cells.get(CellKey(encoder, setting, part_of[task]), ())
                own[task] = tuple(config for config in runs if config.task == task)
                recipes[name, task] = results.grid.recipes[setting, task]
            seeds = set.intersection(*({config.seed for config in runs} for runs in own.values()))
            for part in parts:
                several = len(part.tasks) > 1  # whose seeds all have to be there
                runs = [run for task in part.tasks for run in own[task] if not several or run.seed in seeds]
                cells |= {CellKey(row, name, part.label): tuple(runs)} if runs else {}
    grid = replace(
        results.grid, encoders={LARGE: "", TWIN: ""}, settings=tuple(large), parts=parts, recipes=recipes, cells=cells,
        absent={name: why for name, why in results.grid.encoders.items() if why},
    )  # fmt: skip
    return replace(results, grid=grid)


def choice_table(study: Study, results: Results) -> Table:
    """Which technique each LARGE encoder takes on SS and on QA, and how they did on dev."""
    view = techniques_view(study, results)
    best, settings = best_settings(view), view.grid.settings
    rows = []
    for name in view.grid.encoders:
        for part in view.grid.parts:
            keys = [CellKey(name, setting, part.label) for setting in settings]
            printed = {key.setting: paper_number("table5", name, key.setting, part.paper) for key in keys}
            known = {setting: value for setting, value in printed.items() if value is not None}
            chosen = best.get((name, part.label), "–")
            papers = max(known, key=known.get) if known else "–"
            rows.append((name, part.label, *(number(percent(dev_mean(view, key))) for key in keys), chosen, papers))
    columns = ("Encoder", "Tasks", *settings, "Chosen", "The paper's")
    notes = [
        "Mean score on dev over seeds, times 100. The best on dev is taken, so that test is not looked at twice; of "
        "equal ones the first. On the other tasks, which the paper finds stable, the baseline is taken: longer "
        "training and bias correction, no layer-specific technique. The paper's: the best that it prints "
        "on test; it does not say how it chose."
    ]
    return Table(title="The technique of each encoder, chosen on dev", columns=columns, heads=2, caption=view.caption,
                 rows=rows, notes=notes)  # fmt: skip
