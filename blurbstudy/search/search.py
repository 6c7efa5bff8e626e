"""Hyperparameter search with Optuna: the recipe of a space that is best on dev, by the mean over seeds.

Trials are asked for many at a time and their runs made as populations, of all searches together. Of a run only the dev
predictions are read here (`dev_value`): test is looked at once, by the runs of the recipe that was chosen, with seeds
that the search has not seen. The database is the sampler's memory; the run store holds what tables are made of.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config import TRAINER_REVISION, RunConfig, fingerprint
from ..engine.sources.sources import Sources
from ..engine.sweep import find_runs
from ..stats.collapse import Reference, is_unscored
from ..store.run_store import RunStore
from ..training.run_record import RunRecord
from .space import Choice, SearchSpace

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

    from .database import SearchDatabase

FACT = "searches"  # kind of fact in the store: what was asked for
STARTUP = 6  # trials drawn at random before the sampler learns from them
MOST_REPEATS = 3  # recipes asked for again in a row, after which an unseen one is drawn at random

Params = Mapping[str, Choice]
MakeRuns = Callable[[Sequence[RunConfig]], Mapping[str, RunRecord]]  # runs -> those that there are, by id


@dataclass(frozen=True, kw_only=True)
class Search:
    """A question: which recipe of a space suits an encoder on a task."""

    task: str
    encoder: str  # display name
    space: SearchSpace
    seeds: tuple[int, ...]  # of the runs of a trial
    sources: Sources = field(repr=False)
    precision: str = "float32"

    def configs(self, params: Params) -> tuple[RunConfig, ...]:
        """The runs of a trial, one per seed."""
        recipe = self.space.recipe(params)
        return tuple(
            self.sources.run_config(self.task, self.encoder, recipe=recipe, seed=seed, precision=self.precision)
            for seed in self.seeds
        )

    @cached_property
    def name(self) -> str:
        """In the database and among the store's facts: of all that determines which trials are asked for, and what
        comes of them.
        """
        standard = self.configs(self.space.first)[0].to_dict()
        asked = {name: value for name, value in standard.items() if name not in ("encoder_name", "seed")}
        asked |= {"space": self.space.to_dict(), "seeds": self.seeds, "startup": STARTUP, "revision": TRAINER_REVISION}
        digest = fingerprint(asked)
        return f"{self.task} {digest}"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One recipe of a search, run with every seed."""

    params: Params
    configs: tuple[RunConfig, ...]
    value: float | None = None  # mean dev score over the seeds, a fraction; None: not all of its runs are there

    @property
    def runs(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(config.id for config in self.configs)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search has found so far."""

    search: Search
    budget: int  # trials asked for
    trials: tuple[Trial, ...]  # in the order in which they were asked for; of each recipe one
    planned: bool = False  # the trials are guesses: nothing was run

    @property
    def values(self) -> list[float]:
        """Of the trials that have one."""
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
        """The highest value, the earliest of equals; None while the search goes on: test is looked at once."""
        if self.planned:  # whatever will be chosen takes no longer than this one
            return max(self.trials, key=lambda trial: trial.configs[0].recipe.epochs)
        return max(self.trials, key=lambda trial: trial.value) if self.is_finished else None


def dev_value(records: Sequence[RunRecord], reference: Reference) -> float:
    """What a search maximizes: the mean over seeds of the dev score, a fraction. A diverged run, which has no score,
    counts as the trivial one.
    """
    truth = reference.gold["dev"].gold
    scores = [
        reference.trivial("dev") if is_unscored(record, "dev") else reference.score(truth, record.predictions["dev"])
        for record in records
    ]
    return sum(scores) / len(scores)


def run_searches(
    searches: Sequence[Search],
    *,
    trials: int,
    per_ask: int,
    database: SearchDatabase,
    store: RunStore,
    references: Mapping[str, Reference],
    make: MakeRuns,
) -> list[Found]:
    """All searches side by side, each up to so many trials; what the database holds already is gone on with. Where
    `make` does not give all runs (the time of the command is up), searches stay unfinished.

    Args:
        per_ask: trials of each search that are asked for, and their runs made, at once.

    Raises:
        StoreError: the database or the store cannot be read or written.
        StudyError: as `make` raises.
    """
    going = [
        _Going(search, database.study(search.name), budget=trials, reference=references[search.task])
        for search in searches
    ]
    records: Mapping[str, RunRecord] = {}
    asked = [one.remembered() or one.ask(per_ask) for one in going]
    while any(asked):
        wanted = [config for own in asked for trial in own for config in trial.configs]
        records = make(wanted)
        for one, own in zip(going, asked, strict=True):
            one.tell(own, records)
            store.put_metadata(FACT, one.search.name, one.to_dict())
        if any(config.id not in records for config in wanted):
            break
        asked = [one.ask(per_ask) for one in going]
    return [one.found() for one in going]


def found_in_store(
    searches: Sequence[Search], *, trials: int, store: RunStore, references: Mapping[str, Reference]
) -> list[Found]:
    """What searches have found, from the store alone."""
    return [_found_in_store(search, trials, store, references[search.task]) for search in searches]


def planned_search(search: Search, *, trials: int, store: RunStore, reference: Reference | None) -> Found:
    """The search as far as it can be foreseen: which trials it will propose is unknown in advance. Those that are
    in the store, and for the rest recipes drawn at random from the space. A finished search is the one in the store.
    """
    known = Found(search=search, budget=trials, trials=())
    if reference is not None:
        known = _found_in_store(search, trials, store, reference)
    if known.is_finished:
        return known
    seen = {trial.runs for trial in known.trials}
    drawn = list(known.trials)
    for params in _unseen(search, number=0):
        if len(drawn) >= min(trials, search.space.size):
            break
        trial = Trial(params=params, configs=search.configs(params))
        if trial.runs not in seen:
            drawn.append(trial)
            seen.add(trial.runs)
    return replace(known, trials=tuple(drawn), planned=True)


def _unseen(search: Search, *, number: int) -> Iterator[Params]:
    """The standard recipe, then others in an order that looks like chance; some may come twice, all do once."""
    draw = random.Random(f"{search.name} {number}")
    size = search.space.size
    yield search.space.first
    for _ in range(2 * size):
        yield search.space.at(draw.randrange(size))
    yield from search.space.all_from(draw.randrange(size))


def _found_in_store(search: Search, trials: int, store: RunStore, reference: Reference) -> Found:
    fact = store.metadata(FACT, search.name) or {"trials": []}
    found = []
    for entry in fact["trials"][:trials]:
        configs = search.configs(entry["params"])
        records = find_runs(configs, store).records
        value = dev_value(list(records.values()), reference) if len(records) == len(configs) else None
        found.append(Trial(params=entry["params"], configs=configs, value=value))
    return Found(search=search, budget=trials, trials=tuple(found))


class _Going:
    """One search as it goes on: its study in the database, and its trials, one per recipe."""

    def __init__(self, search: Search, study: Study, *, budget: int, reference: Reference) -> None:
        self.search, self.study, self.budget, self.reference = search, study, budget, reference
        self.trials: dict[tuple[str, ...], Trial] = {}  # run ids -> trial, in the order in which they were asked for
        self.open: dict[tuple[str, ...], list[int]] = {}  # run ids -> trials of the database that wait for the value

    def remembered(self) -> list[Trial]:
        """The trials that the database holds, up to the budget: their values are taken from the runs, which are made
        where they are missing.
        """
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False):
            if trial.state != TrialState.WAITING:  # one that the next ask will give
                self._hold(trial, waits=not trial.state.is_finished())
        return list(self.trials.values())[: self.budget]

    def ask(self, count: int) -> list[Trial]:
        """New trials, as many as the budget allows; no recipe twice."""
        before = len(self.trials)
        wanted = min(count, min(self.budget, self.search.space.size) - before)
        repeats = 0
        while len(self.trials) < before + max(wanted, 0):
            repeats = 0 if self._ask_one(repeats) else repeats + 1
        return list(self.trials.values())[before:]

    def _ask_one(self, repeats: int) -> bool:
        """Whether it is of a recipe that was not asked for before."""
        number = len(self.study.get_trials(deepcopy=False))
        if number == 0 or repeats >= MOST_REPEATS:
            unseen = (p for p in _unseen(self.search, number=number) if self._runs(p) not in self.trials)
            self.study.enqueue_trial(dict(next(unseen)))
        # Seeded anew for every trial, so that a search that was interrupted asks for what it would have asked for.
        self.study.sampler = _sampler(f"{self.search.name} {number}")
        return self._hold(self.study.ask(_distributions(self.search.space)), waits=True)

    def _hold(self, trial: FrozenTrial | OptunaTrial, *, waits: bool) -> bool:
        """Take in a trial of the database; whether its recipe is new."""
        params = self.search.space.first | trial.params  # of a process killed while it asked, some are missing
        runs = self._runs(params)
        is_new = runs not in self.trials
        if is_new:
            self.trials[runs] = Trial(params=params, configs=self.search.configs(params))
        if waits:
            self.open.setdefault(runs, []).append(trial.number)
            self._tell(runs)
        return is_new

    def tell(self, trials: Sequence[Trial], records: Mapping[str, RunRecord]) -> None:
        """Give the database the values of trials whose runs are all there."""
        for trial in trials:
            own = [records[run] for run in trial.runs if run in records]
            if len(own) == len(trial.runs):
                self.trials[trial.runs] = replace(trial, value=dev_value(own, self.reference))
                self._tell(trial.runs)

    def _tell(self, runs: tuple[str, ...]) -> None:
        value = self.trials[runs].value
        if value is not None:
            for number in self.open.pop(runs, ()):
                self.study.tell(number, value, skip_if_finished=True)

    def _runs(self, params: Params) -> tuple[str, ...]:
        return tuple(config.id for config in self.search.configs(params))

    def found(self) -> Found:
        """What there is now."""
        return Found(search=self.search, budget=self.budget, trials=tuple(self.trials.values())[: self.budget])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the store: a report reads the trials, a person what they were chosen from."""
        found, search = self.found(), self.search
        best = found.best
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


def _sampler(seed: str) -> Any:
    from optuna.samplers import TPESampler

    number = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16)
    # constant_liar: trials of one ask know of each other, and keep apart.
    return TPESampler(seed=number, n_startup_trials=STARTUP, multivariate=True, constant_liar=True)


def _distributions(space: SearchSpace) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution

    return {name: CategoricalDistribution(values) for name, values in space.choices.items()}
