"""Hyperparameter search with Optuna: the recipe of a space that is best on dev, by the mean over seeds.

Trials are sampled in batches, whose runs, of all searches together, are trained as populations. A search reads only the
dev predictions of a run (`dev_objective`); test is used once, by runs of the chosen recipe with seeds that the search
has not seen. The database is the sampler's memory; the tables are made from the run store.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ..config import JsonObject, RunConfig, fingerprint
from ..engine.sources.sources import Sources
from ..engine.sweep import find_runs
from ..stats.references import Reference, is_unscored
from ..store.run_store import RunStore
from ..training.run_record import RunRecord
from .space import SearchSpace, Value

if TYPE_CHECKING:
    from optuna.samplers import TPESampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

    from .database import SearchDatabase

METADATA_KIND = "searches"  # in the store
N_STARTUP_TRIALS = 6  # random trials before the sampler uses earlier ones
MAX_REPEATS = 3  # repeated recipes in a row, after which an unseen one is sampled at random

Params = Mapping[str, Value]
MakeRuns = Callable[[Sequence[RunConfig]], Mapping[str, RunRecord]]  # runs -> finished ones by id


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search for the best recipe of a space for an encoder on a task."""

    task: str
    encoder: str  # display name
    space: SearchSpace
    seeds: tuple[int, ...]  # of the runs of a trial
    sources: Sources = field(repr=False)
    precision: str = "float32"

    def configs(self, params: Params) -> tuple[RunConfig, ...]:
        recipe = self.space.recipe(params)
        return tuple(
            self.sources.run_config(self.task, self.encoder, recipe=recipe, seed=seed, precision=self.precision)
            for seed in self.seeds
        )

    @cached_property
    def name(self) -> str:
        """Name in the database and the store: a fingerprint of all that determines the trials and their values.

        Ids stand for the runs of the standard recipe, so a new recipe field leaves the names of searches as they are.
        """
        identity = {
            "standard": [config.id for config in self.configs(self.space.default)],
            "space": self.space.to_dict(),
            "startup": N_STARTUP_TRIALS,
        }
        return f"{self.task} {fingerprint(identity)}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One recipe of a search, run with every seed."""

    params: Params
    configs: tuple[RunConfig, ...]
    value: float | None = None  # mean dev score over the seeds, a fraction; None if runs are missing

    @property
    def runs(self) -> tuple[str, ...]:
        return tuple(config.id for config in self.configs)


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search has found so far."""

    search: Search
    budget: int  # trials asked for
    trials: tuple[Trial, ...]  # in order, one per recipe
    planned: bool = False  # the trials are predicted, not run

    @property
    def values(self) -> list[float]:
        return [trial.value for trial in self.trials if trial.value is not None]

    @property
    def is_finished(self) -> bool:
        """Whether every trial of the budget, or of the whole space, has its value."""
        return len(self.values) >= min(self.budget, self.search.space.size)

    @property
    def standard(self) -> Trial | None:
        """The trial of the standard recipe, always the first."""
        return self.trials[0] if self.trials else None

    @property
    def best(self) -> Trial | None:
        """The first trial of the highest value; None until the search is finished, since test is used only once."""
        if self.planned:  # the chosen one takes at most as long
            return max(self.trials, key=lambda trial: trial.configs[0].recipe.epochs)
        return max(self.trials, key=lambda trial: trial.value or 0.0) if self.is_finished else None


def dev_objective(records: Sequence[RunRecord], reference: Reference) -> float:
    """The objective of a search: the mean dev score over seeds, a fraction; a diverged run counts as trivial."""
    scores = [
        reference.trivial_score("dev") if is_unscored(record, "dev") else reference.scored(record, "dev").score
        for record in records
    ]
    return sum(scores) / len(scores)


def run_searches(
    searches: Sequence[Search],
    *,
    trials: int,
    batch_size: int,
    database: SearchDatabase,
    store: RunStore,
    references: Mapping[str, Reference],
    make: MakeRuns,
) -> list[SearchResult]:
    """Run all searches together, each up to its budget, resuming those in the database.

    If `make` does not return all runs (the time limit is reached), searches stay unfinished.
    `batch_size`: trials of each search that are sampled, and their runs made, at once.
    """
    ongoing = [
        OngoingSearch(search, database.study(search.name), budget=trials, reference=references[search.task])
        for search in searches
    ]
    records: Mapping[str, RunRecord] = {}
    batches = [search.load_trials() or search.ask(batch_size) for search in ongoing]
    while any(batches):
        configs = [config for batch in batches for trial in batch for config in trial.configs]
        records = make(configs)
        for search, batch in zip(ongoing, batches, strict=True):
            search.report_values(batch, records)
            store.put_metadata(METADATA_KIND, search.search.name, search.to_dict())
        if any(config.id not in records for config in configs):
            break
        batches = [search.ask(batch_size) for search in ongoing]
    return [search.result() for search in ongoing]


def found_in_store(
    searches: Sequence[Search], *, trials: int, store: RunStore, references: Mapping[str, Reference]
) -> list[SearchResult]:
    return [_load_result(search, trials, store, references[search.task]) for search in searches]


def planned_search(search: Search, *, trials: int, store: RunStore, reference: Reference | None) -> SearchResult:
    """The expected trials of a search: those in the store, then recipes sampled at random from the space.

    A finished search is returned as it is in the store.
    """
    known = SearchResult(search=search, budget=trials, trials=())
    if reference is not None:
        known = _load_result(search, trials, store, reference)
    if known.is_finished:
        return known
    seen = {trial.runs for trial in known.trials}
    planned = list(known.trials)
    for params in _unseen_params(search, number=0):
        if len(planned) >= min(trials, search.space.size):
            break
        trial = Trial(params=params, configs=search.configs(params))
        if trial.runs not in seen:
            planned.append(trial)
            seen.add(trial.runs)
    return replace(known, trials=tuple(planned), planned=True)


def _unseen_params(search: Search, *, number: int) -> Iterator[Params]:
    """The standard recipe, then all others in a pseudo-random order; some may occur twice."""
    draw = random.Random(f"{search.name} {number}")
    size = search.space.size
    yield search.space.default
    for _ in range(2 * size):
        yield search.space.params_at(draw.randrange(size))
    yield from search.space.iterate_from(draw.randrange(size))


def _load_result(search: Search, trials: int, store: RunStore, reference: Reference) -> SearchResult:
    fact = store.metadata(METADATA_KIND, search.name) or {"trials": []}
    found_trials = []
    for entry in fact["trials"][:trials]:
        configs = search.configs(entry["params"])
        records = find_runs(configs, store).records
        value = dev_objective(list(records.values()), reference) if len(records) == len(configs) else None
        found_trials.append(Trial(params=entry["params"], configs=configs, value=value))
    return SearchResult(search=search, budget=trials, trials=tuple(found_trials))


class OngoingSearch:
    """A running search: its study in the database, and its trials, one per recipe."""

    def __init__(self, search: Search, study: Study, *, budget: int, reference: Reference) -> None:
        self.search, self.study, self.budget, self.reference = search, study, budget, reference
        self.trials: dict[tuple[str, ...], Trial] = {}  # run ids -> trial, in order
        self.open: dict[tuple[str, ...], list[int]] = {}  # run ids -> trials of the database without a value yet

    def load_trials(self) -> list[Trial]:
        """The trials in the database, up to the budget; their values are computed from the runs again."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state.name != "WAITING":  # returned by the next ask
                self._add(trial, waits=not trial.state.is_finished())
        return list(self.trials.values())[: self.budget]

    def ask(self, count: int) -> list[Trial]:
        """At most `count` new trials within the budget, each of a new recipe."""
        before = len(self.trials)
        n_new = min(count, min(self.budget, self.search.space.size) - before)
        repeats = 0
        while len(self.trials) < before + max(n_new, 0):
            repeats = 0 if self._ask_one(repeats) else repeats + 1
        return list(self.trials.values())[before:]

    def _ask_one(self, repeats: int) -> bool:
        """Sample a trial; returns whether its recipe is new."""
        number = len(self.study.get_trials(deepcopy=False))
        if number == 0 or repeats >= MAX_REPEATS:
            unseen = (p for p in _unseen_params(self.search, number=number) if self._runs(p) not in self.trials)
            self.study.enqueue_trial(dict(next(unseen)))
        # A seed per trial, so that an interrupted search resumes with the same trials.
        self.study.sampler = _sampler(f"{self.search.name} {number}")
        return self._add(self.study.ask(_distributions(self.search.space)), waits=True)

    def _add(self, trial: FrozenTrial | OptunaTrial, *, waits: bool) -> bool:
        """Add a trial of the database; returns whether its recipe is new."""
        params = self.search.space.default | trial.params  # some are missing if a process was killed while sampling
        runs = self._runs(params)
        is_new = runs not in self.trials
        if is_new:
            self.trials[runs] = Trial(params=params, configs=self.search.configs(params))
        if waits:
            self.open.setdefault(runs, []).append(trial.number)
            self._report(runs)
        return is_new

    def report_values(self, trials: Sequence[Trial], records: Mapping[str, RunRecord]) -> None:
        """Report the values of trials whose runs are all finished to the database."""
        for trial in trials:
            finished = [records[run] for run in trial.runs if run in records]
            if len(finished) == len(trial.runs):
                self.trials[trial.runs] = replace(trial, value=dev_objective(finished, self.reference))
                self._report(trial.runs)

    def _report(self, runs: tuple[str, ...]) -> None:
        value = self.trials[runs].value
        if value is not None:
            for number in self.open.pop(runs, ()):
                self.study.tell(number, value, skip_if_finished=True)

    def _runs(self, params: Params) -> tuple[str, ...]:
        return tuple(config.id for config in self.search.configs(params))

    def result(self) -> SearchResult:
        return SearchResult(search=self.search, budget=self.budget, trials=tuple(self.trials.values())[: self.budget])

    def to_dict(self) -> JsonObject:
        result, search = self.result(), self.search
        best = result.best
        return {
            "task": search.task,
            "encoder": search.encoder,
            "budget": self.budget,
            "seeds": search.seeds,
            "space": search.space.to_dict(),
            "standard": search.space.standard.to_dict(),
            "trials": [
                {"params": dict(trial.params), "runs": trial.runs, "dev": trial.value} for trial in self.trials.values()
            ],
            "chosen": None if best is None else dict(best.params),
        }


def _sampler(seed: str) -> TPESampler:
    from optuna.samplers import TPESampler

    number = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16)
    # constant_liar: trials of one batch avoid each other.
    return TPESampler(seed=number, n_startup_trials=N_STARTUP_TRIALS, multivariate=True, constant_liar=True)


def _distributions(space: SearchSpace) -> JsonObject:
    from optuna.distributions import CategoricalDistribution

    return {name: CategoricalDistribution(values) for name, values in space.choices.items()}
