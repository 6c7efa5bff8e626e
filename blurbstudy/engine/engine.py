"""The local engine: on a CPU one process per core, each with one thread; on CUDA this process and its device."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..config import RunConfig
from ..errors import ParameterError, StoreError
from ..store.run_store import RunStore
from ..store.run_weights import KEEP
from ..training import population_key
from ..training.memory import release_everything, tells_of_no_memory
from ..training.provenance import one_torch_thread
from .deadline import Clock, Pace
from .estimates.flops import Costs
from .estimates.memory import Capacity
from .populations import Population, PopulationTrainer, plan_populations, population_steps
from .run_locks import in_hand
from .sources.sources import Sources
from .workers.job_queue import Jobs, Slots
from .workers.processes import (
    DEATHS_FOR_MEMORY,
    cause_of_death,
    cores,
    end_worker,
    failure_answer,
    send,
    start_worker,
)

DEVICES = ("auto", "cpu", "cuda")

_LEFT = {"left": "the time of the command is up"}  # answer on a population that is not begun
_PATIENCE = 0.2  # seconds until a population is looked at again that another command has in hand

OnProgress = Callable[[float, int], None]  # optimizer steps (each of the mean cost) and runs done so far


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A population that was not finished."""

    run_ids: tuple[str, ...]
    cause: str  # one line
    stopped: bool = False  # nothing went wrong: it was not begun, because the time of the command was up


@dataclass(frozen=True, kw_only=True)
class LocalEngine:
    """Trains runs on this machine."""

    device: str = "auto"  # auto (CUDA where there is one) | cpu | cuda
    workers: int = 0  # processes on a CPU; 0: one per core
    population: int = 0  # runs trained together at most; 0: as many as fit, up to 32 (CPU: 4 if small, else 1)
    keep_weights: str = "none"  # none | best (of each configuration, by dev over its seeds) | all

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ParameterError(f"device={self.device!r} is unknown; use {' or '.join(DEVICES)}")
        if self.keep_weights not in KEEP:
            raise ParameterError(f"keep_weights={self.keep_weights!r} is unknown; use {' or '.join(KEEP)}")
        for name, high in (("workers", 1024), ("population", 4096)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
                raise ParameterError(f"{name}={value!r} is out of bounds; use 0 (automatic) to {high}")

    def resolved_device(self) -> str:
        """The device that runs are made on.

        Raises:
            ParameterError: CUDA is asked for where there is none.
        """
        import torch

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
    ) -> list[Failure]:
        """Train the runs into the store, as many as can be; what could not be finished, or is not begun because the
        time of the command is up, is returned.

        A population that runs out of memory is split in halves and retried, without the runs that it had finished.

        Raises:
            StoreError: the store cannot be written, so no run can be kept.
        """
        told = {"device": self.resolved_device(), "keep_weights": self.keep_weights}
        trainer = PopulationTrainer(store, sources=sources, **told)
        pace = Pace(Clock(), steps=functools.partial(population_steps, sources=sources))
        if pace.clock.is_up():  # before memory is measured
            return [Failure(run_ids=tuple(config.id for config in configs), cause=_LEFT["left"], stopped=True)]
        workers, populations = self.plan(configs, trainer)
        tally = _Tally(populations, trainer, on_progress=on_progress)
        if min(self.workers_asked(trainer.device), len(populations)) <= 1:
            _run_here(trainer, tally, pace)
        else:  # also where memory has room for one alone: a process that is killed for it leaves this one
            _run_in_processes(trainer, tally, pace, workers=min(workers, len(populations)))
        return tally.failures

    def workers_asked(self, device: str) -> int:
        """Processes side by side, if memory has room for them."""
        return 1 if device != "cpu" else self.workers or cores()

    def plan(self, configs: Sequence[RunConfig], trainer: PopulationTrainer) -> tuple[int, list[Population]]:
        """How many processes train side by side, and the populations, as memory has room."""
        workers = self.workers_asked(trainer.device)
        members: Any = self.population
        if not members:
            capacity = Capacity(trainer, workers)
            capacity.measure(configs)
            workers = capacity.side_by_side(configs)
            members = functools.partial(capacity.members, workers=workers)
        return workers, plan_populations(
            configs, sources=trainer.sources, device=trainer.device, workers=workers, members=members
        )


