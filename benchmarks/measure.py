"""How per system of a comparison is measured: in fresh processes that are let go together, with its memory and the
machine's own matrix rate. A process takes one job (plain values) and answers once.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
JOB = "--job"  # followed by one job as JSON: this process is to do it
SAMPLING = 0.5  # seconds between two readings of memory; reading PSS costs time on the same cores


def run_system(program: str, jobs: Sequence[dict[str, Any]], *, timeout: float | None = None) -> dict[str, Any]:
    """One measurement: a process per job, all let go at once when the last of them is ready.

    Args:
        jobs: each with `threads`, and whatever `program` understands.
        timeout: seconds after which all are ended.

    Returns:
        `seconds` of the busiest process by its own clock, `whole_seconds` from the start of the processes to their
        end, `peak_mib` of memory (PSS summed over them, their start included) and their `answers`.

    Raises:
        RuntimeError: a process failed or took too long.
    """
    began, late = time.perf_counter(), threading.Event()

    def end() -> None:
        late.set()
        for worker in workers:
            worker.kill()

    with start_workers(program, jobs) as workers, peak_memory([worker.pid for worker in workers]) as peak:
        watchdog = threading.Timer(timeout, end) if timeout else None
        if watchdog:
            watchdog.start()
        try:
            for worker in workers:
                _read_line(worker)
            for worker in workers:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            answers = [json.loads(_read_line(worker)) for worker in workers]
            for worker in workers:
                worker.wait()
        except (RuntimeError, BrokenPipeError) as error:
            if late.is_set():
                raise RuntimeError(f"ended: not through after {timeout:.0f} s, the time that was left") from error
            raise
        finally:
            if watchdog:
                watchdog.cancel()
    return {
        "seconds": max(sum(answer["seconds"]) for answer in answers),
        "whole_seconds": time.perf_counter() - began,
        "peak_mib": peak[0] / 2**20,
        "answers": answers,
    }


@contextlib.contextmanager
def start_workers(program: str, jobs: Sequence[dict[str, Any]]) -> Iterator[list[subprocess.Popen]]:
    """The processes of per system, ended at the end of the `with` at the latest."""
    workers = []
    search = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
    try:
        for job in jobs:
            threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(job["threads"]))
            environment = os.environ | threads | {"TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": search}
            workers.append(
                subprocess.Popen(
                    [sys.executable, program, JOB, json.dumps(job)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment,
                )
            )
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()


def _read_line(worker: subprocess.Popen) -> str:
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"a process ended with exit code {worker.wait()}; see its output above")
    return line


def do_job(prepare: Callable[[dict[str, Any]], Callable[[], dict[str, Any]]]) -> None:
    """The other half of `run_system`: prepares, says so, waits for the word, works, answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    job = json.loads(sys.argv[sys.argv.index(JOB) + 1])
    import torch

    torch.set_num_threads(job["threads"])
    go = prepare(job)
    print("ready", file=answers, flush=True)
    if not sys.stdin.readline():  # whoever started this process is gone
        return
    print(json.dumps(go()), file=answers, flush=True)


@contextlib.contextmanager
def peak_memory(pids: Sequence[int]) -> Iterator[list[int]]:
    """The largest sum of the processes' proportional set sizes during the `with`, bytes, as the only element of a list
    (0 where the system does not tell)."""
    peak, stop = [0], threading.Event()

    def sample() -> None:
        try:
            import psutil
        except ImportError:  # then nothing is told
            return
        processes = [psutil.Process(pid) for pid in pids]
        while not stop.wait(SAMPLING):
            try:
                peak[0] = max(peak[0], sum(process.memory_full_info().pss for process in processes))
            except (psutil.Error, AttributeError):  # one is gone; or no PSS on this system
                return

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()


def matrix_rate(device: str = "cpu", *, size: int = 0) -> float:
    """Operations a second of a large matrix product (float32 on a CPU, by the faster of its libraries; bfloat16 on a
    GPU), the best of several, with as many threads as torch has now.
    """
    import torch

    from blurbstudy.models.onednn_linear import onednn_linear

    size = size or (8192 if device == "cuda" else 1536)
    a = torch.randn(size, size, dtype=torch.bfloat16 if device == "cuda" else torch.float32, device=device)
    nothing = torch.zeros(size, dtype=a.dtype, device=device)
    best = float("inf")
    for product in (lambda: a @ a, lambda: onednn_linear(a, a, nothing)):
        for _ in range(8):
            if device == "cuda":
                torch.cuda.synchronize()
            began = time.perf_counter()
            product()[0, 0].item()
            best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def device_mib(device: str) -> float:
    """The largest memory that tensors took on the GPU so far; 0 on a CPU."""
    import torch

    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else 0.0


def ratio(value: float, other: float) -> float | None:
    """None where either is 0: the system did not tell."""
    return value / other if value and other else None


def medians(repeats: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of every number in the repeats."""
    names = [name for name, value in repeats[0].items() if isinstance(value, (int, float))]
    return {name: statistics.median(repeat[name] for repeat in repeats) for name in names}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, Any]:
    """Machine and versions."""
    import numpy
    import torch
    import transformers

    from blurbstudy.training.provenance import commit

    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "versions": versions | {"transformers": transformers.__version__},
        "commit": commit(),
        "cores": cores(),
        "processor": _processor(),
        "gpu": device,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


@contextlib.contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """An environment setting for the time of a `with`, in the processes started then too."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        os.environ |= {} if before is None else {name: before}


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Whole or not at all: what is measured so far must outlive a cut-off."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def log(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
