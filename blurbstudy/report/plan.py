"""What `blurbstudy run` would do: runs and encoders counted from the sections' grids, time from counted operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ..config import JsonMapping, JsonObject, RunConfig
from ..engine.estimates.flops import pretraining_seconds
from ..engine.estimates.memory import free_bytes
from ..engine.estimates.sweep_estimate import estimate_sweep
from ..engine.progress import format_duration
from ..engine.sources.dry_run import dry_run_sources
from ..engine.sources.sources import MINI
from ..engine.workers.process import available_cpus
from ..pretraining.encoder_cache import EncoderRequest
from ..sections import get_section
from ..store.run_store import RunStore
from ..study.parameters import CommonParameters
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
    runs: int
    done: int  # in the store
    to_train: int  # missing, and not counted by an earlier notebook
    encoders: int  # to pretrain
    tokens: int  # that these train on
    populations: int
    process_bytes: int  # of the largest process, or of the GPU
    workers: int  # processes side by side
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All notebooks of a command."""

    scale: str
    store: str
    device: str
    free_bytes: int | None
    notebooks: tuple[NotebookPlan, ...]
    runs: int  # distinct
    done: int

    @property
    def missing(self) -> int:
        return self.runs - self.done

    @property
    def seconds(self) -> float:
        return sum(notebook.seconds for notebook in self.notebooks)

    def to_dict(self) -> JsonObject:
        derived = {"missing": self.missing, "seconds": self.seconds, "assumptions": list(ASSUMPTIONS)}
        return asdict(self) | derived


def make_plan(plan: Mapping[str, JsonMapping], *, scale: str, store: RunStore) -> Plan:
    """The plan of some notebooks (notebook -> parameters); nothing is trained or written.
    Raises StudyError: a parameter, the data or an encoder is at fault, as it would be in the run.
    """
    known_runs: set[str] = set()
    known_encoders: set[str] = set()
    notebooks: list[NotebookPlan] = []
    done: set[str] = set()
    studies = [planned_study(notebook, values) for notebook, values in plan.items()]
    for study, to_pretrain in studies:
        configs = planned_configs(study)
        device = study.local_engine.resolved_device()
        done |= {run_id for run_id in configs if run_id in store}
        missing = [run for run_id, run in configs.items() if run_id not in known_runs | done]
        encoders = {request.folder().name: (name, request) for name, request in to_pretrain.items()}
        encoders = {key: value for key, value in encoders.items() if key not in known_encoders}
        sweep = estimate_sweep(
            missing,
            sources=study.sources,
            device=device,
            workers=study.local_engine.requested_workers(device),
            population=study.local_engine.population,
        )
        pretraining = _pretraining_seconds(study, list(encoders.values()))
        notebooks.append(
            NotebookPlan(
                notebook=study.notebook,
                runs=len(configs),
                done=sum(run_id in done for run_id in configs),
                to_train=len(missing),
                encoders=len(encoders),
                tokens=sum(_tokens(request) for _, request in encoders.values()),
                populations=sweep.populations,
                process_bytes=sweep.process_bytes,
                workers=sweep.workers,
                seconds=pretraining + sweep.seconds,
            )
        )
        known_runs |= set(configs)
        known_encoders |= set(encoders)
    first = studies[0][0]
    device = first.local_engine.resolved_device()
    return Plan(
        scale=scale,
        store=str(store.folder),
        device=device,
        free_bytes=free_bytes(device),
        notebooks=tuple(notebooks),
        runs=len(known_runs),
        done=len(done),
    )


def planned_configs(study: Study[CommonParameters]) -> dict[str, RunConfig]:
    """Run id -> configuration of every run of the study, as far as it is known in advance."""
    planned = getattr(study.section, "planned_configs", None)
    if planned is not None:
        return {run.id: run for run in planned(study)}
    return {run.id: run for grid in study.section.grids(study).values() for run in grid.configs}


def planned_study(notebook: str, values: JsonMapping) -> tuple[Study[CommonParameters], dict[str, EncoderRequest]]:
    """A study with placeholders for encoders that are still to be pretrained: display name -> request."""
    section = get_section(notebook)
    study = Study(section, section.Parameters.parse({**values, "train_missing": False}))
    request = study.source_request
    device = "cpu" if study.parameters.pretraining.config == MINI else study.local_engine.resolved_device()
    request["pretraining"] = replace(request["pretraining"], device=device)
    study.sources, to_pretrain = dry_run_sources(study.store, **request)
    return study, to_pretrain


def _pretraining_seconds(study: Study[CommonParameters], encoders: Sequence[tuple[str, EncoderRequest]]) -> float:
    shapes = {name: encoder.architecture for name, encoder in study.sources.encoders.items()}
    seconds = [pretraining_seconds(request, shapes[name]) for name, request in encoders]
    on_cpu = all(request.device == "cpu" for _, request in encoders)
    side_by_side = min(study.parameters.workers or available_cpus(), len(seconds)) if on_cpu else 1
    return sum(seconds) / max(1, side_by_side)


def _tokens(request: EncoderRequest) -> int:
    settings = request.pretraining_config
    return request.tokens or request.steps * (settings.batch_tokens or settings.batch_size * settings.max_length)


def plan_text(plan: Plan) -> str:
    """The plan as a table for a terminal, with what the time assumes."""
    columns = ("notebook", "runs", "done", "to train", "populations", "encoders to pretrain", "memory", "time")
    rows = [columns, *map(_row, plan.notebooks)]
    largest = max(plan.notebooks, key=lambda notebook: notebook.process_bytes * notebook.workers)
    total = NotebookPlan(
        notebook="in all",
        runs=plan.runs,
        done=plan.done,
        to_train=plan.missing,
        encoders=sum(notebook.encoders for notebook in plan.notebooks),
        tokens=sum(notebook.tokens for notebook in plan.notebooks),
        populations=sum(notebook.populations for notebook in plan.notebooks),
        process_bytes=largest.process_bytes,
        workers=largest.workers,
        seconds=plan.seconds,
    )
    rows.append(_row(total))
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    lines = [
        "  ".join(text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(cells)).rstrip()
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    shared = sum(notebook.runs for notebook in plan.notebooks) - plan.runs
    free = "unknown" if plan.free_bytes is None else _gigabytes(plan.free_bytes)
    lines += [
        "",
        f"scale {plan.scale}, device {plan.device}, run store {plan.store}",
        f"runs that several notebooks share: {shared}, counted once in the total",
        f"memory: processes x bytes of the largest population; free on this device: {free}",
        "time assumes: " + "; ".join(ASSUMPTIONS),
    ]
    return "\n".join(lines)


def _row(notebook: NotebookPlan) -> tuple[str, ...]:
    encoders = f"{notebook.encoders} ({notebook.tokens / 1e6:,.1f} M tokens)" if notebook.encoders else "0"
    counts = (f"{count:,}" for count in (notebook.runs, notebook.done, notebook.to_train, notebook.populations))
    memory = f"{notebook.workers} x {_gigabytes(notebook.process_bytes)}" if notebook.process_bytes else "-"
    return notebook.notebook, *counts, encoders, memory, format_duration(notebook.seconds)


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
