"""What `blurbstudy run` would do: runs and encoders counted from the sections' grids, time from counted operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..config import RunConfig
from ..engine.estimates.flops import Costs, pretraining_cost
from ..engine.estimates.measurements import Calibrations
from ..engine.sources.planned import planned_sources
from ..engine.workers.processes import cores
from ..models import Architecture
from ..pretraining.encoder_cache import Wanted
from ..sections import get_section
from ..store.run_store import RunStore
from ..study.study import Study

ASSUMPTIONS = (
    "nothing else runs on this machine",
    "every run takes all its steps",
    "operations per second as last measured on this machine, or a typical rate before any measurement",
    "trials that a search has not proposed yet are drawn at random, and it chooses the longest recipe",
    "executing the notebooks and writing the report come on top (a minute or two)",
)


@dataclass(frozen=True, kw_only=True)
class NotebookPlan:
    """One notebook's share; runs and encoders of an earlier notebook are not counted again."""

    notebook: str
    runs: int  # wanted
    done: int  # in the store
    to_train: int  # missing, and not wanted by an earlier notebook
    encoders: int  # to pretrain
    tokens: int  # that these will see
    seconds: float  # of all cores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All notebooks of a command."""

    scale: str
    store: str
    device: str
    workers: int
    notebooks: tuple[NotebookPlan, ...]
    runs: int  # distinct
    done: int

    @property
    def missing(self) -> int:
        """Distinct runs to train."""
        return self.runs - self.done

    @property
    def seconds(self) -> float:
        """Estimated wall-clock time."""
        return sum(one.seconds for one in self.notebooks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        derived = {"missing": self.missing, "seconds": self.seconds, "assumptions": list(ASSUMPTIONS)}
        return asdict(self) | derived


def make_plan(plan: Mapping[str, Mapping[str, Any]], *, scale: str, store: RunStore) -> Plan:
    """The plan of some notebooks (notebook -> parameters); nothing is trained or written.

    Raises:
        StudyError: a parameter, the data or an encoder is at fault, as it would be in the run.
    """
    measured = Calibrations()
    known_runs: set[str] = set()
    known_encoders: set[str] = set()
    notebooks: list[NotebookPlan] = []
    done: set[str] = set()
    studies = [_planned_study(notebook, values) for notebook, values in plan.items()]
    for study, to_pretrain in studies:
        configs = planned_configs(study)
        device = study.engine.resolved_device()
        workers = study.engine.workers_asked(device)
        done |= {run_id for run_id in configs if run_id in store}
        missing = [run for run_id, run in configs.items() if run_id not in known_runs | done]
        encoders = {one.folder().name: (name, one) for name, one in to_pretrain.items()}
        encoders = {key: value for key, value in encoders.items() if key not in known_encoders}
        costs = Costs(study.sources, device, measured)
        seconds = sum(map(costs.of, missing)) / workers
        seconds += _pretraining_seconds(study, list(encoders.values()), workers=workers)
        notebooks.append(
            NotebookPlan(
                notebook=study.notebook,
                runs=len(configs),
                done=sum(run_id in done for run_id in configs),
                to_train=len(missing),
                encoders=len(encoders),
                tokens=sum(_tokens(one) for _, one in encoders.values()),
                seconds=seconds,
            )
        )
        known_runs |= set(configs)
        known_encoders |= set(encoders)
    first = studies[0][0]
    device = first.engine.resolved_device()
    return Plan(
        scale=scale,
        store=str(store.folder),
        device=device,
        workers=first.engine.workers_asked(device),
        notebooks=tuple(notebooks),
        runs=len(known_runs),
        done=len(done),
    )


def planned_configs(study: Study[Any]) -> dict[str, RunConfig]:
    """Run id -> configuration of every run that the study wants, as far as it can be foreseen."""
    section: Any = study.section
    if hasattr(section, "planned_configs"):
        return {run.id: run for run in section.planned_configs(study)}
    return {run.id: run for grid in section.grids(study).values() for run in grid.configs}


def _planned_study(notebook: str, values: Mapping[str, Any]) -> tuple[Study[Any], dict[str, Wanted]]:
    """A study with placeholders for encoders that are still to be pretrained: display name -> request."""
    section = get_section(notebook)
    study = Study.of(section, section.Parameters.parse({**values, "train_missing": False}))
    request = study.source_request
    study.sources, to_pretrain = planned_sources(study.store, **request)
    return study, to_pretrain


def _pretraining_seconds(study: Study[Any], encoders: Sequence[tuple[str, Wanted]], *, workers: int) -> float:
    shapes = {name: Architecture(**encoder.architecture) for name, encoder in study.sources.encoders.items()}
    spent = [pretraining_cost(one, shapes[name]) for name, one in encoders]
    side_by_side = max(1, min(study.parameters.workers or cores(), len(spent)))
    on_cpu = all(one.device == "cpu" for _, one in encoders)
    return sum(spent) / (side_by_side if on_cpu else 1)


def _tokens(request: Wanted) -> int:
    settings = request.settings
    return request.tokens or request.steps * (settings.batch_tokens or settings.batch_size * settings.max_length)


def plan_text(plan: Plan) -> str:
    """The plan as a table for a terminal, with what the time assumes."""
    columns = ("notebook", "runs", "done", "to train", "encoders to pretrain", "time")
    rows = [columns, *(_row(one) for one in plan.notebooks)]
    total = NotebookPlan(
        notebook="in all",
        runs=plan.runs,
        done=plan.done,
        to_train=plan.missing,
        encoders=sum(one.encoders for one in plan.notebooks),
        tokens=sum(one.tokens for one in plan.notebooks),
        seconds=plan.seconds,
    )
    rows.append(_row(total))
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = [
        "  ".join(text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(cells)).rstrip()
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    shared = sum(one.runs for one in plan.notebooks) - plan.runs
    where = f"{plan.workers} processes" if plan.device == "cpu" else "one GPU"
    lines += [
        "",
        f"scale {plan.scale}, device {plan.device} ({where}), run store {plan.store}",
        f"runs that several notebooks share: {shared}, counted once in the total",
        "time assumes: " + "; ".join(ASSUMPTIONS),
    ]
    return "\n".join(lines)


def _row(one: NotebookPlan) -> tuple[str, ...]:
    encoders = f"{one.encoders} ({one.tokens / 1e6:,.1f} M tokens)" if one.encoders else "0"
    return one.notebook, f"{one.runs:,}", f"{one.done:,}", f"{one.to_train:,}", encoders, duration(one.seconds)


def duration(seconds: float) -> str:
    """`40 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
