"""Tables 5 and 6: LARGE encoders under each technique, then on all tasks with the best one, beside their BASE twins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..config import Recipe
from ..models import Architecture
from ..results.cells import by_task, common_seeds, seed_score
from ..results.intervals import holm
from ..results.pretrain_spec import PRETRAIN, read_pretrain_spec
from ..results.statistics import Comparison
from ..stabilizers import Freeze, LayerwiseDecay, Reinitialize, Stabilizer
from .chosen_encoders import large_twins
from .comparisons import excludes_zero, p_value
from .grid import CellKey, Grid, Part, Results
from .objectives import BLURB, blurb_parts
from .paper import paper_number
from .score_tables import PERCENT, cell_notes, cell_score, percent, percents
from .study import Study
from .tables import (
    Answer,
    Cell,
    Drawn,
    Score,
    Table,
    both_intervals,
    detailed,
    interval,
    number,
    seeds_and_examples,
    signed,
)

BASELINE = "Baseline"  # the setting without a technique
LARGE, TWIN = "LARGE", "BASE twin"  # the two rows of the grid whose settings are LARGE encoders
PAPER = "table6"
DELTA = "delta BASE model"  # the paper's row
NOT_ASKED = "not asked for (on_all_tasks)"


def layer_techniques(
    freeze: int | str, decay: float, *, reinit_layers: int, reinit_pooler: bool
) -> dict[str, list[Stabilizer]]:
    """The settings of Table 5: the baseline and each layer-specific technique."""
    return {
        BASELINE: [],
        "Layer freeze": [Freeze(freeze)],
        "Layerwise decay": [LayerwiseDecay(decay)],
        "Layer reinit": [Reinitialize(reinit_layers, pooler=reinit_pooler)],
    }


def large_grid(
    study: Study,
    settings: Mapping[str, Sequence[Stabilizer]],
    twin_settings: Mapping[str, Sequence[Stabilizer]],
    *,
    bases: Mapping[str, Recipe],
    seeds_otherwise: int,
    on_all_tasks: Sequence[str] | None,
) -> Grid:
    """Every LARGE encoder and every BASE twin: under each technique on SS and QA, and as they are on the other tasks,
    which the paper finds stable, with the first `seeds_otherwise` seeds.

    Args:
        twin_settings: the same techniques at a BASE encoder's depth.
        on_all_tasks: LARGE encoders of which the other tasks are asked; None: all.
    """
    tried, names = study.paper_parts(), list(study.values["large_encoders"])
    twins = large_twins(study.values)
    found = study.grid(settings, bases=bases, parts=tried, encoders=names)
    beside = [name for name in study.encoders if name in twins.values()]
    if beside:
        found = _with_twins(found, study.grid(twin_settings, bases=bases, parts=tried, encoders=beside))
    others = tuple(
        Part(label=task.name, tasks=(task.name,))
        for task in study.tasks
        if not any(task.name in part.tasks for part in tried)
    )
    plain = study.grid({BASELINE: []}, bases=bases, parts=others, seeds=study.seeds[:seeds_otherwise])
    chosen = [name for name in names if on_all_tasks is None or name in on_all_tasks]
    asked = {*chosen, *(twins[name] for name in chosen if name in twins)}
    cells = {key: runs for key, runs in plain.cells.items() if key.encoder in asked}
    return replace(
        found, parts=(*tried, *others), cells=found.cells | cells, recipes=found.recipes | plain.recipes
    )  # fmt: skip


def _with_twins(large: Grid, base: Grid) -> Grid:
    """Both in one grid; recipes of the twins that differ stand beside, under a name of their own."""
    own = {
        (f"{setting}, {TWIN}", task): recipe
        for (setting, task), recipe in base.recipes.items()
        if recipe != large.recipes[setting, task]
    }
    return replace(
        large,
        encoders={**large.encoders, **base.encoders},
        cells={**large.cells, **base.cells},
        recipes={**large.recipes, **own},
        layers={**large.layers, **base.layers},
    )


def techniques_view(study: Study, results: Results) -> Results:
    """The LARGE encoders under each technique on SS and QA: Table 5."""
    return results.only(encoders=list(study.values["large_encoders"]), parts=study.paper_parts())


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
    cell = by_task(records, results.references, results.grid.clusters, results.part(key.part).weights)
    scores = [seed_score(cell, results.references, seed=seed, split="dev") for seed in common_seeds(cell)]
    scored = [score for score in scores if score is not None]
    return float(np.mean(scored)) if scored else None


def stabilized(study: Study, results: Results) -> Results:
    """Each LARGE encoder on every task with its technique chosen on dev, and its BASE twin with the same technique."""
    best, twins = best_settings(techniques_view(study, results)), large_twins(study.values)
    part_of = {task: part.label for part in results.grid.parts for task in part.tasks}
    large, cells, recipes = list(study.values["large_encoders"]), {}, {}
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


def large_table(study: Study, chosen: Results, *, title: str) -> Table:
    """Table 6: a row per task, a column per LARGE encoder, and the difference to the BASE twin below."""
    names = chosen.grid.settings
    rows: list[tuple[Cell, ...]] = [
        (part.label, *(_large_cell(study, chosen, name, part) for name in names)) for part in chosen.grid.parts
    ]
    if any(part.label == BLURB for part in chosen.grid.parts):
        rows.append(("Δ BASE twin, BLURB score", *(_delta(study, chosen, name) for name in names)))
    notes = cell_notes(chosen, PAPER)
    notes.insert(1, "Δ BASE twin: the BLURB score less that of the BASE twin on the same tasks, seeds and techniques, "
                    "paired by seed; 95% intervals.")  # fmt: skip
    return Table(title=title, columns=("Task", *names), rows=rows, caption=_large_only(chosen).caption, notes=notes)


def _large_cell(study: Study, chosen: Results, name: str, part: Part) -> Score:
    cell = cell_score(chosen, CellKey(LARGE, name, part.label), paper=PAPER)
    cell = replace(cell, paper=paper_number(PAPER, name, part.label))
    given = study.specs[name] is not None
    return (
        replace(cell, state=NOT_ASKED) if given and CellKey(LARGE, name, part.label) not in chosen.grid.cells else cell
    )


def _delta(study: Study, chosen: Results, name: str) -> Drawn:
    printed = paper_number(PAPER, name, DELTA)
    paper = [f"paper {signed(printed)}"] if printed is not None else []
    change = twin_comparison(chosen, name, BLURB)
    if change is None or change.difference is None:
        return detailed(None, "–", paper)
    both = seeds_and_examples(percents(change.seed_interval), percents(change.example_interval))
    said = [f"to {large_twins(study.values)[name]}", *both, *paper]
    return detailed(change.difference, signed(percent(change.difference)), said)


def _large_only(chosen: Results) -> Results:
    return chosen.only(encoders=[LARGE], parts=chosen.grid.parts)


def twin_comparison(chosen: Results, name: str, part: str) -> Comparison | None:
    """A LARGE encoder less its BASE twin under the same techniques; None where one has no runs."""
    return chosen.compared(CellKey(LARGE, name, part), CellKey(TWIN, name, part))


def twin_comparisons(chosen: Results) -> dict[tuple[str, str], tuple[Comparison, float | None]]:
    """(LARGE encoder, part) -> comparison with its twin, and its p after Holm's correction over all of them."""
    found = {}
    for name in chosen.grid.settings:
        for part in chosen.grid.parts:
            change = twin_comparison(chosen, name, part.label)
            if change is not None and change.difference is not None:
                found[name, part.label] = change
    corrected = holm([change.p_seeds for change in found.values()])
    return {key: (change, p) for (key, change), p in zip(found.items(), corrected, strict=True)}


