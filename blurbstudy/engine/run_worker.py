"""Populations in worker processes: a thread of the engine feeds one process, which trains into the store."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Iterator

import torch

from ..config import JsonObject, run_config_from_dict
from .deadline import Deadline
from .leases import claim_runs
from .populations import Population, PopulationTrainer
from .sweep_state import SweepState
from .workers.job_queue import JobQueue, WorkerSlots
from .workers.main import Handler, OnSteps
from .workers.messages import Failed, Finished, Message, Stopped, failure_message
from .workers.process import WorkerProcess

RETRY_SECONDS = 0.2  # until a population is tried again that another command is training
HANG_SECONDS = 3600.0  # without a step, after which a worker process is killed
IDLE_SECONDS = 0.1  # between two looks at an empty queue


def make_handler(setup: JsonObject) -> Handler:
    """In the worker process: serves {kind: train | profile_memory, configs}."""
    torch.set_num_threads(1)
    trainer = PopulationTrainer.from_config(setup)

    def handle(request: JsonObject, on_steps: OnSteps) -> JsonObject | None:
        configs = [run_config_from_dict(values) for values in request["configs"]]
        if request["kind"] == "profile_memory":
            return dataclasses.asdict(trainer.profile_memory(configs))
        trainer.train(configs, on_progress=on_steps)
        return None

    return handle


class RunWorker:
    """A thread with a worker process; a process that dies loses its population, no other, and is replaced.

    Args:
        jobs: indices of waiting populations.
        messages: receives (index of the population, message).
    """

    def __init__(
        self,
        state: SweepState,
        trainer: PopulationTrainer,
        *,
        jobs: JobQueue,
        messages: queue.SimpleQueue[tuple[int, Message]],
        slots: WorkerSlots,
        deadline: Deadline,
    ) -> None:
        self.state, self.trainer, self.jobs, self.messages = state, trainer, jobs, messages
        self.slots, self.deadline = slots, deadline
        self.process: WorkerProcess | None = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Kill the process and wait for the thread."""
        self.stopped.set()
        self._kill_process()
        self.thread.join()
        self._kill_process()  # one that was just being started

    def _loop(self) -> None:
        """Until stopped: parts of a split population may arrive after the queue was empty."""
        while not self.stopped.is_set():
            if not self.slots.take():
                self._kill_process()  # an idle one would keep its memory
                self.stopped.wait(IDLE_SECONDS)
                continue
            index = self.jobs.take()
            if index is not None:
                try:
                    for message in self._train_or_requeue(index):
                        self.messages.put((index, message))
                except Exception as error:  # without a message the sweep would wait forever
                    self.messages.put((index, failure_message(error)))
            self.slots.release()
            if index is None:
                self.stopped.wait(IDLE_SECONDS)

    def _train_or_requeue(self, index: int) -> Iterator[Message]:
        """Messages about a population; none if another command is training one of its runs: it waits again."""
        population = self.state.populations[index]
        if self.deadline.passed():
            yield Stopped()
            return
        with claim_runs(population, self.trainer.store) as claimed:
            if claimed:
                yield from self._train(claimed)
            elif claimed is not None:  # all of them are in the store by now
                yield Finished()
        if claimed is None:
            self.jobs.add([index])
            self.stopped.wait(RETRY_SECONDS)

    def _train(self, population: Population) -> Iterator[Message]:
        ran_alone, start = self.slots.count == 1, time.monotonic()
        request = {"kind": "train", "configs": [config.to_dict() for config in population]}
        for message in self._ensure_process().request(request, hang_seconds=HANG_SECONDS):
            if isinstance(message, Finished):
                self.state.costs.record(population, time.monotonic() - start)
            if isinstance(message, Failed) and message.died and message.out_of_memory:
                message = dataclasses.replace(message, ran_alone=ran_alone)
                if not self.stopped.is_set():
                    self.slots.shrink()
            yield message

    def _ensure_process(self) -> WorkerProcess:
        if self.process is None or not self.process.is_alive():
            self._kill_process()
            self.process = WorkerProcess(__name__, self.trainer.to_config())
        return self.process

    def _kill_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
