"""What sweeps and pretrainings will take, from short rehearsals of each class of runs: seconds by part, and memory."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..paths import cache_folder
from ..pretraining.corpus.corpus import Corpus
from ..pretraining.encoder_cache import Wanted
from ..pretraining.keeping import made_once
from ..pretraining.profiling import PretrainingTimes
from ..store.run_store import RunStore
from ..training import evaluation_steps
from ..training.profiling import Times
from .engine import LocalEngine
from .estimates.measurements import Calibrations, digest, machine, run_class
from .estimates.profiling import rehearse, rehearse_pretrainings
from .populations import Population, PopulationTrainer, run_steps
from .sources.resolve import live_encoder
from .sources.sources import Sources


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Runs that one call of `run_missing` will make."""

    configs: tuple[RunConfig, ...]
    sources: Sources
    engine: LocalEngine


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a sweep, or pretrainings side by side, will take."""

    seconds: float  # of the clock
    populations: int = 0
    workers: int = 1  # side by side
    process_bytes: int = 0  # of the largest process, or of the GPU
    parts: Mapping[str, float] = field(default_factory=dict)  # kind of work -> seconds of the clock


@dataclass
class Expectations:
    """Rehearses what was not rehearsed on this machine before, with as many processes side by side as there will be."""

    store: RunStore
    kept: Calibrations = field(default_factory=Calibrations)
    on_rehearsal: Callable[[str], object] = lambda what: None

    def of_pretrainings(self, wanted: Mapping[str, Wanted], *, workers: int) -> Expected:
        """Encoders by fingerprint, made so many side by side on a CPU, else one after another."""
        if not wanted:
            return Expected(seconds=0.0)
        side_by_side = _side_by_side(wanted, workers)
        times = self._pretraining_times(wanted, workers=side_by_side)
        reading = {one.corpus: times[name].reading for name, one in wanted.items()}  # the first reads for all
        clocks = [0.0] * side_by_side
        for name, one in wanted.items():
            clocks[clocks.index(min(clocks))] += times[name].seconds(one)
        start = self.start_seconds("cpu") if side_by_side > 1 else 0.0
        seconds = sum(reading.values()) + max(clocks) + start
        return Expected(seconds=seconds, workers=side_by_side, parts={"pretraining": seconds})

    def with_stand_ins(self, sources: Sources, wanted: Mapping[str, Wanted], *, workers: int) -> Sources:
        """The sources, with one of the same shape and a like vocabulary in the place of each encoder not yet there."""
        if not wanted:
            return sources
        self._pretraining_times(wanted, workers=_side_by_side(wanted, workers))
        encoders = dict(sources.encoders)
        for name, encoder in sources.encoders.items():
            if encoder.fingerprint in wanted:
                there = live_encoder(name, encoder.spec, _stand_in_folder(wanted[encoder.fingerprint]))
                encoders[name] = replace(there, fingerprint=encoder.fingerprint, stand_in=True)
        return replace(sources, encoders=encoders)

    def of_sweeps(self, sweeps: Sequence[Sweep]) -> list[Expected]:
        """Each sweep by itself. Encoders that are not there have stand-ins."""
        plans = []
        for sweep in sweeps:
            trainer = PopulationTrainer(self.store, sources=sweep.sources, device=sweep.engine.resolved_device())
            plans.append((trainer, sweep.engine, *sweep.engine.plan(sweep.configs, trainer)))
        for trainer, engine, workers, populations in plans:
            self._rehearse_time(populations, trainer, workers=min(workers, len(populations)), engine=engine)
        return [self._expected(*plan) for plan in plans]

    def _pretraining_times(self, wanted: Mapping[str, Wanted], *, workers: int) -> dict[str, PretrainingTimes]:
        """By fingerprint; those that differ in their seed alone take the same."""
        classes = {_stand_in_folder(one): one for one in wanted.values()}
        missing = {folder: one for folder, one in classes.items() if not self._pretraining_kept(folder, workers)}
        if missing:
            self.on_rehearsal(f"pretraining ({len(missing)} objectives)")
            parts = [folder.with_name(f".rehearsed-{folder.name}") for folder in missing]
            for part in parts:  # of a rehearsal that was killed
                shutil.rmtree(part, ignore_errors=True)
            found = rehearse_pretrainings(list(zip(missing.values(), parts, strict=True)), workers=workers)
            for folder, part, times in zip(missing, parts, found, strict=True):
                made_once(folder, lambda unfinished, part=part: _move(part, unfinished))
                self.kept.put("pretraining", f"{folder.name} {workers}", asdict(times))
        kept = {folder: self._pretraining_kept(folder, workers) for folder in classes}
        return {name: kept[_stand_in_folder(one)] for name, one in wanted.items()}

    def _pretraining_kept(self, folder: Path, workers: int) -> PretrainingTimes | None:
        name = f"{folder.name} {workers}"
        return self.kept.of_form(PretrainingTimes, "pretraining", name) if folder.is_dir() else None

    def _rehearse_time(
        self, populations: Sequence[Population], trainer: PopulationTrainer, *, workers: int, engine: LocalEngine
    ) -> None:
        """The smallest and the largest population of each class; those between are taken in proportion."""
        sizes: dict[str, dict[int, RunConfig]] = {}
        for population in populations:
            name = self._class(population, trainer, workers)
            sizes.setdefault(name, {})[len(population)] = population[0]
        jobs = [
            (name, size, own[size])
            for name, own in sizes.items()
            for size in {min(own), max(own)}
            if size not in self._kept_times(name)
        ]
        if jobs:
            self.on_rehearsal(f"{len(jobs)} classes of runs")
        found = rehearse(
            [config for _, _, config in jobs],
            trainer,
            what="time",
            members=[size for _, size, _ in jobs],
            workers=workers,
        )
        starts = []
        for (name, size, _), values in zip(jobs, found, strict=True):
            if values:
                starts += [values[0].pop("start")] if "start" in values[0] else []
                values[0].pop("device")
                known = {str(n): asdict(times) for n, times in self._kept_times(name).items()}
                self.kept.put("time", name, known | {str(size): values[0]})
        if starts:
            self.kept.put("start", digest(machine(trainer.device)), sum(starts) / len(starts))

    def _kept_times(self, name: str) -> dict[int, Times]:
        """Size of a population -> its times."""
        kept = self.kept.by_size(Times, "time", name)
        return {size: times for size, times in kept.items() if "test" in times.evaluation}

    def _class(self, population: Population, trainer: PopulationTrainer, workers: int) -> str:
        return f"{run_class(population[0], sources=trainer.sources, device=trainer.device)} {workers}"

    def _times(self, population: Population, trainer: PopulationTrainer, workers: int) -> Times | None:
        """Of a population of this size; from the nearest that was measured, if it was not. None: it does not go
        through, and the run will say why.
        """
        known, size = self._kept_times(self._class(population, trainer, workers)), len(population)
        if not known:
            return None
        nearest = min(known, key=lambda n: abs(math.log(n / size)))
        times = known[nearest]
        share = size / nearest
        evaluation = {split: share * seconds for split, seconds in times.evaluation.items()}
        return replace(times, step=share * times.step, build=share * times.build, evaluation=evaluation)

    def _expected(
        self, trainer: PopulationTrainer, engine: LocalEngine, workers: int, populations: list[Population]
    ) -> Expected:
        """The populations taken in their order by whichever worker is free."""
        workers = max(1, min(workers, len(populations)))
        team = [_WorkerClock() for _ in range(workers)]
        most = 0
        for population in populations:
            times = self._times(population, trainer, workers)
            if times is not None:
                most = max(most, times.peak)
                min(team, key=lambda one: one.seconds).train(population, times, trainer.sources)
        in_processes = min(engine.workers_asked(trainer.device), len(populations)) > 1
        start = self.start_seconds(trainer.device) if in_processes else 0.0
        longest = max(one.seconds for one in team)
        parts = Counter({"starting": start})
        for one in team:
            parts.update({name: seconds / workers for name, seconds in one.parts.items()})
        parts["waiting"] = longest - sum(one.seconds for one in team) / workers
        return Expected(
            seconds=start + longest,
            populations=len(populations),
            workers=workers,
            process_bytes=most,
            parts=dict(parts),
        )

    def start_seconds(self, device: str = "cpu") -> float:
        """Seconds until a process of the engine can begin."""
        return self.kept.number("start", digest(machine(device))) or 0.0


class _WorkerClock:
    """A process of the engine as time goes by, with what a PopulationTrainer holds on to."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()
        self.encoder, self.tokenized = "", set()

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())

    def train(self, population: Population, times: Times, sources: Sources) -> None:
        """One population more."""
        first, size = population[0], len(population)
        if self.encoder != first.encoder:
            self.encoder, self.tokenized = first.encoder, set()
            self.parts["loading"] += times.load
        text = (first.task, first.data, first.recipe.max_length, first.recipe.layout)
        if text not in self.tokenized:
            self.tokenized.add(text)
            self.parts["tokenizing"] += times.tokenize
        self.parts["loading"] += times.build
        for config in population:
            steps = run_steps(config, sources=sources)
            points = len(evaluation_steps(config.recipe.evaluations, steps)) if "dev" in times.evaluation else 0
            self.parts["training"] += steps * times.step / size
            self.parts["evaluation"] += (points * times.evaluation.get("dev", 0.0) + times.evaluation["test"]) / size


def _side_by_side(wanted: Mapping[str, Wanted], workers: int) -> int:
    return min(workers, len(wanted)) if all(one.device == "cpu" for one in wanted.values()) else 1


def _stand_in_folder(wanted: Wanted) -> Path:
    """Where the encoder lies that a rehearsal of this pretraining, or of another seed of it, left."""
    values: dict[str, Any] = {
        "corpus": Corpus(tuple(map(Path, wanted.corpus))).fingerprint,
        "config": wanted.settings.to_dict(),
        "objective": wanted.objective,
        "precision": wanted.precision,
    }
    return cache_folder().absolute() / "stand-ins" / f"{wanted.objective}-{digest(values | machine(wanted.device))}"


def _move(part: Path, unfinished: Path) -> None:
    for file in part.iterdir():
        file.replace(unfinished / file.name)
    part.rmdir()
