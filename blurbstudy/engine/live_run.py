"""One run in a process of its own, watched step by step and stopped at will: a run that is stopped leaves nothing.

Whoever watches is never kept waiting: `LiveRun.look` tells how far the run has come and returns at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import Recipe
from ..store.run_store import RunStore
from .sources.sources import PretrainingPlan
from .workers.processes import cause_of_death, end_worker, send, worker_environment

_WORKER = "import sys; from blurbstudy.engine.live_worker import main; main(int(sys.argv[1]))"

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be run, in plain values for another process."""

    store: str  # folder that a finished run goes into
    data: str  # 'mini' or the folder of the datasets
    task: str
    encoder: str  # display name
    spec: str  # directory, Hub id or 'pretrain:OBJECTIVE'
    recipe: Recipe
    seed: int
    precision: str = "float32"
    device: str = "auto"
    pretraining: PretrainingPlan = field(default_factory=PretrainingPlan)
    workers: int = 0  # encoders pretrained side by side, where one must be made first


@dataclass(frozen=True, kw_only=True)
class Sight:
    """How far a run has come."""

    state: str = RUNNING  # running | finished | stopped | failed
    doing: str = "starting"  # of a running one, in words
    step: int = 0  # optimizer steps taken
    total: int = 0  # to take; 0: not known yet
    steps: tuple[int, ...] = ()  # those whose loss is known
    losses: tuple[float | None, ...] = ()  # of these batches; None: not finite
    curve: Mapping[str, list] = field(default_factory=dict)  # as in a record
    run_id: str = ""  # once it is known
    made: bool = True  # False: the store had the run already
    cause: str = ""  # of a failure, one line


class LiveRun:
    """A run under way. The process dies with this one, and with `stop`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._sight = Sight()
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()  # None: the process has ended
        self._scratch = tempfile.TemporaryDirectory(prefix="blurbstudy-live-", ignore_cleanup_errors=True)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=worker_environment(),
        )
        folder = str(Path(job.store).resolve())
        send(self._process, asdict(job) | {"store": folder, "scratch": self._scratch.name})
        threading.Thread(target=self._listen, daemon=True).start()

    def look(self) -> Sight:
        """How far it is; never waits."""
        while self._sight.state == RUNNING:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                break
            self._hear(answer)
        return self._sight

    def stop(self) -> Sight:
        """Kill the process; unless the run was whole by then, nothing of it is left in the store."""
        if self.look().state == RUNNING:
            sight, store = self._sight, RunStore(self.job.store)
            self._process.kill()
            self._process.wait()  # before the store is looked at
            self._end(replace(sight, state=FINISHED if sight.run_id in store else STOPPED))
            for left in Path(self.job.store).rglob(f".*.{self._process.pid}.*.tmp"):  # see files.py
                left.unlink(missing_ok=True)
        return self._sight

    def _listen(self) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed or cut while reading: it was stopped
            for line in self._process.stdout:
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _hear(self, answer: dict[str, Any] | None) -> None:
        sight = self._sight
        if answer is None:
            code = self._process.wait()
            self._errors.seek(0)
            self._end(replace(sight, state=FAILED, cause=cause_of_death(code, self._errors.read())))
        elif "failed" in answer:
            self._end(replace(sight, state=FAILED, cause=answer["failed"]))
        elif "finished" in answer:
            self._end(replace(sight, state=FINISHED, run_id=answer["finished"], made=answer["made"]))
        elif "doing" in answer:
            self._sight = replace(sight, **answer)
        else:
            losses = answer.pop("loss")
            known = {"steps": sight.steps + (answer["step"],) * len(losses), "losses": (*sight.losses, *losses)}
            self._sight = replace(sight, **known, **answer)

    def _end(self, sight: Sight) -> None:
        end_worker(self._process)
        self._errors.close()
        self._scratch.cleanup()
        self._sight = sight
