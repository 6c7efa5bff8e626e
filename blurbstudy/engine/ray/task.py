"""The side of Ray's workers: trains a population and streams progress and finished records to the driver.

A worker needs no shared disk, no data set and no run store: encoder and features come through Ray's object store.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ...config import JsonMapping, JsonObject

if TYPE_CHECKING:  # a worker imports torch when it trains
    import numpy as np

    from ...models import Checkpoint
    from ...tasks import Task
    from ...tasks.features import Features
    from ...training.run_record import RunRecord
    from ..inputs import Gold

REPORT_SECONDS = 1.0  # between two reports of progress

Emit = Callable[..., None]  # kind and fields of a message


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """A population on its way to a worker."""

    configs: Sequence[JsonMapping]
    device: str  # cpu | cuda
    train_subset: np.ndarray | None = None  # as of PopulationInputs
    divide: bool = True  # train a part at a time where the GPU has too little memory for all


def run_task(trainer: str, request: object, *inputs: object) -> Iterator[JsonObject]:
    """The Ray task, a generator of messages: {"kind": "started" | "steps" | "record" | "finished" | "failed", ...}.

    Args:
        trainer: MODULE:FUNCTION, called with the request, `emit`, and the inputs from the object store.
    """
    messages: queue.SimpleQueue[JsonObject | Exception | None] = queue.SimpleQueue()

    def emit(kind: str, **fields: object) -> None:
        messages.put({"kind": kind, **fields})

    def train() -> None:
        try:
            resolve_name(trainer)(request, emit, *inputs)
        except Exception as error:  # raised here, the driver would wait for a message
            messages.put(error)
        finally:
            messages.put(None)

    import ray

    yield {"kind": "started", "pid": os.getpid(), "node_id": ray.get_runtime_context().get_node_id()}
    threading.Thread(target=train, daemon=True).start()  # training calls back; a generator cannot yield from there
    while (message := messages.get()) is not None:
        if isinstance(message, Exception):
            raise message
        yield message


def first_line(error: Exception) -> str:
    """Of an error of Ray, which explains itself at length."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def kill_process(pid: int) -> None:
    """Kill a process of the machine that this task is scheduled on."""
    os.kill(pid, signal.SIGKILL)


def train(
    request: TaskRequest,
    emit: Emit,
    sources: JsonMapping,
    checkpoint: Checkpoint,
    data: tuple[Task, Mapping[str, Features], Gold | None],
) -> None:
    """Train a population in this process.

    Args:
        sources: of `sources_to_dict`.
    """
    import torch

    from ...config import run_config_from_dict
    from ...store.run_store import RunStore
    from ...training.memory import free_memory
    from ..estimates.memory import Capacity
    from ..inputs import PopulationInputs
    from ..populations import PopulationTrainer
    from ..sources.sources import sources_from_dict
    from ..workers.messages import failure_message

    reported = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            emit("steps", done=done, total=total)

    def on_record(record: RunRecord) -> None:
        emit("record", record=record)

    torch.set_num_threads(1)
    task, features, gold = data
    inputs = PopulationInputs(
        checkpoint=checkpoint, task=task, features=dict(features), gold=gold, train_subset=request.train_subset
    )
    trainer = PopulationTrainer(
        RunStore("."),  # not written: the records go to the driver
        sources=sources_from_dict(sources),
        device=request.device,
        on_record=on_record,
        read_inputs=lambda _: inputs,
    )
    configs = [run_config_from_dict(values) for values in request.configs]
    try:
        size = len(configs)
        if request.divide and request.device != "cpu":
            capacity = Capacity(trainer, workers=1)  # by this machine's own memory
            capacity.measure(configs)
            size = min(capacity.max_members(config, workers=1) for config in configs)
        for start in range(0, len(configs), size):
            trainer.train(configs[start : start + size], on_progress=on_progress)
    except Exception as error:  # the driver reports it
        message = failure_message(error)
    else:
        emit("finished")
        return
    free_memory()  # now that the error, and all that it referred to, is gone
    emit("failed", error=message.error, out_of_memory=message.out_of_memory)