def twin_table(study: Study, chosen: Results) -> Table:
    """Task by task: the LARGE encoder, its BASE twin, and their difference."""
    twins, rows = large_twins(study.values), []
    for (name, part), (change, p) in twin_comparisons(chosen).items():
        means = [chosen.summaries[CellKey(row, name, part)].mean for row in (LARGE, TWIN)]
        rows.append(
            (
                f"{name}\nbeside {twins[name]}",
                part,
                *(number(percent(mean)) for mean in means),
                signed(percent(change.difference)),
                interval(percents(change.seed_interval)),
                p_value(p),
                interval(percents(change.example_interval)),
                str(change.n_pairs),
            )
        )
    columns = (
        "Encoder",
        "Task",
        "LARGE",
        "BASE twin",
        "Difference",
        "over seeds",
        "p (Holm)",
        "over examples",
        "pairs",
    )
    without = [name for name in chosen.grid.settings if study.specs[name] is not None and name not in twins]
    notes = [
        "Difference: LARGE less BASE twin, both with the technique that LARGE takes on the task, times 100, paired by "
        f"seed; 95% intervals; p: paired t-test over seeds, Holm's correction over {len(rows)} comparisons.",
        *([f"No BASE twin is given for {', '.join(without)}."] if without else []),
    ]
    return Table(title="LARGE against BASE, with the same techniques", columns=columns, heads=2, caption=chosen.caption,
                 rows=rows or [("not run", *("–" for _ in columns[1:]))], notes=notes)  # fmt: skip


