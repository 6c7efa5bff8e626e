"""Makes what the notebooks of a command need and the store lacks: encoders, searches, baselines, audits, and the runs
of all notebooks in one sweep.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..config import JsonMapping, RunConfig
from ..engine.deadline import Deadline
from ..engine.sources.encoder_spec import PRETRAIN
from ..engine.sources.encoders import ensure_encoders
from ..engine.sources.resolve import encoders_to_pretrain
from ..engine.sources.sources import PretrainingPlan, Sources, data_folder
from ..engine.sweep import check_runs, run_missing
from ..engine.train_plan import write_plan
from ..errors import ParameterError, StudyError, flat_message
from ..sections import get_section
from ..study.by_hand import adopt_runs
from ..study.parameters import CommonParameters
from ..study.section import PreparedSection
from ..study.study import Study
from .plan import planned_configs


@dataclass(kw_only=True)
class Made:
    """What was made, and what failed."""

    failures: dict[str, str] = field(default_factory=dict)  # notebook -> why its runs are missing, in one line
    sweep_failures: list[str] = field(default_factory=list)  # one line each
    trained: int = 0
    reused: int = 0


def make_studies(plan: Mapping[str, JsonMapping], *, deadline: Deadline | None = None) -> list[Study[CommonParameters]]:
    """The studies of notebooks (notebook -> parameters), in their order.
    Raises ParameterError: a parameter is unknown, or out of bounds.
    """
    sections = {notebook: get_section(notebook) for notebook in plan}
    return [
        Study(section, section.Parameters.parse(plan[name]), deadline=deadline) for name, section in sections.items()
    ]


def make_all_runs(studies: Sequence[Study[CommonParameters]]) -> Made:
    """Make everything that the studies lack. A notebook whose data, encoders or recipes fail does not stop the others.
    Raises StoreError: the store cannot be written.
    """
    made = Made(failures=pretrain_encoders(studies))
    sweeps: dict[tuple, _Sweep] = {}  # studies of the same data and engine share one
    for study in (study for study in studies if study.notebook not in made.failures):
        try:
            configs = _prepare(study)
        except StudyError as error:
            made.failures[study.notebook] = flat_message(error)
        except Exception as error:  # an error of one section; its notebook shows where
            made.failures[study.notebook] = f"{type(error).__name__}: {flat_message(error)}"
        else:
            if configs:
                chosen = study.parameters
                key = (study.data, chosen.engine, chosen.device, chosen.workers, chosen.population)
                sweep = sweeps.setdefault(key, _Sweep())
                sweep.studies.append(study)
                sweep.configs |= configs
    for sweep in sweeps.values():
        first, sources = sweep.studies[0], merged_sources(sweep.studies)
        adopt_runs(first.store, sweep.configs)
        try:
            result = run_missing(sweep.configs.values(), first.store, sources=sources, engine=first.engine)
        except StudyError as error:
            made.sweep_failures.append(flat_message(error))
            continue
        made.trained += result.trained
        made.reused += result.reused
    return made


@dataclass
class _Sweep:
    studies: list[Study[CommonParameters]] = field(default_factory=list)
    configs: dict[str, RunConfig] = field(default_factory=dict)


def _prepare(study: Study[CommonParameters]) -> dict[str, RunConfig]:
    """Save the parameters, compute what comes before the grids, and return the runs of the grids."""
    _save_parameters(study)
    if isinstance(study.section, PreparedSection):
        study.section.prepare(study)
    configs = {run.id: run for grid in study.section.grids(study).values() for run in grid.configs}
    if configs:
        check_runs(configs.values(), study.sources)
    return configs


def _save_parameters(study: Study[CommonParameters]) -> None:
    with contextlib.nullcontext() if study.encoder_specs else contextlib.suppress(ParameterError):
        study.save_parameters()  # a notebook that only reads the store needs no data


def pretrain_encoders(studies: Sequence[Study[CommonParameters]]) -> dict[str, str]:
    """Pretrain the missing encoders of all studies, in parallel.

    Returns:
        notebook -> why it lacks an encoder, in one line.
    """
    failures: dict[str, str] = {}
    groups: dict[tuple[str, PretrainingPlan], list[Study[CommonParameters]]] = {}
    for study in (study for study in studies if study.encoder_specs):
        try:
            groups.setdefault((study.data, study.pretraining_plan), []).append(study)
        except StudyError as error:
            failures[study.notebook] = flat_message(error)
    for (data, plan), group in groups.items():
        requests = {
            study.notebook: encoders_to_pretrain(
                {name: spec for name, spec in study.source_request["encoders"].items() if spec.startswith(PRETRAIN)},
                folder=data_folder(data),
                plan=plan,
            )
            for study in group
        }
        by_folder = {
            request.folder(): (name, request) for encoders in requests.values() for name, request in encoders.items()
        }
        names = [name for name, _ in by_folder.values()]
        distinct = {
            name if names.count(name) == 1 else f"{name} ({folder.name})": request
            for folder, (name, request) in by_folder.items()
        }
        try:
            ensure_encoders(distinct, workers=group[0].parameters.workers, deadline=group[0].deadline)
        except StudyError as error:
            failures |= {
                notebook: flat_message(error)
                for notebook, encoders in requests.items()
                if not all(request.folder().is_dir() for request in encoders.values())
            }
    return failures


def plan_runs(studies: Sequence[Study[CommonParameters]]) -> int:
    """Write the runs that the studies need into their store, for `blurbstudy work`, and the parameters, for `blurbstudy
    report`. Encoders are pretrained first.

    Returns:
        the number of runs.

    Raises:
        StudyError: data or an encoder are missing, or the plan cannot be written.
    """
    if failures := pretrain_encoders(studies):
        raise StudyError("; ".join(f"{notebook}: {failure}" for notebook, failure in failures.items()))
    configs = {run.id: run for study in studies for run in planned_configs(study).values()}
    sources = merged_sources([study for study in studies if study.encoder_specs])
    write_plan(studies[0].store, configs.values(), sources=sources)
    for study in studies:
        _save_parameters(study)
    return len(configs)


def merged_sources(studies: Iterable[Study[CommonParameters]]) -> Sources:
    """The data and encoders of several studies together; encoders by fingerprint, since names may differ."""
    sources = [study.sources for study in studies]
    encoders = {encoder.fingerprint: encoder for source in sources for encoder in source.encoders.values()}
    return replace(
        sources[0],
        fingerprints={task: print_ for source in sources for task, print_ in source.fingerprints.items()},
        sizes={task: size for source in sources for task, size in source.sizes.items()},
        encoders=encoders,
    )