class _Tally:
    """What has become of the populations so far."""

    def __init__(
        self, populations: list[Population], trainer: PopulationTrainer, *, on_progress: OnProgress | None
    ) -> None:
        self.populations, self.trainer, self.on_progress = populations, trainer, on_progress
        self.cost_of = Costs(trainer.sources, trainer.device).of
        self.costs = [self._cost(population) for population in populations]
        self.steps = sum(population_steps(population, sources=trainer.sources) for population in populations)
        self.shares = [0.0] * len(populations)  # of each population: done
        self.runs_done = 0
        self.failures: list[Failure] = []

    def hear(self, index: int, answer: dict[str, Any]) -> list[int]:
        """Take in an answer on a population; -> populations that are to be trained in its place."""
        if answer.get("fatal"):
            raise StoreError(answer["failed"])
        if "left" in answer:
            ids = tuple(config.id for config in self.populations[index])
            self.failures.append(Failure(run_ids=ids, cause=answer["left"], stopped=True))
            return []
        again = None
        if "steps" in answer:
            done, total = answer["steps"]
            self.shares[index] = done / max(total, 1)
        else:
            if answer.get("memory"):
                again = self.split(index, alone=answer.get("alone", True))
            self.shares[index] = 1.0
            self.runs_done += len(self.populations[index])
            if "failed" in answer and again is None:
                self._fail(index, answer)
        if self.on_progress is not None:
            done = sum(cost * share for cost, share in zip(self.costs, self.shares, strict=True))
            self.on_progress(self.steps * done / max(sum(self.costs), 1e-12), self.runs_done)
        return again or []

    def split(self, index: int, *, alone: bool = True) -> list[int] | None:
        """Leave population `index` with the runs that it has finished, and make others of the rest: two halves, or a
        single run once more if it was not trained alone. None where it is one run that does not fit alone.
        """
        population = self.populations[index]
        left = [config for config in population if config.id not in self.trainer.store]
        middle = math.ceil(len(left) / 2)
        parts = [part for part in (left[:middle], left[middle:]) if part]
        if parts == [population] and alone:
            return None
        finished = [config for config in population if config not in left]
        places = range(len(self.populations), len(self.populations) + len(parts))
        self.populations[index] = finished
        self.populations += parts
        self.costs[index] = self._cost(finished)
        self.costs += map(self._cost, parts)
        self.shares += [0.0] * len(parts)
        return list(places)

    def split_alike(self, waiting: int, failed: Population) -> list[int] | None:
        """Split a population that still waits, if it takes as much memory as one that did not fit."""
        population = self.populations[waiting]
        alike = population_key(population[0]) == population_key(failed[0])
        return self.split(waiting) if alike and len(population) >= max(2, len(failed)) else None

    def _cost(self, population: Population) -> float:
        return sum(map(self.cost_of, population))

    def _fail(self, index: int, answer: dict[str, Any]) -> None:
        population, cause = self.populations[index], answer["failed"]
        if answer.get("memory"):
            recipe = population[0].recipe
            cause += (
                f"; this run does not fit into memory alone: use a smaller batch_size than {recipe.batch_size} or "
                f"max_length than {recipe.max_length}, or another device"
            )
        self.failures.append(Failure(run_ids=tuple(config.id for config in population), cause=cause))


def _run_here(trainer: PopulationTrainer, tally: _Tally, pace: Pace) -> None:
    jobs = Jobs(len(tally.populations))
    with one_torch_thread() if trainer.device == "cpu" else contextlib.nullcontext():
        while (index := jobs.take()) is not None:
            population = tally.populations[index]
            if not pace.may_begin(population):
                tally.hear(index, _LEFT)
                continue
            with in_hand(population, trainer.store) as mine:
                answer = _train_here(index, mine, trainer, tally, pace) if mine is not None else None
            if answer is None:
                jobs.add([index])
                time.sleep(_PATIENCE)
                continue
            if answer.get("memory"):
                release_everything()  # now that nothing holds the error, and the error nothing
            again = tally.hear(index, answer)
            if again:
                jobs.replace(functools.partial(tally.split_alike, failed=population))
                jobs.add(again)


