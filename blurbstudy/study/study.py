"""A study: one section's parameters, its data and encoders, and the results of its grids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from .. import paths
from ..config import JsonMapping, JsonObject, Recipe, RunConfig, recipe_from_dict
from ..engine.deadline import Deadline
from ..engine.engine import Engine, LocalEngine
from ..engine.ray.engine import RayEngine
from ..engine.sources.encoder_spec import PRETRAIN
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import MINI, PretrainingPlan, SourceRequest, Sources, sources_from_store
from ..engine.sweep import SweepResult, find_runs, run_missing
from ..engine.worker_engine import WorkerEngine
from ..errors import StudyError
from ..stats.references import Reference, load_references
from ..store.run_store import RunStore
from ..tasks import get_task
from ..tasks.folds import ResampledSplits
from ..tasks.subsets import describe_shares, share_of_at_most
from ..training.provenance import pick_device
from . import parameters
from .by_hand import adopt_runs, label_by_hand, save_by_hand
from .grid import Grid, Results
from .inputs import requested_data
from .notebook_session import in_notebook, interruptible, notebook_parameters
from .parameter_types import read_seeds
from .parameters import NOTEBOOK_METADATA, CommonParameters, stored_parameters
from .section import Section
from .task_choice import TaskChoice

NOT_A_RESULT = "Demonstration on synthetic data: do not cite these numbers."

P = TypeVar("P", bound=CommonParameters, covariant=True)


def pretraining_seed_name(name: str, seed: int) -> str:
    """The display name of an encoder pretrained from another seed."""
    return f"{name} (pretraining seed {seed})" if seed else name


def is_demo(scale: str, data: str | None) -> bool:
    """Whether numbers only demonstrate that the code works: at scale mini, and on generated data at any scale."""
    return MINI in (scale, str(data or paths.data_folder()))


class Study(TaskChoice, Generic[P]):
    """One section's parameters and what they lead to. Creating it checks the parameters and runs nothing.

    Args:
        section: a module of `blurbstudy.sections`.
        values: a notebook's `globals()`, or the section's parameters.
        deadline: after which no training starts.

    Raises:
        ParameterError: an unknown parameter, or a value of another type or out of bounds.
        StoreError: the run store cannot be written.
    """

    parameters: P

    def __init__(
        self, section: Section, values: JsonMapping | CommonParameters, *, deadline: Deadline | None = None
    ) -> None:
        self.by_hand = not isinstance(values, CommonParameters)  # JupyterLab, papermill; not `blurbstudy run`
        parsed: Any = values if isinstance(values, CommonParameters) else notebook_parameters(section, values)
        self.deadline = deadline or Deadline()
        self.section, self.parameters = section, parsed
        self.notebook = section.NOTEBOOK
        self.seeds = read_seeds(parsed.seeds)
        self.tasks = tuple(get_task(name) for name in parsed.tasks)
        self.store = RunStore(parsed.store or paths.store_folder(parsed.scale))
        if self.trains:
            self.store.check_writable()
        if self.trains and self.by_hand and in_notebook():
            print(self.inventory())

    @property
    def trains(self) -> bool:
        """Whether missing runs are trained; otherwise the store is only read."""
        return self.parameters.train_missing

    @cached_property
    def sources(self) -> Sources:
        """Data and encoders: on disk (generated or pretrained if missing), or as the store describes them."""
        if self.trains:
            with interruptible():
                return resolve_sources(
                    self.store, **self.source_request, workers=self.parameters.workers, deadline=self.deadline
                )
        return sources_from_store(self.store, **self.source_request)

    @property
    def source_request(self) -> SourceRequest:
        specs = {name: parameters.hub_id(spec) for name, spec in self.encoder_specs.items()}
        encoders = {name: spec for name, spec in specs.items() if spec is not None}
        for name, spec in list(encoders.items()):
            seeded = spec.startswith(PRETRAIN) and "@" not in spec
            seeds = range(1, self.n_pretraining_seeds if seeded else 1)
            encoders |= {pretraining_seed_name(name, seed): f"{spec}@{seed}" for seed in seeds}
        return {
            "tasks": [task.name for task in self.tasks],
            "encoders": encoders,
            "data": self.data,
            "pretraining": self.pretraining_plan,
        }

    @property
    def n_pretraining_seeds(self) -> int:
        """How often each encoder given as pretrain:OBJECTIVE is pretrained."""
        return getattr(self.parameters, "pretraining_seeds", 1)

    @property
    def pretraining_plan(self) -> PretrainingPlan:
        plan = self.parameters.pretraining
        device, engine = self.parameters.device, "ray" if self.parameters.engine == "ray" else "local"
        if not self.trains or plan.config == MINI:
            device = "cpu"
        elif engine == "local":
            device = str(pick_device(device).type)
        return PretrainingPlan(
            config=plan.config,
            corpus=tuple(str(Path(file).expanduser()) for file in plan.corpus or ()),
            tokens=plan.tokens,
            precision=plan.precision,
            device=device,
            engine=engine,
        )

    @property
    def pretraining_seeds(self) -> dict[str, int]:
        """Encoder fingerprint -> pretraining seed; empty where each objective is pretrained once."""
        if self.n_pretraining_seeds < 2:
            return {}
        encoders = self.sources.encoders
        return {
            encoders[pretraining_seed_name(name, seed)].fingerprint: seed
            for name in self.encoders
            for seed in range(self.n_pretraining_seeds)
            if pretraining_seed_name(name, seed) in encoders
        }

    @property
    def data(self) -> str:
        """'mini' or the folder of the datasets.
        Raises ParameterError: neither the parameter nor the environment names one.
        """
        return requested_data(self.parameters)

    @property
    def encoders(self) -> dict[str, str]:
        """Display name -> why no runs can be made with it, or ''."""
        missing = "not released" if self.parameters.scale == "paper" else "no path given"
        return {name: missing if spec is None else "" for name, spec in self.encoder_specs.items()}

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """Display name -> spec of each encoder that the section uses; None where it is not given."""
        return self.parameters.encoder_specs

    @property
    def references(self) -> dict[str, Reference]:
        return load_references(self.store, self.sources.fingerprints)

    def recipe(self, **fields: object) -> Recipe:
        return recipe_from_dict(fields)

    def pretrained_variants(self, name: str) -> list[str]:
        """An encoder and those that differ from it only in their pretraining seed."""
        names = [pretraining_seed_name(name, seed) for seed in range(self.n_pretraining_seeds)]
        return [name for name in names if name in self.sources.encoders]

    def run_config(self, task: str, encoder: str, *, recipe: Recipe, seed: int) -> RunConfig:
        """The run of a task with an encoder (display name), at the study's precision and on its part of train."""
        precision, share = self.parameters.precision, self.train_share(task)
        return self.sources.run_config(task, encoder, recipe=recipe, seed=seed, precision=precision, train_share=share)

    def train_share(self, task: str) -> float:
        """The part of a task's training examples that runs are trained on, drawn by their seed."""
        few = getattr(self.parameters, "low_resource", {}).get(task)
        most = few.max_train_examples if few else getattr(self.parameters, "max_train_examples", 0)
        return share_of_at_most(most, self.sources.sizes[task]["train"], task=task) if most else 1.0

    def run_configs(
        self, task: str, encoder: str, *, recipe: Recipe, splits: ResampledSplits | None, seeds: Sequence[int]
    ) -> list[RunConfig]:
        """The runs of a cell: one per seed on the official split, or one per fold of resampled ones."""
        if splits is None:
            return [self.run_config(task, encoder, recipe=recipe, seed=seed) for seed in seeds]
        precision = self.parameters.precision
        return self.sources.resampled_configs(task, encoder, recipe=recipe, splits=splits, precision=precision)

    @property
    def encoder_notes(self) -> dict[str, str]:
        """Display name -> a remark shown with every number of that encoder."""
        return {name: text for name, text in self.parameters.encoder_remarks.items() if name in self.encoder_specs}

    def results(self, grid: Grid) -> Results:
        """The grid's results. Runs in the store are reused; missing ones are trained if the study trains.
        Raises StudyError: data, an encoder or the store failed.
        """
        if self.trains:
            self.save_parameters()
            start = time.monotonic()
            sweep = self.train(grid.configs)
            if self.by_hand and in_notebook():
                print(sweep.describe(seconds=time.monotonic() - start))
            records = sweep.records
        else:
            records = find_runs(grid.configs, self.store).records
        return Results(
            grid=grid,
            records=records,
            references=self.references,
            provenance=self.provenance + describe_shares({task: self.train_share(task) for _, task in grid.recipes}),
            shows_paper=self.parameters.show_paper,
            is_demo=self.is_demo,
        )

    def train(self, configs: Sequence[RunConfig]) -> SweepResult:
        """The runs; those that the store lacks are trained.
        Raises StudyError: data, an encoder or the store failed, or the notebook was interrupted.
        """
        if self.label_by_hand:
            self.save_by_hand(self.label_by_hand, run_ids=[run.id for run in configs if run.id not in self.store])
        else:
            adopt_runs(self.store, [run.id for run in configs])
        with interruptible():
            return run_missing(configs, self.store, sources=self.sources, engine=self.engine, label=self.notebook)

    @property
    def engine(self) -> Engine:
        chosen = self.parameters
        match chosen.engine:
            case "ray":
                return RayEngine(device=chosen.device, population=chosen.population, deadline=self.deadline)
            case "worker":
                return WorkerEngine(deadline=self.deadline)
            case "local":
                return self.local_engine

    @property
    def local_engine(self) -> LocalEngine:
        chosen = self.parameters
        return LocalEngine(
            device=chosen.device, workers=chosen.workers, population=chosen.population, deadline=self.deadline
        )

    def save_parameters(self) -> None:
        """Save the parameters in the store, so that a report needs nothing else. Those of an execution by hand make no
        page that is not there yet as the parameters files have it, and change none: they are kept apart.
        """
        if not self.trains:
            return
        if self.label_by_hand:
            self.save_by_hand(self.label_by_hand)
        elif not self.by_hand or self.store.metadata(NOTEBOOK_METADATA, self.notebook) is None:
            self.store.put_metadata(NOTEBOOK_METADATA, self.notebook, self.stored_values)

    def save_by_hand(self, label: str, *, run_ids: Sequence[str] = ()) -> None:
        """Keep the parameters under a label, with new runs that no page of the study shows."""
        save_by_hand(self.store, self.notebook, label, parameters=self.stored_values, run_ids=run_ids)

    @property
    def stored_values(self) -> JsonObject:
        return self.parameters.model_dump(mode="json", exclude={"train_missing"}) | {"data": self.data}

    @cached_property
    def label_by_hand(self) -> str:
        """What an execution by hand changed against the notebook's page; '' where nothing, and of `blurbstudy run`."""
        return label_by_hand(self.store, self.section, self.stored_values) if self.by_hand else ""

    def inventory(self) -> str:
        """Which store and data the notebook uses, and how many of its runs are there."""
        values = self.parameters.model_copy(update={"train_missing": False})
        try:
            reader = Study(self.section, values)
            runs = {run.id for grid in self.section.grids(reader).values() for run in grid.configs}
            count = f"{sum(run_id in self.store for run_id in runs)} of {len(runs)} runs found, " if runs else ""
            data = "generated data" if self.data == MINI else f"data {Path(self.data).absolute()}"
        except StudyError:  # the store does not know the data or an encoder yet
            count, data = "no runs found, ", f"data {self.parameters.data or paths.data_folder()}"
        return f"{self.notebook}: {count}run store {self.store.folder.absolute()}, {data}"

    @property
    def provenance(self) -> str:
        """Parameters file and what differs from it, for captions."""
        values = self.parameters.model_dump(mode="json")
        return parameters.describe_origin(self.parameters.scale, self.notebook, values)

    @property
    def is_demo(self) -> bool:
        """Whether the banner must say that the numbers are not to be cited."""
        return is_demo(self.parameters.scale, self.parameters.data)


def stored_study(section: Section, values: JsonMapping, *, store: Path) -> Study[CommonParameters]:
    """The study of a section's last execution by its stored parameters; it only reads the store.
    Raises ParameterError: the stored parameters are no longer valid.
    """
    return Study(section, stored_parameters(section.Parameters, values, store=store))
