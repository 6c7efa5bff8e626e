"""Processes of the local engine: started with one thread each, spoken to in lines of JSON, their deaths explained.

Both sides take from here what they have in common; it knows nothing of what the processes do.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import StoreError, StudyError

WATCH = 0.5  # seconds between two looks at the parent
REPORT = 0.25  # seconds between two reports of progress
# The kernel kills where memory ran out; a library that is refused some may abort, or write to where there is none.
DEATHS_FOR_MEMORY = {
    -getattr(signal, name) for name in ("SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS") if hasattr(signal, name)
}

_WORKER = "import sys; from blurbstudy.engine.run_worker import main; main(int(sys.argv[1]))"


def start_worker(setup: Mapping[str, Any], *, errors: BinaryIO) -> subprocess.Popen[bytes]:
    """A process that serves (see worker.py).

    Args:
        setup: of its trainer, as `PopulationTrainer.setup` has it.
        errors: takes its stderr, to be read if it dies.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=worker_environment(),
    )
    send(process, setup)
    return process


def send(process: subprocess.Popen[bytes], values: Mapping[str, Any]) -> None:
    """A line to a process; one that has died is noticed by its silence."""
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(values).encode() + b"\n")
        process.stdin.flush()


def end_worker(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()


def worker_environment() -> dict[str, str]:
    """One thread for every numeric library, and this package found where it was found here."""
    package = str(Path(__file__).resolve().parents[3])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return os.environ | threads | {"PYTHONPATH": search, "TOKENIZERS_PARALLELISM": "false"}


def cause_of_death(code: int, errors: bytes) -> str:
    """Why a process ended, from its exit code and what it told on stderr."""
    if code < 0:
        name = signal.Signals(-code).name
        memory = "; often the machine ran out of memory: use fewer workers or smaller populations"
        return f"its process was killed by {name}{memory if code in DEATHS_FOR_MEMORY else ''}"
    lines = errors.decode(errors="replace").strip().splitlines()
    return f"its process ended with exit code {code}" + (f" ({lines[-1]})" if lines else "")


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def die_with(parent: int) -> None:
    """Ends this process as soon as its parent is gone."""
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)  # no clean-up: a record is whole or absent at any moment


def failure_answer(error: Exception) -> dict[str, Any]:
    """What went wrong in one line; whether nothing further can succeed (the store refuses), or memory ran out."""
    from ...training.memory import is_out_of_memory

    text = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
    answer = {"failed": " ".join(text.split()), "fatal": isinstance(error, StoreError)}
    return answer | ({"memory": True} if is_out_of_memory(error) else {})
