"""What `blurbstudy run` would do, before it does anything: runs, populations, encoders, memory, expected time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..config import RunConfig
from ..models import Architecture
from ..pretraining.encoder_cache import Wanted
from ..engine.estimates.measurements import Calibrations, digest, machine
from ..engine.estimates.memory import free_bytes
from ..engine.estimates.flops import Costs, pretraining_cost
from ..engine.forecast import Expectations, Expected, Sweep
from ..engine.workers.processes import cores
from ..store.run_store import RunStore
from ..study.dry_run import planned_study
from .progress_bar import Stage
from ..study.study import Study

# Seconds of a notebook beside its runs (kernel, tables, figures), in starts of a process of the engine, which measure
# the machine: as found with the mini scale; those of a notebook that was run here before are known better.
NOTEBOOK_STARTS = {"00_overview": 8.0, "01_pretraining_ablation": 12.0, "07_scispacy": 12.0}
OTHER_STARTS = 4.0
COMMAND_STARTS = 6.0  # of the command itself, and of the report
USUAL_START = 3.0  # seconds of one, where none was measured


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
    "nothing else runs on this machine meanwhile",
    "every run takes all its steps (one whose loss leaves the finite numbers ends earlier)",
    "steps are as fast as the first ones of each class of runs, rehearsed with as many processes side by side",
    "an encoder that is still to be pretrained is rehearsed by another of its shape",
    "trials that a search has not asked for yet are drawn from its space at random, and it chooses the longest recipe",
)


def make_plan(
    values: Mapping[str, Mapping[str, Any]],
    *,
    scale: str,
    store: RunStore,
    on_rehearsal: Callable[[str], object] = lambda what: None,
) -> Plan:
    """The plan of some notebooks (stem -> parameters); nothing is trained or written into the store.

    Raises:
        StudyError: a parameter, the data or an encoder is at fault, as it would be in the run.
    """
    studies = [planned_study(stem, own) for stem, own in values.items()]
    expectations = Expectations(store, on_rehearsal=on_rehearsal)
    shares = divided(studies)
    pretrainings = [
        expectations.of_pretrainings(share.encoders, workers=study.values["workers"] or cores())
        for study, share in zip(studies, shares, strict=True)
    ]
    sweeps = [_sweeps(study, share, expectations) for study, share in zip(studies, shares, strict=True)]
    found = iter(expectations.of_sweeps([sweep for own in sweeps for sweep in own]))
    expected = [[next(found) for _ in own] for own in sweeps]
    start = expectations.start_seconds() or USUAL_START
    parts: Counter[str] = Counter()
    notebooks = []
    for study, share, pretraining, own in zip(studies, shares, pretrainings, expected, strict=True):
        beside = beside_runs(study.stem, scale=scale, kept=expectations.kept, start=start)
        for one in (pretraining, *own):
            parts.update(one.parts)
        parts["notebooks"] += beside
        notebooks.append(_notebook_plan(study, share, pretraining, own, beside=beside))
    parts["command and report"] = COMMAND_STARTS * start
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
        parts=dict(parts),
    )


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a notebook makes that is neither there nor made by an earlier one."""

    sweeps: tuple[tuple[RunConfig, ...], ...]  # of each call of `run` that makes any
    encoders: Mapping[str, Wanted]  # by fingerprint


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


def expected_stages(values: Mapping[str, Mapping[str, Any]], *, scale: str) -> list[Stage]:
    """Roughly and at once, what a run will go through: for the time left. Nothing is rehearsed.

    Raises:
        StudyError: as the notebooks will.
    """
    studies = [planned_study(stem, own) for stem, own in values.items()]
    kept, stages = Calibrations(), []
    start = kept.number("start", digest(machine("cpu"))) or USUAL_START
    for study, share in zip(studies, divided(studies), strict=True):
        workers = study.engine.workers_asked(study.engine.resolved_device())
        if share.encoders:
            shapes = {encoder.fingerprint: encoder.architecture for encoder in study.sources.encoders.values()}
            spent = [pretraining_cost(one, Architecture(**shapes[name])) for name, one in share.encoders.items()]
            on_cpu = all(one.device == "cpu" for one in share.encoders.values())
            side_by_side = min(study.values["workers"] or cores(), len(spent)) if on_cpu else 1
            seconds = sum(spent) / side_by_side
            stages.append(Stage(stem=study.stem, kind="encoders", count=len(spent), seconds=seconds))
        for configs in share.sweeps:
            costs = Costs(study.sources, study.engine.resolved_device(), kept)
            seconds = start + sum(map(costs.of, configs)) / workers
            stages.append(Stage(stem=study.stem, kind="runs", count=len(configs), seconds=seconds))
        beside = beside_runs(study.stem, scale=scale, kept=kept, start=start)
        stages.append(Stage(stem=study.stem, kind="rest", count=0, seconds=beside))
    return stages


def beside_runs(stem: str, *, scale: str, kept: Calibrations, start: float) -> float:
    """Seconds of a notebook beside its runs: as the last execution on this machine took, or as is usual."""
    found = kept.number("notebook", f"{scale} {stem} {digest(machine('cpu'))}")
    return found if found is not None else NOTEBOOK_STARTS.get(stem, OTHER_STARTS) * start


def keep_beside_runs(stem: str, seconds: float, *, scale: str) -> None:
    """Note what a notebook took beside its runs, for later plans."""
    Calibrations().put("notebook", f"{scale} {stem} {digest(machine('cpu'))}", round(seconds, 1))


def _sweeps(study: Study, share: Share, expectations: Expectations) -> list[Sweep]:
    if not share.sweeps:
        return []
    workers = study.values["workers"] or cores()
    sources = expectations.with_stand_ins(study.sources, study.to_pretrain, workers=workers)
    return [Sweep(configs=configs, sources=sources, engine=study.engine) for configs in share.sweeps]


def _notebook_plan(
    study: Study, share: Share, pretraining: Expected, sweeps: Sequence[Expected], *, beside: float
) -> NotebookPlan:
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
        workers=max((one.workers for one in (pretraining, *sweeps)), default=1),
        seconds=pretraining.seconds + sum(one.seconds for one in sweeps) + beside,
    )


def _tokens(wanted: Wanted) -> int:
    settings = wanted.settings
    return wanted.tokens or wanted.steps * (settings.batch_tokens or settings.batch_size * settings.max_length)
