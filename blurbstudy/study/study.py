"""A study: one section's parameters, its data and encoders, and the results of its grids."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from .. import paths
from ..config import JsonMapping, Recipe, RunConfig, recipe_from_dict
from ..engine.deadline import Deadline
from ..engine.engine import LocalEngine
from ..engine.sources.encoder_spec import PRETRAIN
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import MINI, PretrainingPlan, SourceRequest, Sources, sources_from_store
from ..engine.sweep import find_runs, run_missing
from ..errors import ParameterError
from ..stats.references import Reference, load_references
from ..store.run_store import RunStore
from ..tasks import TASKS, Task, get_task
from ..tasks.folds import ResampledSplits
from ..tasks.subsets import describe_shares, share_of_at_most
from ..training.provenance import pick_device
from . import parameters
from .grid import Grid, Results, TaskColumn
from .inputs import requested_data
from .parameter_types import read_seeds
from .parameters import NOTEBOOK_METADATA, CommonParameters, stored_parameters
from .section import Section

NOT_A_RESULT = "Demonstration on synthetic data: do not cite these numbers."
PAPER_COLUMNS = {"similarity": "SS", "question": "QA"}  # task type -> the paper's column

P = TypeVar("P", bound=CommonParameters, covariant=True)
_CHECKED: set[str] = set()  # notebooks whose parameter names this process has checked


def pretraining_seed_name(name: str, seed: int) -> str:
    """The display name of an encoder pretrained from another seed."""
    return f"{name} (pretraining seed {seed})" if seed else name


def is_demo(scale: str, data: str | None) -> bool:
    """Whether numbers only demonstrate that the code works: at scale mini, and on generated data at any scale."""
    return MINI in (scale, str(data or paths.data_folder()))


class Study(Generic[P]):
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
        parsed: Any = values if isinstance(values, CommonParameters) else _notebook_parameters(section, values)
        self.deadline = deadline or Deadline()
        self.section, self.parameters = section, parsed
        self.notebook = section.NOTEBOOK
        self.seeds = read_seeds(parsed.seeds)
        self.tasks: tuple[Task, ...] = tuple(get_task(name) for name in parsed.tasks)
        self.store = RunStore(parsed.store or paths.store_folder(parsed.scale))
        if self.trains:
            self.store.check_writable()

    @property
    def trains(self) -> bool:
        """Whether missing runs are trained; otherwise the store is only read."""
        return self.parameters.train_missing

    @cached_property
    def sources(self) -> Sources:
        """Data and encoders: on disk (generated or pretrained if missing), or as the store describes them."""
        if self.trains:
            return resolve_sources(
                self.store, **self.source_request, workers=self.parameters.workers, deadline=self.deadline
            )
        return sources_from_store(self.store, **self.source_request)

    @property
    def source_request(self) -> SourceRequest:
        """The data and encoders that the study needs."""
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
        """How encoders given as pretrain:OBJECTIVE are made."""
        plan = self.parameters.pretraining
        on_cpu = not self.trains or plan.config == MINI
        return PretrainingPlan(
            config=plan.config,
            corpus=tuple(str(Path(file).expanduser()) for file in plan.corpus or ()),
            tokens=plan.tokens,
            precision=plan.precision,
            device="cpu" if on_cpu else str(pick_device(self.parameters.device).type),
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

        Raises:
            ParameterError: neither the parameter nor the environment names one.
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
        """Task -> gold labels, from the store."""
        return load_references(self.store, self.sources.fingerprints)

    def tasks_of(self, task_type: str) -> tuple[Task, ...]:
        """The study's tasks of a type (similarity, question).

        Raises:
            ParameterError: there is none.
        """
        chosen = tuple(task for task in self.tasks if task.task_type == task_type)
        if not chosen:
            known = " or ".join(task.name for task in TASKS if task.task_type == task_type)
            raise ParameterError(f"tasks={self.parameters.tasks!r} has no {task_type} task; add {known}")
        return chosen

    def named_tasks(self, parameter: str, names: Iterable[str], *, task_types: Sequence[str]) -> tuple[Task, ...]:
        """The study's tasks among those that a parameter names.

        Raises:
            ParameterError: it names one of another type.
        """
        known = [task.name for task in TASKS if task.task_type in task_types]
        for name in names:
            if name not in known:
                raise ParameterError(f"{parameter}: {name!r} is not among {', '.join(known)}")
        return tuple(task for task in self.tasks if task.name in names)

    def task_columns(self, task_type: str) -> tuple[TaskColumn, ...]:
        """One column per task of a type."""
        return tuple(TaskColumn(label=task.name, tasks=(task.name,)) for task in self.tasks_of(task_type))

    def paper_columns(self) -> tuple[TaskColumn, ...]:
        """SS and QA as in the paper; where QA lacks a task, its label names the other."""
        columns = []
        for task_type, column in PAPER_COLUMNS.items():
            chosen = tuple(task.name for task in self.tasks if task.task_type == task_type)
            complete = set(chosen) == {task.name for task in TASKS if task.task_type == task_type}
            suffix = "" if complete else f" ({' and '.join(chosen)} alone)"
            label = "paper" if complete else "paper, mean of both"
            if chosen:
                columns.append(TaskColumn(label=column + suffix, tasks=chosen, paper=column, paper_label=label))
        return tuple(columns)

    def recipe(self, **fields: object) -> Recipe:
        """A recipe; other fields keep their defaults."""
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

        Raises:
            StudyError: data, an encoder or the store failed.
        """
        if self.trains:
            self.save_parameters()
            records = run_missing(
                grid.configs, self.store, sources=self.sources, engine=self.engine, label=self.notebook
            ).records
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

    @property
    def engine(self) -> LocalEngine:
        """The engine that trains missing runs."""
        chosen = self.parameters
        return LocalEngine(
            device=chosen.device, workers=chosen.workers, population=chosen.population, deadline=self.deadline
        )

    def save_parameters(self) -> None:
        """Save the parameters in the store, so that a report needs nothing else."""
        if self.trains:
            values = self.parameters.model_dump(mode="json", exclude={"train_missing"})
            self.store.put_metadata(NOTEBOOK_METADATA, self.notebook, values | {"data": self.data})

    @property
    def provenance(self) -> str:
        """Parameters file and what differs from it, for captions."""
        values = self.parameters.model_dump(mode="json")
        return parameters.describe_origin(self.parameters.scale, self.notebook, values)

    @property
    def is_demo(self) -> bool:
        """Whether the banner must say that the numbers are not to be cited."""
        return is_demo(self.parameters.scale, self.parameters.data)


def _notebook_parameters(section: Section, namespace: JsonMapping) -> CommonParameters:
    """The parameters in a notebook's globals; the working directory becomes the project's."""
    if Path.cwd() == paths.NOTEBOOKS:
        os.chdir(paths.PROJECT)  # JupyterLab starts in the notebook's folder; paths are the project's
    values = parameters.namespace_parameters(
        namespace, section.Parameters.model_fields, check_unknown=section.NOTEBOOK not in _CHECKED
    )
    parsed = section.Parameters.parse(values, origin=f"notebooks/{section.NOTEBOOK}.ipynb")
    _CHECKED.add(section.NOTEBOOK)
    return parsed


def stored_study(section: Section, values: JsonMapping, *, store: Path) -> Study[CommonParameters]:
    """The study of a section's last execution by its stored parameters; it only reads the store.

    Raises:
        ParameterError: the stored parameters are no longer valid.
    """
    return Study(section, stored_parameters(section.Parameters, values, store=store))
