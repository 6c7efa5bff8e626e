"""The local engine: on a CPU one process per core, each with one thread; on CUDA this process and its device."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..config import RunConfig
from ..errors import ParameterError, StoreError
from ..training.circumstances import one_torch_thread
from .populations import Population, PopulationTrainer, plan_populations, population_steps
from .sources import Sources, sources_to_dict
from .store import RunStore
from .worker import failure_answer

DEVICES = ("auto", "cpu", "cuda")

_WORKER = "import sys; from blurbstudy.results.worker import main; main(int(sys.argv[1]))"

OnProgress = Callable[[float, int], None]  # optimizer steps and runs done so far


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A population that was not finished."""

    run_ids: tuple[str, ...]
    cause: str  # one line


@dataclass(frozen=True, kw_only=True)
class LocalEngine:
    """Trains runs on this machine."""

    device: str = "auto"  # auto (CUDA where there is one) | cpu | cuda
    workers: int = 0  # processes on a CPU; 0: one per core
    population: int = 0  # runs trained together at most; 0: 16 on CUDA, 4 for small encoders on a CPU, else 1

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ParameterError(f"device={self.device!r} is unknown; use {' or '.join(DEVICES)}")
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
        """Train the runs into the store, as many as can be; what could not be finished is returned.

        Raises:
            StoreError: the store cannot be written, so no run can be kept.
        """
        device = self.resolved_device()
        workers = 1 if device != "cpu" else self.workers or cores()
        populations = plan_populations(
            configs, sources=sources, device=device, workers=workers, members=self.population
        )
        tally = _Tally(populations, sources=sources, on_progress=on_progress)
        trainer = PopulationTrainer(store, sources=sources, device=device)
        if min(workers, len(populations)) <= 1:
            _run_here(populations, trainer, tally)
        else:
            _run_in_processes(populations, trainer, tally, workers=min(workers, len(populations)))
        return tally.failures


class _Tally:
    """What has become of the populations so far."""

    def __init__(self, populations: list[Population], *, sources: Sources, on_progress: OnProgress | None) -> None:
        self.populations, self.on_progress = populations, on_progress
        self.steps = [population_steps(population, sources=sources) for population in populations]
        self.shares = [0.0] * len(populations)  # of each population's steps: done
        self.runs_done = 0
        self.failures: list[Failure] = []

    def hear(self, index: int, answer: dict[str, Any]) -> None:
        """Take in an answer on a population."""
        if "steps" in answer:
            done, total = answer["steps"]
            self.shares[index] = done / max(total, 1)
        else:
            self.shares[index] = 1.0
            self.runs_done += len(self.populations[index])
        if answer.get("fatal"):
            raise StoreError(answer["failed"])
        if "failed" in answer:
            ids = tuple(config.id for config in self.populations[index])
            self.failures.append(Failure(run_ids=ids, cause=answer["failed"]))
        if self.on_progress is not None:
            done_steps = sum(steps * share for steps, share in zip(self.steps, self.shares, strict=True))
            self.on_progress(done_steps, self.runs_done)


def _run_here(populations: list[Population], trainer: PopulationTrainer, tally: _Tally) -> None:
    with one_torch_thread() if trainer.device == "cpu" else contextlib.nullcontext():
        for index, population in enumerate(populations):
            try:
                trainer.train(
                    population, on_progress=lambda done, total, at=index: tally.hear(at, {"steps": [done, total]})
                )
            except Exception as error:  # told at the end; the other populations go on
                tally.hear(index, failure_answer(error))
            else:
                tally.hear(index, {"finished": True})


def _run_in_processes(
    populations: list[Population], trainer: PopulationTrainer, tally: _Tally, *, workers: int
) -> None:
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(populations)):
        jobs.put(index)
    answers: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
    team = [_Worker(populations, trainer, jobs=jobs, answers=answers) for _ in range(workers)]
    try:
        open_jobs = len(populations)
        while open_jobs:
            with contextlib.suppress(queue.Empty):
                index, answer = answers.get(timeout=0.5)  # a timeout, so that Ctrl-C is heard on every system
                tally.hear(index, answer)
                open_jobs -= "steps" not in answer
    finally:
        for worker in team:  # nothing is left to do, or nobody wants it any more
            worker.stop()


class _Worker:
    """A thread that feeds one process after another: a process that dies loses its population, no other."""

    def __init__(
        self,
        populations: list[Population],
        trainer: PopulationTrainer,
        *,
        jobs: queue.SimpleQueue[int],
        answers: queue.SimpleQueue[tuple[int, dict[str, Any]]],
    ) -> None:
        self.populations, self.trainer, self.jobs, self.answers = populations, trainer, jobs, answers
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
        while not self.stopped.is_set():
            try:
                index = self.jobs.get_nowait()
            except queue.Empty:
                break
            try:
                for answer in self._train(index):
                    self.answers.put((index, answer))
            except Exception as error:  # a silent thread would leave the sweep waiting for ever
                self.answers.put((index, failure_answer(error)))

    def _train(self, index: int) -> Any:
        """Answers on a population, the last of them {finished} or {failed}."""
        process = self._living_process()
        job = {"configs": [config.to_dict() for config in self.populations[index]]}
        with contextlib.suppress(BrokenPipeError):
            _send(process, job)
        for line in process.stdout:
            answer = json.loads(line)
            yield answer
            if "steps" not in answer:
                return
        code = process.wait()
        self.errors.seek(0)
        yield {"failed": cause_of_death(code, self.errors.read()), "fatal": False}

    def _living_process(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self._end_process()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=worker_environment(),
        )
        setup = {"store": str(self.trainer.store.folder.resolve()), "device": self.trainer.device}
        with contextlib.suppress(BrokenPipeError):
            _send(self.process, setup | {"sources": sources_to_dict(self.trainer.sources)})
        return self.process

    def _end_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, self.errors):
                with contextlib.suppress(OSError):
                    pipe.close()


def _send(process: subprocess.Popen[bytes], values: dict[str, Any]) -> None:
    process.stdin.write(json.dumps(values).encode() + b"\n")
    process.stdin.flush()


def worker_environment() -> dict[str, str]:
    """One thread for every numeric library, and this package found where it was found here."""
    package = str(Path(__file__).resolve().parents[2])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return os.environ | threads | {"PYTHONPATH": search, "TOKENIZERS_PARALLELISM": "false"}


def cause_of_death(code: int, errors: bytes) -> str:
    """Why a process ended, from its exit code and what it told on stderr."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = "; often the machine ran out of memory: use fewer workers or smaller populations"
        return f"its process was killed by {name}{memory if name == 'SIGKILL' else ''}"
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"its process ended with exit code {code}" + (f" ({lines[-1]})" if lines else "")


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
