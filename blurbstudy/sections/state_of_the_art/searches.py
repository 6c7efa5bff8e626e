"""Notebook 06's hyperparameter searches: run, read from a store, or estimated for a plan."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...config import Recipe, RunConfig
from ...errors import ParameterError
from ...search.database import SearchDatabase, database_url
from ...search.search import Search, SearchResult, found_in_store, planned_search, run_searches
from ...search.space import Value, search_space
from ...stats.references import load_references
from ...study.conditions import recipes_by_type
from ...study.grid import Results
from ...study.parameter_types import read_seeds
from ...study.study import Study
from ...tasks import SPLITS, Task
from ..parameters import StateOfTheArtParameters as Parameters

SEARCHED_WITHOUT_DEV = "Searched recipe, dev not in training"

Searched = Mapping[tuple[str, str], SearchResult]  # (encoder's display name, task)


def searches_of(study: Study[Parameters]) -> list[Search]:
    """One search per encoder and task around the task's default recipe: of Table 8's encoders on `search_tasks`, of
    Table 9's on those that are among `large_tasks` too. Encoders and tasks that are not available have none.
    Raises ParameterError: a search seed is also one of the study's seeds, or a choice does not fit an encoder.
    """
    chosen = study.parameters
    search_seeds = read_seeds(chosen.search_seeds)
    shared = sorted(set(search_seeds) & set(study.seeds))
    if shared:
        raise ParameterError(
            f"search_seeds: {shared[0]} is also one of seeds; use other seeds for the search, so that a recipe is not "
            "chosen for a seed's luck that test then shows"
        )
    bases = recipes_by_type(study)
    both = [task for task in chosen.search_tasks if task in chosen.large_tasks]
    searches = []
    for columns, names in ((chosen.base_columns, chosen.search_tasks), (chosen.large_columns, both)):
        encoders = [name for name in dict.fromkeys(columns.values()) if name and name in study.sources.encoders]
        for encoder in encoders:
            architecture = study.sources.encoders[encoder].architecture
            for task in (task for task in study.tasks if task.name in names):
                segments = min(len(task.text_columns), architecture.n_segments)
                space = search_space(bases[task.name], _choices(task, chosen), segments=segments)
                space.check(architecture.n_layers)
                searches.append(
                    Search(
                        task=task.name,
                        encoder=encoder,
                        space=space,
                        seeds=search_seeds,
                        sources=study.sources,
                        precision=chosen.precision,
                    )
                )
    return searches


def _choices(task: Task, chosen: Parameters) -> dict[str, Sequence[Value]]:
    by_type: Mapping[str, Sequence[float]] = {**chosen.search_epochs}
    choices: dict[str, Sequence[Value]] = {**chosen.search_space}
    if task.task_type in by_type:
        choices["epochs"] = by_type[task.task_type]
    return choices


def search_results(study: Study[Parameters]) -> Searched:
    """What the searches found; a study that trains runs what is missing of them.
    Raises StudyError: data, an encoder, the store or the database failed.
    """
    searches, chosen = searches_of(study), study.parameters
    if not study.trains:
        results = found_in_store(searches, trials=chosen.search_trials, store=study.store, references=study.references)
    elif searches:
        study.save_parameters()
        with contextlib.closing(SearchDatabase(database_url(chosen.search_database, study.store))) as database:
            results = run_searches(
                searches,
                trials=chosen.search_trials,
                batch_size=chosen.search_per_ask,
                database=database,
                store=study.store,
                references=study.references,
                make=lambda configs: study.train(configs).records,
            )
        _skip_unfinished(study, results)
    else:
        results = []
    return _by_encoder_and_task(results)


def _skip_unfinished(study: Study[Parameters], results: Sequence[SearchResult]) -> None:
    """Report the trials that the deadline left to it; their recipes are not known yet, only their number."""
    for result in results:
        if result.is_finished:
            continue
        rest = planned_search(result.search, trials=result.budget, store=study.store, reference=None)
        pending = rest.trials[len(result.values) :]
        study.deadline.skip(runs=[config.id for trial in pending for config in trial.configs])


def prepare(study: Study[Parameters]) -> None:
    """Run what is missing of the searches, which the grids depend on."""
    search_results(study)


def planned_searches(study: Study[Parameters]) -> Searched:
    """The searches as a plan counts them: known trials, others drawn at random, the longest recipe chosen."""
    return _by_encoder_and_task([_planned(study, search) for search in searches_of(study)])


def _planned(study: Study[Parameters], search: Search) -> SearchResult:
    data = study.sources.fingerprints[search.task]
    known = all(study.store.has_gold(search.task, data, split) for split in SPLITS)
    reference = load_references(study.store, {search.task: data})[search.task] if known else None
    return planned_search(search, trials=study.parameters.search_trials, store=study.store, reference=reference)


def trial_configs(searched: Searched) -> Iterator[RunConfig]:
    """The runs of all trials."""
    for result in searched.values():
        for trial in result.trials:
            yield from trial.configs


def _by_encoder_and_task(results: Sequence[SearchResult]) -> Searched:
    return {(result.search.encoder, result.search.task): result for result in results}


def optimal_recipe(result: SearchResult | None, standard: Recipe, *, train_on_dev: bool) -> Recipe | None:
    """The recipe that the search chose, or the default one without a search; None while the search is unfinished.
    `train_on_dev`: also train on dev.
    """
    if result is None:
        chosen = standard
    elif (best := result.best) is None:
        return None
    else:
        chosen = result.search.space.recipe(best.params)
    return chosen.replace(train_on_dev=True, checkpoint_selection="last") if train_on_dev else chosen


def searched_only(results: Results, searched: Searched) -> Results:
    """The results by the default and the searched recipe on tasks that were searched, and on means over them."""
    tasks = {task for _, task in searched}
    columns = tuple(column for column in results.grid.columns if tasks & set(column.tasks))
    levels = tuple(level for level in results.grid.levels if level != SEARCHED_WITHOUT_DEV)
    return replace(results, grid=replace(results.grid, columns=columns, levels=levels))
