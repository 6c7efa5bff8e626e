"""Profile the memory of runs: in this process on CUDA, on a CPU in a worker process like those that train."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...config import RunConfig
from ...training.memory import free_memory
from ...training.profiling import MemoryUsage, clones
from ..populations import Population, PopulationTrainer
from ..workers.messages import Finished
from ..workers.process import WorkerProcess

PROFILED_SIZES = (1, 2)  # members: the difference of the two is one member's

Profile = list[MemoryUsage]  # of PROFILED_SIZES, up to the first that does not fit


def profile(configs: Sequence[RunConfig], trainer: PopulationTrainer) -> list[Profile]:
    """The profile of populations like each of the runs, in the same order."""
    if trainer.device != "cpu":
        return [_profile_sizes(config, lambda population: _profile_here(population, trainer)) for config in configs]
    profiler = _SubprocessProfiler(trainer)
    try:
        return [_profile_sizes(config, profiler.profile) for config in configs]
    finally:
        profiler.close()


def _profile_sizes(config: RunConfig, profile_one: Callable[[Population], MemoryUsage | None]) -> Profile:
    usages: Profile = []
    for size in PROFILED_SIZES:
        usage = profile_one(clones(config, size))
        if usage is None:
            break
        usages.append(usage)
    return usages


def _profile_here(population: Population, trainer: PopulationTrainer) -> MemoryUsage | None:
    try:
        return trainer.profile_memory(population)
    except Exception:  # training the run reports it
        return None
    finally:
        free_memory()


class _SubprocessProfiler:
    """Profiles in one worker process after another: a population that kills its process does not fit."""

    def __init__(self, trainer: PopulationTrainer) -> None:
        self._trainer = trainer
        self._process: WorkerProcess | None = None

    def profile(self, population: Population) -> MemoryUsage | None:
        if self._process is None or not self._process.is_alive():
            self.close()
            self._process = WorkerProcess("blurbstudy.engine.run_worker", self._trainer.to_config())
        request = {"kind": "profile_memory", "configs": [config.to_dict() for config in population]}
        *_, message = self._process.request(request)
        return MemoryUsage(**message.result) if isinstance(message, Finished) and message.result else None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
