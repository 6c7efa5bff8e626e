"""On a Ray worker: trains one population and sends each record the moment its run ends."""

from __future__ import annotations

import functools
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...config import JsonObject, canonical_json, run_config_from_dict
from ...models import Checkpoint, load_checkpoint
from ...training.memory import free_memory
from ...training.provenance import one_torch_thread
from ...training.run_record import RunRecord
from .messages import Failed, StepsDone, encode, failure_message

if TYPE_CHECKING:
    from ..populations import PopulationInputs

REPORT_SECONDS = 0.5  # between two reports of progress


def train(
    configs: list[JsonObject], inputs: PopulationInputs, encoder: Mapping[str, bytes], *, device: str
) -> Iterator[bytes]:
    """Train a population.

    Args:
        configs: of the runs.
        encoder: file name -> content of the checkpoint directory.
        device: cpu | cuda.

    Yields:
        a record as JSON; or a message (see messages.py): the steps done, or why the population failed.
    """
    population = [run_config_from_dict(values) for values in configs]
    outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    reported = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            outgoing.put(encode(StepsDone(done=done, total=total)).encode())

    def on_record(record: RunRecord) -> None:
        outgoing.put(canonical_json(record.to_dict()).encode())

    def run() -> None:
        failure: Failed | None = None
        try:
            with one_torch_thread():
                checkpoint = _load(population[0].encoder_fingerprint, encoder)
                inputs.train(
                    population, checkpoint=checkpoint, device=device, on_progress=on_progress, on_record=on_record
                )
        except Exception as error:  # the driver reports it; other populations may succeed
            failure = failure_message(error)
        if failure is not None:  # now that the error, and all that it referred to, is gone
            free_memory()
            outgoing.put(encode(failure).encode())
        outgoing.put(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while (message := outgoing.get()) is not None:
        yield message
    thread.join()


_FILES: dict[str, Mapping[str, bytes]] = {}


def _load(fingerprint: str, encoder: Mapping[str, bytes]) -> Checkpoint:
    _FILES.clear()
    _FILES[fingerprint] = encoder
    return _load_cached(fingerprint)


@functools.lru_cache(maxsize=1)
def _load_cached(fingerprint: str) -> Checkpoint:
    """The encoder from the files received last; it stays loaded until another is needed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _FILES[fingerprint].items():
            (Path(folder) / name).write_bytes(content)
        return load_checkpoint(folder)
