"""Pretraining of encoders on a Ray cluster. Each is a task: text and configuration travel to a machine, and the
finished checkpoint comes back.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import JsonObject
from ...errors import Interrupted, StudyError, flat_message
from ...filesystem import ensure_directory
from ...lazy_imports import optional_module
from ...pretraining.encoder_cache import EncoderRequest, make_encoder
from ..deadline import Deadline
from ..workers.parallel import ParallelProgress
from . import task
from .cluster import cluster_slots, connect

if TYPE_CHECKING:
    from ray._raylet import ObjectRefGenerator  # type: ignore[attr-defined]

POLL_SECONDS = 0.5
MAX_LOSSES = 3  # workers or machines that may be lost with one encoder


def pretrain_on_cluster(
    requests: Mapping[str, EncoderRequest], progress: ParallelProgress, *, deadline: Deadline
) -> None:
    """Pretrain encoders into the cache of this machine. One that is lost with its worker starts again, from the last
    checkpoint if the machine has it.

    Args:
        requests: display name -> encoder; `device` auto: cuda if the cluster has GPUs.

    Raises:
        StudyError: an encoder could not be pretrained; finished encoders stay in the cache.
    """
    ray: Any = optional_module("ray", extra="cluster")
    if deadline.passed():
        return
    connect()
    inputs = {name: ray.put(_files_of(request)) for name, request in requests.items()}
    waiting, losses = list(requests), Counter[str]()
    running: dict[ObjectRefGenerator, str] = {}
    order = {name: index for index, name in enumerate(requests)}
    try:
        while waiting or running:
            for name in waiting:
                running[_submit(requests[name], inputs[name], deadline)] = name
            waiting = []
            ready, _ = ray.wait(list(running), num_returns=1, timeout=POLL_SECONDS)
            for generator in ready:
                name = running[generator]
                try:
                    message = ray.get(next(generator))
                except StopIteration:
                    del running[generator]
                except ray.exceptions.RayTaskError as error:
                    raise StudyError(f"pretraining {name} failed: {flat_message(error.cause)}") from None
                except ray.exceptions.RayError as error:
                    losses[name] += 1
                    if losses[name] == MAX_LOSSES:
                        cause = f"{task.first_line(error)}, {MAX_LOSSES} times"
                        raise StudyError(f"pretraining {name} failed: {cause}") from None
                    del running[generator]
                    if not deadline.passed():
                        waiting.append(name)
                else:
                    _on_message(message, requests[name], index=order[name], progress=progress)
    finally:
        for generator in running:
            ray.cancel(generator, force=True)


def _files_of(request: EncoderRequest) -> dict[str, bytes]:
    """Path on this machine -> content: the text, and a configuration that is a file."""
    config = [request.config] if Path(request.config).is_file() else []
    return {file: Path(file).read_bytes() for file in (*request.corpus, *config)}


def _submit(request: EncoderRequest, files: object, deadline: Deadline) -> ObjectRefGenerator:
    ray: Any = optional_module("ray", extra="cluster")
    device, _ = cluster_slots(request.device)
    gpus = 0 if device == "cpu" else 1
    remote = ray.remote(num_cpus=1 - gpus, num_gpus=gpus, max_retries=0, num_returns="streaming")(task.run_task)
    trainer = f"{__name__}:{pretrain.__name__}"
    return remote.remote(trainer, replace(request, device=device, engine="local"), files, deadline)


def _on_message(message: JsonObject, request: EncoderRequest, *, index: int, progress: ParallelProgress) -> None:
    if message["kind"] == "steps":
        progress.update(index, message["done"] / max(message["total"], 1))
    elif message["kind"] == "encoder":

        def build(folder: Path) -> None:
            for name, content in message["files"].items():
                (folder / name).write_bytes(content)

        ensure_directory(request.folder(), build)
        progress.update(index, 1.0)


def pretrain(request: EncoderRequest, emit: task.Emit, files: Mapping[str, bytes], deadline: Deadline) -> None:
    """Pretrain an encoder in this process.

    Args:
        files: path on the machine of the command -> content.
    """
    reported = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > task.REPORT_SECONDS:
            reported = time.monotonic()
            emit("steps", done=done, total=total)

    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as scratch:
        paths = {file: str(Path(scratch) / str(i) / Path(file).name) for i, file in enumerate(files)}
        for file, path in paths.items():
            Path(path).parent.mkdir()
            Path(path).write_bytes(files[file])
        request = replace(
            request,
            corpus=tuple(paths[file] for file in request.corpus),
            config=paths.get(request.config, request.config),
        )
        try:
            folder = make_encoder(request, on_progress=on_progress, stop=deadline.passed)
        except Interrupted:
            return
    emit("encoder", files={file.name: file.read_bytes() for file in folder.iterdir()})
