"""What `blurbstudy run` would do, before it does anything: runs, populations, encoders, memory, expected time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..config import RunConfig
from ..pretraining.encoder_cache import EncoderRequest
from ..engine.estimates.flops import pretraining_seconds
from ..engine.estimates.memory import free_bytes
from ..engine.estimates.sweep_estimate import SweepEstimate, estimate_sweep
from ..engine.workers.process import available_cpus
from ..store.run_store import RunStore
from ..study.dry_run import planned_study
from ..study.study import Study

NOTEBOOK_SECONDS = 15.0  # of a notebook apart from its runs


@dataclass(frozen=True, kw_only=True)
class NotebookPlan:
    """One notebook's share; runs and encoders that an earlier notebook makes are not made again."""

    stem: str
    runs: int  # asked for
    done: int  # in the store
    to_make: int  # missing, and asked for by no earlier notebook
    populations: int
    encoders: int  # to be pretrained by this notebook
    tokens: int  # that they will see
    process_bytes: int  # of the largest process, or of the GPU
    workers: int  # processes side by side
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All notebooks of a command."""

    scale: str
    store: str
    device: str
    notebooks: tuple[NotebookPlan, ...]
    runs: int  # distinct ones
    done: int
    free_bytes: int | None
    parts: Mapping[str, float]  # kind of work -> seconds of the clock

    @property
    def missing(self) -> int:
        """Distinct runs to be made."""
        return self.runs - self.done

    @property
    def seconds(self) -> float:
        """Of the clock, for all."""
        return sum(self.parts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"missing": self.missing, "seconds": self.seconds, "assumptions": list(ASSUMPTIONS)}


ASSUMPTIONS = (
    "nothing else runs on this machine",
    "every run takes all its steps (a run whose loss diverges ends early)",
    "operations per second as last measured for encoders of the same shape, else a constant",
    "pending trials of a search are random points of its space, and it selects the longest recipe",
)


def make_plan(values: Mapping[str, Mapping[str, Any]], *, scale: str, store: RunStore) -> Plan:
    """The plan of some notebooks (stem -> parameters); nothing is trained or written into the store.

    Raises:
        StudyError: a parameter, the data or an encoder is at fault, as it would be in the run.
    """
    studies = [planned_study(stem, own) for stem, own in values.items()]
    parts: Counter[str] = Counter()
    notebooks = []
    for study, share in zip(studies, divided(studies), strict=True):
        device = study.engine.resolved_device()
        sweeps = [
            estimate_sweep(
                configs,
                sources=study.sources,
                device=device,
                workers=study.engine.requested_workers(device),
                population=study.engine.population,
            )
            for configs in share.sweeps
        ]
        pretraining = _pretraining_seconds(study, share)
        parts["pretraining"] += pretraining
        parts["training"] += sum(sweep.seconds for sweep in sweeps)
        parts["notebooks"] += NOTEBOOK_SECONDS
        notebooks.append(_notebook_plan(study, share, pretraining, sweeps))
    asked = {config.id for study in studies for configs in study.planned for config in configs}
    device = studies[0].engine.resolved_device()
    return Plan(
        scale=scale,
        store=str(store.folder),
        device=device,
        notebooks=tuple(notebooks),
        runs=len(asked),
        done=sum(run_id in store for run_id in asked),
        free_bytes=free_bytes(device),
        parts=dict(+parts),
    )


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a notebook makes that is neither there nor made by an earlier one."""

    sweeps: tuple[tuple[RunConfig, ...], ...]  # of each call of `run` that makes any
    encoders: Mapping[str, EncoderRequest]  # by fingerprint


def divided(studies: Sequence[Study]) -> list[Share]:
    """Runs and encoders are made by the first notebook that asks for them."""
    runs: set[str] = set()
    encoders: set[str] = set()
    shares = []
    for study in studies:
        sweeps = []
        for configs in study.planned:
            new = {c.id: c for c in configs if c.id not in runs and c.id not in study.store}
            runs |= set(new)
            sweeps += [tuple(new.values())] if new else []
        wanted = {name: one for name, one in study.to_pretrain.items() if name not in encoders}
        encoders |= set(wanted)
        shares.append(Share(sweeps=tuple(sweeps), encoders=wanted))
    return shares


def _pretraining_seconds(study: Study, share: Share) -> float:
    shapes = {encoder.fingerprint: encoder.architecture for encoder in study.sources.encoders.values()}
    seconds = [pretraining_seconds(one, shapes[name]) for name, one in share.encoders.items()]
    on_cpu = all(one.device == "cpu" for one in share.encoders.values())
    workers = min(study.values["workers"] or available_cpus(), len(seconds)) if on_cpu else 1
    return sum(seconds) / max(1, workers)


def _notebook_plan(study: Study, share: Share, pretraining: float, sweeps: Sequence[SweepEstimate]) -> NotebookPlan:
    asked = {config.id for configs in study.planned for config in configs}
    return NotebookPlan(
        stem=study.stem,
        runs=len(asked),
        done=sum(run_id in study.store for run_id in asked),
        to_make=sum(map(len, share.sweeps)),
        populations=sum(one.populations for one in sweeps),
        encoders=len(share.encoders),
        tokens=sum(_tokens(one) for one in share.encoders.values()),
        process_bytes=max((one.process_bytes for one in sweeps), default=0),
        workers=max((one.workers for one in sweeps), default=1),
        seconds=pretraining + sum(one.seconds for one in sweeps) + NOTEBOOK_SECONDS,
    )


def _tokens(wanted: EncoderRequest) -> int:
    settings = wanted.pretraining_config
    return wanted.tokens or wanted.steps * (settings.batch_tokens or settings.batch_size * settings.max_length)
