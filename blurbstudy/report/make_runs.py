"""Everything that the notebooks of a command show and the store lacks, made in this process: encoders, searches,
baselines, audits, and the runs of all notebooks in one sweep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..engine.deadline import Deadline
from ..engine.engine import LocalEngine
from ..engine.sources.encoder_spec import PRETRAIN
from ..engine.sources.encoders import pretrained_encoders
from ..engine.sources.resolve import wanted_encoders
from ..engine.sources.sources import PretrainingPlan, Sources, data_folder, sources_to_dict
from ..engine.sweep import run_missing
from ..errors import StudyError, flat_message
from ..sections import get_section
from ..study.section import PreparedSection
from ..study.study import Study
from .plan import planned_configs


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of it."""

    failures: Mapping[str, str] = field(default_factory=dict)  # notebook -> why it has no runs, in one line
    failure: str = ""  # of the sweep
    trained: int = 0
    reused: int = 0
    missing: tuple[RunConfig, ...] = ()  # not started before the deadline


def make_studies(plan: Mapping[str, Mapping[str, Any]], *, deadline: Deadline | None = None) -> list[Study[Any]]:
    """The studies of notebooks (notebook -> parameters), in their order.

    Raises:
        ParameterError: a parameter is unknown, or out of bounds.
    """
    sections = {notebook: get_section(notebook) for notebook in plan}
    return [
        Study.of(section, section.Parameters.parse(plan[name]), deadline=deadline) for name, section in sections.items()
    ]


def make_all_runs(studies: Sequence[Study[Any]]) -> Made:
    """Make everything that the studies lack. A notebook whose data or encoders fail does not stop the others.

    Raises:
        StoreError: the store cannot be written.
    """
    failures: dict[str, str] = {}
    pretrain_encoders(studies)
    configs: dict[str, RunConfig] = {}
    ready: list[Study[Any]] = []
    for study in studies:
        try:
            study.save_parameters()
            if isinstance(study.section, PreparedSection):
                study.section.prepare(study)
            configs |= {run.id: run for grid in study.section.grids(study).values() for run in grid.configs}
        except StudyError as error:
            failures[study.notebook] = flat_message(error)
            continue
        ready.append(study)
    if not configs:
        return Made(failures=failures)
    try:
        sweep = run_missing(
            configs.values(), ready[0].store, sources=merged_sources(ready), engine=_engine(ready), label="runs"
        )
    except StudyError as error:
        return Made(failures=failures, failure=flat_message(error))
    return Made(failures=failures, trained=sweep.trained, reused=sweep.reused, missing=sweep.missing)


def pretrain_encoders(studies: Sequence[Study[Any]]) -> None:
    """Pretrain the missing encoders of all studies side by side, and find their data, so that each study then finds
    both. What is at fault is left to the study that names it.
    """
    groups: dict[tuple[str, PretrainingPlan], dict[str, str]] = {}  # data, plan -> encoder spec -> display name
    for study in studies:
        request = study.source_request
        names = groups.setdefault((request["data"], request["pretraining"]), {})
        for name, spec in request["encoders"].items():
            names.setdefault(spec, name)
    given = {"workers": studies[0].parameters.workers, "deadline": studies[0].deadline}
    for (data, plan), names in groups.items():
        specs = {name: spec for spec, name in names.items() if spec.startswith(PRETRAIN)}
        if len(specs) < sum(spec.startswith(PRETRAIN) for spec in names):  # one display name for several encoders
            specs = {spec: spec for spec in names if spec.startswith(PRETRAIN)}
        try:
            pretrained_encoders(wanted_encoders(specs, folder=data_folder(data), plan=plan), **given)
        except StudyError:
            continue  # the notebook that names this encoder reports the error


def write_plan(studies: Sequence[Study[Any]], file: Path) -> int:
    """Write the runs that the studies want, with their sources, as JSON: `python -m blurbstudy.engine.train_plan FILE`
    trains those that the store lacks, where only what training needs is installed. Encoders are pretrained first.

    Returns:
        how many runs are wanted.
    """
    pretrain_encoders(studies)
    configs = {run.id: run for study in studies for run in planned_configs(study).values()}
    engine = _engine(studies)
    values = {
        "store": str(studies[0].store.folder.resolve()),
        "engine": {"device": engine.device, "workers": engine.workers, "population": engine.population},
        "sources": sources_to_dict(merged_sources(studies)),
        "configs": [run.to_dict() for run in configs.values()],
    }
    file.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return len(configs)


def merged_sources(studies: Iterable[Study[Any]]) -> Sources:
    """The data and encoders of several studies together; encoders by fingerprint, since names may differ."""
    sources = [study.sources for study in studies]
    encoders = {one.fingerprint: one for source in sources for one in source.encoders.values()}
    return replace(
        sources[0],
        fingerprints={task: print_ for source in sources for task, print_ in source.fingerprints.items()},
        sizes={task: size for source in sources for task, size in source.sizes.items()},
        encoders=encoders,
    )


def _engine(studies: Sequence[Study[Any]]) -> LocalEngine:
    """One engine for all: parameters that only some notebooks change (device, workers) hold for the whole sweep."""
    return studies[0].engine
