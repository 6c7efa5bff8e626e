"""Engines train runs into a store. The local one: one process per CPU core, each with one thread, or this process on
CUDA.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from ..config import DEVICES, RunConfig
from ..errors import Interrupted, ParameterError, check_choice
from ..store.run_store import RunStore
from ..store.run_weights import KEEP
from ..training.memory import free_memory
from ..training.provenance import one_torch_thread
from ..training.trainer import StepCallback
from .deadline import Deadline
from .estimates.memory import Capacity
from .leases import claim_runs
from .populations import Population, PopulationTrainer, plan_populations
from .run_worker import RETRY_SECONDS, RunWorker
from .sources.sources import Sources
from .sweep_state import FailedPopulation, OnProgress, SweepState
from .workers.job_queue import JobQueue, WorkerSlots
from .workers.messages import Failed, Finished, Message, StepsDone, Stopped, failure_message
from .workers.process import available_cpus


class Engine(Protocol):
    """Trains runs into a store."""

    @property
    def deadline(self) -> Deadline:
        """No population starts after it."""
        ...

    def run(
        self,
        configs: Sequence[RunConfig],
        store: RunStore,
        *,
        sources: Sources,
        on_progress: OnProgress | None = None,
        on_step: StepCallback | None = None,
    ) -> list[FailedPopulation]:
        """Train runs; each is in the store the moment it ends.

        Args:
            on_step: receives the members of a population after every step, where populations train in this process.
                If it raises `Interrupted`, the population counts as skipped.

        Returns:
            the populations that failed or were skipped.

        Raises:
            StoreError: the store cannot be written, so no run can be kept.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class LocalEngine:
    """Trains runs on this machine."""

    device: str = "auto"  # auto (CUDA if available) | cpu | cuda
    workers: int = 0  # processes on a CPU; 0: one per core
    population: int = 0  # largest population; 0: as many as fit, up to 32 (CPU: 4 if the encoder is small, else 1)
    keep_weights: str = "none"  # none | best (of each configuration, by dev over its seeds) | all
    isolated: bool = False  # on a CPU a process of its own for a single worker too: memory may run out in it alone
    deadline: Deadline = field(default_factory=Deadline)  # no population starts after it

    def __post_init__(self) -> None:
        check_choice("device", self.device, DEVICES)
        check_choice("keep_weights", self.keep_weights, KEEP)
        for name, high in (("workers", 1024), ("population", 4096)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
                raise ParameterError(f"{name}={value!r} is out of bounds; use 0 (automatic) to {high}")

    def resolved_device(self) -> str:
        """The device that trains: cpu | cuda.

        Raises:
            ParameterError: CUDA is requested but not available.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ParameterError("device='cuda' is not available on this machine; use auto or cpu")
        return ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device

    def run(
        self,
        configs: Sequence[RunConfig],
        store: RunStore,
        *,
        sources: Sources,
        on_progress: OnProgress | None = None,
        on_step: StepCallback | None = None,
    ) -> list[FailedPopulation]:
        """See `Engine.run`; `on_step` is called with one worker, and on CUDA.

        A population that runs out of memory is split in halves, without the runs that it had finished, and retried.
        """
        device = self.resolved_device()
        trainer = PopulationTrainer(
            store, sources=sources, device=device, keep_weights=self.keep_weights, on_step=on_step
        )
        if self.deadline.passed():  # before memory is profiled
            ids = tuple(config.id for config in configs)
            return [FailedPopulation(run_ids=ids, cause="the deadline passed", skipped=True)]
        workers, populations = self.plan(configs, trainer)
        workers = min(workers, len(populations))
        state = SweepState(populations, trainer, on_progress=on_progress)
        in_process = device != "cpu" or not self.isolated
        if in_process and min(self.requested_workers(device), len(populations)) <= 1:
            _run_in_process(trainer, state, self.deadline)
        else:  # even if memory suffices for one: a worker that is killed for it does not end this process
            _run_in_subprocesses(trainer, state, self.deadline, workers=workers)
        return state.failures

    def requested_workers(self, device: str) -> int:
        """Processes side by side, if memory suffices for them."""
        return 1 if device != "cpu" else self.workers or available_cpus()

    def plan(self, configs: Sequence[RunConfig], trainer: PopulationTrainer) -> tuple[int, list[Population]]:
        """The number of processes side by side, and the populations, within the free memory."""
        workers = self.requested_workers(trainer.device)
        max_members: int | Callable[[RunConfig], int] = self.population
        if not self.population:
            capacity = Capacity(trainer, workers)
            capacity.measure(configs)
            workers = capacity.max_workers(configs)
            max_members = functools.partial(capacity.max_members, workers=workers)
        return workers, plan_populations(
            configs, sources=trainer.sources, device=trainer.device, workers=workers, max_members=max_members
        )


def _run_in_process(trainer: PopulationTrainer, state: SweepState, deadline: Deadline) -> None:
    jobs = JobQueue(len(state.populations))
    with one_torch_thread() if trainer.device == "cpu" else contextlib.nullcontext():
        while (index := jobs.take()) is not None:
            population = state.populations[index]
            if deadline.passed():
                state.on_message(index, Stopped())
                continue
            with claim_runs(population, trainer.store) as claimed:
                message = None if claimed is None else _train_in_process(index, claimed, trainer, state)
            if message is None:  # another command is training one of these runs
                jobs.add([index])
                time.sleep(RETRY_SECONDS)
                continue
            if isinstance(message, Failed) and message.out_of_memory:
                free_memory()  # now that the error, and all that it referred to, is gone
            retries = state.on_message(index, message)
            if retries:
                jobs.replace(functools.partial(state.split_similar, failed=population))
                jobs.add(retries)


def _train_in_process(index: int, population: Population, trainer: PopulationTrainer, state: SweepState) -> Message:
    if not population:  # all of it is in the store by now
        return Finished()
    start = time.monotonic()

    def on_steps(done: int, total: int) -> None:
        state.on_message(index, StepsDone(done=done, total=total))

    try:
        trainer.train(population, on_progress=on_steps)
    except Interrupted:
        return Stopped()
    except Exception as error:  # reported at the end; the other populations are trained
        return failure_message(error)
    state.costs.record(population, time.monotonic() - start)
    return Finished()


def _run_in_subprocesses(trainer: PopulationTrainer, state: SweepState, deadline: Deadline, *, workers: int) -> None:
    unfinished = len(state.populations)
    jobs, slots = JobQueue(unfinished), WorkerSlots(workers)
    messages: queue.SimpleQueue[tuple[int, Message]] = queue.SimpleQueue()
    team = [
        RunWorker(state, trainer, jobs=jobs, messages=messages, slots=slots, deadline=deadline) for _ in range(workers)
    ]
    try:
        while unfinished:
            with contextlib.suppress(queue.Empty):
                index, message = messages.get(timeout=0.5)  # with a timeout Ctrl-C is noticed on every system
                population = state.populations[index]
                retries = state.on_message(index, message)
                unfinished -= not isinstance(message, StepsDone)
                if retries:
                    replaced = jobs.replace(functools.partial(state.split_similar, failed=population))
                    unfinished += len(retries) + replaced
                    jobs.add(retries)
    finally:
        for worker in team:
            worker.stop()
