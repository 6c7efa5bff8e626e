"""Hyperparameter searches of a notebook: run, looked up in a report, bounded in a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...config import Recipe, RunConfig
from ...engine.sweep import run_missing
from ...errors import ParameterError
from ...search.database import SearchDatabase, database_url
from ...search.search import Found, Search, found_in_store, planned_search, run_searches
from ...search.space import search_space
from ...stats.collapse import load_references
from ...study.parameter_schema import read_seeds
from ...study.study import Study
from ...tasks import SPLITS, Task

DEV_APART = "Optimal, dev apart"  # the setting of the chosen recipe where dev joins train, once more without it

Searched = Mapping[tuple[str, str], Found]  # (encoder's display name, task)


def searches_of(
    study: Study,
    bases: Mapping[str, Recipe],
    *,
    encoders: Sequence[str | None],
    tasks: Sequence[str],
    space: Mapping[str, Sequence[Any]],
    epochs: Mapping[str, Sequence[float]],
    seeds: Any,
) -> list[Search]:
    """One search per encoder and task, around the task's standard recipe. Encoders that are not there and tasks that
    are not among the study's have none.

    Args:
        bases: task -> standard recipe.
        space: dimension -> values.
        epochs: kind of task -> values; kinds that it does not name keep the standard number.
        seeds: of the runs of a trial.

    Raises:
        ParameterError: a seed is one of the study's, or a choice does not fit an encoder.
    """
    drawn = read_seeds(seeds)
    both = sorted(set(drawn) & set(study.seeds))
    if both:
        raise ParameterError(
            f"search_seeds: {both[0]} is one of seeds as well; give the search seeds of its own, so that a recipe is "
            f"not chosen for a seed's luck that test then shows"
        )
    chosen = [task for task in study.tasks if task.name in tasks]
    found = []
    for encoder in dict.fromkeys(name for name in encoders if name in study.sources.encoders):
        for task in chosen:
            shape = study.sources.encoders[encoder].architecture
            segments = min(len(task.text_columns), shape["n_segments"])
            own = search_space(bases[task.name], _choices(task, space, epochs), segments=segments)
            own.check(shape["n_layers"])
            given = {"seeds": drawn, "sources": study.sources, "precision": study.values["precision"]}
            found.append(Search(task=task.name, encoder=encoder, space=own, **given))
    return found


def _choices(
    task: Task, space: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[float]]
) -> dict[str, Sequence[Any]]:
    return dict(space) | ({"epochs": epochs[task.task_type]} if task.task_type in epochs else {})


def search(
    study: Study, searches: Sequence[Search], *, trials: int, per_ask: int, database: str | None = None
) -> Searched:
    """What the searches find. In a report, what the store says that they found; in a plan, as many runs as their
    budget allows.

    Raises:
        StudyError: data, an encoder, the store or the database failed.
    """
    if study.plan_only:
        found = [_planned(study, one, trials) for one in searches]
        study.planned += [tuple(asked) for asked in _rounds(found, per_ask)]
    elif study.report_only:
        found = found_in_store(searches, trials=trials, store=study.store, references=study.references)
    elif searches:
        study.keep_parameters()
        found = run_searches(
            searches,
            trials=trials,
            per_ask=per_ask,
            database=SearchDatabase(database_url(database, study.store)),
            store=study.store,
            references=study.references,
            make=lambda configs: (
                run_missing(configs, study.store, sources=study.sources, engine=study.engine, label=study.stem).records
            ),
        )
        _note_what_is_left(study, found)
    else:
        found = []
    return {(one.search.encoder, one.search.task): one for one in found}


def _planned(study: Study, one: Search, trials: int) -> Found:
    data = study.sources.fingerprints[one.task]
    known = all(study.store.has_gold(one.task, data, split) for split in SPLITS)
    reference = load_references(study.store, {one.task: data})[one.task] if known else None
    return planned_search(one, trials=trials, store=study.store, reference=reference)


def _rounds(found: Sequence[Found], per_ask: int) -> Iterator[list[RunConfig]]:
    """The runs of each call of the engine: of every search so many trials."""
    longest = max((len(one.trials) for one in found), default=0)
    for start in range(0, longest, per_ask):
        asked = [trial for one in found for trial in one.trials[start : start + per_ask]]
        yield [config for trial in asked for config in trial.configs]


def _note_what_is_left(study: Study, found: Sequence[Found]) -> None:
    """Where the time of the command was up: the runs of the trials that were not asked for yet, by their number."""
    for one in (one for one in found if not one.is_finished):
        rest = planned_search(one.search, trials=one.budget, store=study.store, reference=None)
        left = rest.trials[len(one.values) :]
        study.engine.deadline.skip(runs=[config.id for trial in left for config in trial.configs])


def optimal_recipe(found: Found | None, standard: Recipe, *, join_dev: bool) -> Recipe | None:
    """The recipe that the search chose, or the standard one where there was no search, trained on dev as well where
    asked for; None where the search is not at its end.
    """
    if found is not None and found.best is None:
        return None
    chosen = standard if found is None else found.search.space.recipe(found.best.params)
    return chosen.replace(join_dev=True, select="last") if join_dev else chosen


def restricted(results: Any, searched: Searched) -> Any:
    """The results on tasks that were searched, and on their mean, by the standard and by the optimal recipe."""
    tasks = {task for _, task in searched}
    parts = tuple(part for part in results.grid.parts if tasks & set(part.tasks))
    settings = tuple(name for name in results.grid.settings if name != DEV_APART)
    return replace(results, grid=replace(results.grid, parts=parts, settings=settings))
