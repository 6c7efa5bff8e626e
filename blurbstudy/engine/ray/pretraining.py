"""Pretraining of encoders on a Ray cluster. Each is a task: text and configuration travel to a machine, and the
finished checkpoint comes back.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...config import JsonObject
from ...errors import Interrupted, StudyError, flat_message
from ...filesystem import ensure_directory, file_lock
from ...lazy_imports import optional_module
from ...pretraining.encoder_cache import EncoderRequest, make_encoder
from ..deadline import Deadline
from ..run_worker import HANG_SECONDS
from ..workers.parallel import ParallelProgress
from . import task
from .cluster import cluster_slots, connect, kill_worker

if TYPE_CHECKING:
    from ray._raylet import ObjectRefGenerator  # type: ignore[attr-defined]

POLL_SECONDS = 0.5
MAX_LOSSES = 3  # workers that may be lost with one encoder; 10 times as many machines
WAITING = "waiting for a worker of the cluster"
SCRATCH = "blurbstudy-corpus-"  # prefix of temporary folders
STALE_SECONDS = 60.0  # after which a scratch folder that nobody locks is a leftover

Files = Mapping[str, np.ndarray]  # path on the machine of the command -> (n_bytes,) uint8; workers share its memory


@dataclass
class _Running:
    """A submitted task."""

    name: str  # of its encoder
    process: tuple[str, int] | None = None  # node id and process id; None: it waits for a worker
    stepped: float | None = None  # when it last reported steps; reading the text before takes any time
    cause: str = ""  # why it was killed

    def on_message(self, message: JsonObject) -> None:
        if message["kind"] == "started":
            self.process = message["node_id"], message["pid"]
        self.stepped = time.monotonic() if message["kind"] == "steps" else None

    def kill_if_hanging(self) -> None:
        if self.process and self.stepped and not self.cause and time.monotonic() - self.stepped > HANG_SECONDS:
            self.cause = f"no progress for {HANG_SECONDS:.0f} s"
            kill_worker(*self.process)


def pretrain_on_cluster(
    requests: Mapping[str, EncoderRequest], progress: ParallelProgress, *, deadline: Deadline
) -> None:
    """Pretrain encoders into the cache of this machine. One that is lost with its worker starts again, from the last
    checkpoint if the machine has it.

    Args:
        requests: display name -> encoder; `device` auto: cuda if the cluster has GPUs now.

    Raises:
        StudyError: an encoder could not be pretrained; finished encoders stay in the cache.
    """
    ray: Any = optional_module("ray", extra="cluster")
    if deadline.passed():
        return
    connect()
    requests = {name: replace(request, device=cluster_slots(request.device)[0]) for name, request in requests.items()}
    inputs = {texts: ray.put(_read_files(texts)) for texts in {_files_of(request) for request in requests.values()}}
    waiting, losses = list(requests), Counter[tuple[str, bool]]()
    running: dict[ObjectRefGenerator, _Running] = {}
    order = {name: index for index, name in enumerate(requests)}
    try:
        while waiting or running:
            for name in waiting:
                generator = _submit(requests[name], inputs[_files_of(requests[name])], deadline)
                running[generator] = _Running(name)
            waiting = []
            ready, _ = ray.wait(list(running), num_returns=len(running), timeout=POLL_SECONDS)
            for generator in ready:
                name = running[generator].name
                try:
                    message = ray.get(next(generator))
                except StopIteration:
                    del running[generator]
                except ray.exceptions.RayTaskError as error:
                    raise StudyError(f"pretraining {name} failed: {flat_message(error.cause)}") from None
                except ray.exceptions.RayError as error:
                    machine = isinstance(error, (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError))
                    losses[name, machine] += 1
                    if losses[name, machine] == MAX_LOSSES * (10 if machine else 1):
                        cause = f"{running[generator].cause or task.first_line(error)}, {losses[name, machine]} times"
                        raise StudyError(f"pretraining {name} failed: {cause}") from None
                    del running[generator]
                    if not deadline.passed():
                        waiting.append(name)
                else:
                    running[generator].on_message(message)
                    _on_message(message, requests[name], index=order[name], progress=progress)
            if deadline.passed():  # those that train stop by themselves
                for generator in [generator for generator, its in running.items() if its.process is None]:
                    ray.cancel(generator)
                    del running[generator]
            if running and all(its.process is None for its in running.values()):
                progress.say(WAITING)
            for its in running.values():
                its.kill_if_hanging()
    finally:
        for generator in running:
            ray.cancel(generator, force=True)


def _files_of(request: EncoderRequest) -> tuple[str, ...]:
    """The text, and a configuration that is a file."""
    return (*request.corpus, *([request.config] if Path(request.config).is_file() else []))


def _read_files(files: tuple[str, ...]) -> Files:
    return {file: np.fromfile(file, dtype=np.uint8) for file in files}


def _submit(request: EncoderRequest, files: object, deadline: Deadline) -> ObjectRefGenerator:
    ray: Any = optional_module("ray", extra="cluster")
    gpus = 0 if request.device == "cpu" else 1
    remote = ray.remote(num_cpus=1 - gpus, num_gpus=gpus, max_retries=0, num_returns="streaming")(task.run_task)
    trainer = f"{__name__}:{pretrain.__name__}"
    return remote.remote(trainer, replace(request, engine="local"), files, deadline)


def _on_message(message: JsonObject, request: EncoderRequest, *, index: int, progress: ParallelProgress) -> None:
    if message["kind"] == "steps":
        progress.update(index, message["done"] / max(message["total"], 1))
    elif message["kind"] == "encoder":
        expected = request.folder()
        if message["name"] != expected.name:
            raise StudyError(
                f"a machine of the cluster pretrained {message['name']} instead of {expected.name}: it has another "
                "version of blurbstudy; install the same one on all machines"
            )

        def build(folder: Path) -> None:
            for name, content in message["files"].items():
                (folder / name).write_bytes(content)

        ensure_directory(expected, build)
        progress.update(index, 1.0)


def pretrain(request: EncoderRequest, emit: task.Emit, files: Files, deadline: Deadline) -> None:
    """Pretrain an encoder in this process."""
    reported = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > task.REPORT_SECONDS:
            reported = time.monotonic()
            emit("steps", done=done, total=total)

    with scratch_folder() as scratch:
        paths = {file: scratch / str(i) / Path(file).name for i, file in enumerate(files)}
        for file, path in paths.items():
            path.parent.mkdir()
            files[file].tofile(path)
        request = replace(
            request,
            corpus=tuple(str(paths[file]) for file in request.corpus),
            config=str(paths.get(request.config, request.config)),
        )
        try:
            folder = make_encoder(request, on_progress=on_progress, stop=deadline.passed)
        except Interrupted:
            return
        except StudyError as error:  # names files as the command does
            message = str(error)
            for file, path in paths.items():
                message = message.replace(str(path), file)
            raise StudyError(message) from None
    emit("encoder", name=folder.name, files={file.name: file.read_bytes() for file in folder.iterdir()})


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder; those that killed workers left on this machine are removed, since they hold text."""
    for lock in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*/lock"):
        with contextlib.suppress(OSError):
            if time.time() - lock.stat().st_mtime > STALE_SECONDS:
                with file_lock(lock, wait=False) as is_free:
                    if is_free:
                        shutil.rmtree(lock.parent)
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as name, file_lock(Path(name) / "lock"):
        yield Path(name)
