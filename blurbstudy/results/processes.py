"""Processes of the local engine: started with one thread each, spoken to in lines of JSON, their deaths explained."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .sources import sources_to_dict

if TYPE_CHECKING:
    from .populations import PopulationTrainer

# The kernel kills where memory ran out; a library that is refused some may abort, or write to where there is none.
DEATHS_FOR_MEMORY = {
    -getattr(signal, name) for name in ("SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS") if hasattr(signal, name)
}

_WORKER = "import sys; from blurbstudy.results.worker import main; main(int(sys.argv[1]))"


def start_worker(trainer: PopulationTrainer, *, errors: BinaryIO) -> subprocess.Popen[bytes]:
    """A process that serves with a trainer like this one (see worker.py).

    Args:
        errors: takes its stderr, to be read if it dies.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=worker_environment(),
    )
    setup = {"store": str(trainer.store.folder.resolve()), "device": trainer.device}
    send(process, setup | {"sources": sources_to_dict(trainer.sources)})
    return process


def send(process: subprocess.Popen[bytes], values: dict[str, Any]) -> None:
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
    package = str(Path(__file__).resolve().parents[2])
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