def large_answer(study: Study, chosen: Results) -> Answer:
    """Whether size pays: the BLURB score against the BASE twin's, and on how many tasks it is decided."""
    sentences, compared = [], twin_comparisons(chosen)
    for name in chosen.grid.settings:
        own = {part: one for (large, part), one in compared.items() if large == name and part != BLURB}
        if not own:
            continue
        decided = [
            change.difference
            for change, p in own.values()
            if p is not None and p < 0.05 and excludes_zero(change.example_interval)
        ]
        better, worse = sum(d > 0 for d in decided), sum(d < 0 for d in decided)
        twin = large_twins(study.values)[name]
        said = f"{name} against {twin} with the same techniques: better on {better}, worse on {worse} and undecided on "
        said += f"{len(own) - len(decided)} of {len(own)} tasks"
        whole, _ = compared.get((name, BLURB), (None, None))
        if whole is not None:
            said += (
                f"; BLURB score {signed(whole.difference * PERCENT)} ("
                f"{both_intervals(percents(whole.seed_interval), percents(whole.example_interval))})"
            )
        sentences.append(f"{said}.")
    return Answer(question="Is LARGE better than BASE?", sentences=sentences or ["Nothing has been run yet."])


def large_against_paper(study: Study, chosen: Results) -> Answer:
    """The difference to BASE beside the paper's, encoder by encoder."""
    sentences = []
    for name in chosen.grid.settings:
        printed, change = paper_number(PAPER, name, DELTA), twin_comparison(chosen, name, BLURB)
        if printed is None or change is None or change.difference is None:
            continue
        clear = excludes_zero(change.seed_interval) and excludes_zero(change.example_interval)
        agree = "same direction" if printed * change.difference > 0 else "opposite direction"
        sentences.append(
            f"{name}, BLURB score against BASE: the paper {signed(printed)}, which fits no BASE score that it prints; "
            f"here {signed(change.difference * PERCENT)} against {large_twins(study.values)[name]} with the same "
            f"techniques: {agree if clear else 'undecided here'}."
        )
    return Answer(question="LARGE against BASE, beside the paper", sentences=sentences or ["No difference yet."])


def stand_in_table(study: Study) -> Table:
    """What stands in each row of the paper's: the released encoder, or which one in its place; and its BASE twin."""
    twins, rows = large_twins(study.values), []
    for name, spec in study.values["large_encoders"].items():
        twin = twins.get(name)
        rows.append(
            (
                name,
                _given(study, name, spec),
                _shape(study, name),
                f"{twin}\n{_given(study, twin, study.specs[twin])}" if twin else "none given",
                _shape(study, twin) if twin else "–",
                study.remarks.get(name, ""),
            )
        )
    columns = ("Row of the paper", "What it is here", "Shape", "BASE twin", "Shape of the twin", "Remark")
    notes = [
        "A stand-in takes a LARGE encoder's place where that is not at hand: a deeper and wider encoder of our own "
        "pretraining, or one whose text was general English. Its numbers say nothing of the encoder it stands for."
    ]
    stands = any(str(spec).startswith(PRETRAIN) for spec in study.values["large_encoders"].values())
    return Table(title="Which encoder stands for which", columns=columns, rows=rows, caption=study.origin,
                 notes=notes if stands else [])  # fmt: skip


def _given(study: Study, name: str, spec: str | None) -> str:
    if spec is None:
        return study.encoders[name]
    if not spec.startswith(PRETRAIN):
        return spec.rstrip("/").rsplit("/", 1)[-1].removeprefix("hub:")
    return f"stand-in, pretrained here: {read_pretrain_spec(name, spec).in_words}"


def _shape(study: Study, name: str) -> str:
    source = study.sources.encoders.get(name)
    if source is None:
        return "–"
    shape = Architecture(**source.architecture)
    return f"{shape.n_layers} layers of width {shape.width}\n{shape.n_parameters / 1e6:.3g} M parameters"