def _train_here(
    index: int, population: Population, trainer: PopulationTrainer, tally: _Tally, pace: Pace
) -> dict[str, Any]:
    """The answer on what is left of population `index`."""
    began = time.monotonic()
    try:
        if population:
            trainer.train(population, on_progress=lambda done, total: tally.hear(index, {"steps": [done, total]}))
    except Exception as error:  # told at the end; the other populations go on
        return failure_answer(error)
    if population:
        pace.took(population, time.monotonic() - began)
    return {"finished": True}


def _run_in_processes(trainer: PopulationTrainer, tally: _Tally, pace: Pace, *, workers: int) -> None:
    open_jobs = len(tally.populations)
    jobs, slots = Jobs(open_jobs), Slots(workers)
    answers: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
    team = [_Worker(tally.populations, trainer, pace, jobs=jobs, answers=answers, slots=slots) for _ in range(workers)]
    try:
        while open_jobs:
            with contextlib.suppress(queue.Empty):
                index, answer = answers.get(timeout=0.5)  # a timeout, so that Ctrl-C is heard on every system
                population = tally.populations[index]
                again = tally.hear(index, answer)
                open_jobs -= "steps" not in answer
                if again:
                    open_jobs += len(again) + jobs.replace(functools.partial(tally.split_alike, failed=population))
                    jobs.add(again)
    finally:
        for worker in team:  # nothing is left to do, or nobody wants it any more
            worker.stop()


class _Worker:
    """A thread that feeds one process after another: a process that dies loses its population, no other."""

    def __init__(
        self,
        populations: list[Population],
        trainer: PopulationTrainer,
        pace: Pace,
        *,
        jobs: Jobs,
        answers: queue.SimpleQueue[tuple[int, dict[str, Any]]],
        slots: Slots,
    ) -> None:
        self.populations, self.trainer, self.jobs, self.answers = populations, trainer, jobs, answers
        self.pace, self.slots = pace, slots
        self.process: subprocess.Popen[bytes] | None = None
        self.errors: BinaryIO | None = None  # stderr of the process, read if it dies
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Kill the process and wait for the thread."""
        self.stopped.set()
        self._end_process()
        self.thread.join()
        self._end_process()  # one that was being started

    def _serve(self) -> None:
        """Until it is stopped: parts of a population may come to wait when all else is through."""
        while not self.stopped.is_set():
            if not self.slots.take():
                self._end_process()  # an idle one would still hold its memory
                self.stopped.wait(0.1)
                continue
            index = self.jobs.take()
            if index is not None:
                try:
                    for answer in self._answers(index):
                        self.answers.put((index, answer))
                except Exception as error:  # a silent thread would leave the sweep waiting for ever
                    self.answers.put((index, failure_answer(error)))
            self.slots.give_back()
            if index is None:
                self.stopped.wait(0.1)

    def _answers(self, index: int) -> Iterator[dict[str, Any]]:
        """Answers on a population, the last of them {finished}, {failed} or {left}; none where another command has it
        in hand, and it waits again.
        """
        if not self.pace.may_begin(self.populations[index]):
            yield _LEFT
            return
        with in_hand(self.populations[index], self.trainer.store) as mine:
            if mine:
                yield from self._train(mine)
            elif mine is not None:
                yield {"finished": True}
        if mine is None:
            self.jobs.add([index])
            self.stopped.wait(_PATIENCE)

    def _train(self, population: Population) -> Iterator[dict[str, Any]]:
        alone, began = self.slots.count == 1, time.monotonic()
        process = self._living_process()
        send(process, {"configs": [config.to_dict() for config in population]})
        for line in process.stdout:
            answer = json.loads(line)
            if "finished" in answer:
                self.pace.took(population, time.monotonic() - began)
            yield answer
            if "steps" not in answer:
                return
        code = process.wait()
        self.errors.seek(0)
        told = self.errors.read()
        answer = {"failed": cause_of_death(code, told), "fatal": False}
        if code in DEATHS_FOR_MEMORY or tells_of_no_memory(told.decode(errors="replace")):
            if not self.stopped.is_set():
                self.slots.narrow()
            answer |= {"memory": True, "alone": alone}
        yield answer

    def _living_process(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self._end_process()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = start_worker(self.trainer.setup, errors=self.errors)
        return self.process

    def _end_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            end_worker(process)
            self.errors.close()
