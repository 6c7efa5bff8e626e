"""Worker processes: subprocesses with one thread each that serve requests and die with their parent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from ...config import JsonMapping
from ...training.memory import mentions_out_of_memory
from .messages import Failed, Message, StepsDone, decode

# The kernel kills where memory ran out; a library whose allocation is refused may abort or write to an invalid address.
OOM_EXIT_CODES = {
    -getattr(signal, name) for name in ("SIGKILL", "SIGABRT", "SIGSEGV", "SIGBUS") if hasattr(signal, name)
}


class WorkerProcess:
    """A subprocess that serves requests one after another (see main.py for its side).

    Args:
        module: dotted name; its `make_handler(setup)` returns the function that serves a request.
        setup: JSON values for `make_handler`.
    """

    def __init__(self, module: str, setup: JsonMapping) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill()
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.main", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=worker_environment(),
        )
        self._hung_for = 0.0  # seconds without a message, after which it was killed
        self._send({"module": module, "setup": setup})

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it can serve another request."""
        return self._process.poll() is None

    def request(self, values: JsonMapping, *, hang_seconds: float = threading.TIMEOUT_MAX) -> Iterator[Message]:
        """Send a request (JSON values) and yield its messages: any number of `StepsDone`, then one of another kind.

        The death of the process is a `Failed` as well. It is killed once it has sent no message for `hang_seconds`.
        """
        self._send(values)
        while line := self._read_line(hang_seconds):
            message = decode(line)
            yield message
            if not isinstance(message, StepsDone):
                return
        yield self._explain_death()

    def kill(self) -> None:
        """End the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _send(self, values: JsonMapping) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: reading its messages reports that
            self._process.stdin.write(json.dumps(values).encode() + b"\n")
            self._process.stdin.flush()

    def _read_line(self, seconds: float) -> bytes:
        """The next line; b'' once the process is dead."""
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._kill_hanging, [seconds])
        timer.daemon = True
        timer.start()
        try:
            return self._process.stdout.readline()
        finally:
            timer.cancel()

    def _kill_hanging(self, seconds: float) -> None:
        self._hung_for = seconds
        self._process.kill()

    def _explain_death(self) -> Failed:
        code = self._process.wait()
        if self._hung_for:
            return Failed(error=f"worker process made no progress for {self._hung_for:.0f} s: killed", died=True)
        self._stderr.seek(0)
        stderr = self._stderr.read().decode(errors="replace")
        out_of_memory = code in OOM_EXIT_CODES or mentions_out_of_memory(stderr)
        return Failed(error=explain_exit(code, stderr), out_of_memory=out_of_memory, died=True)


def worker_environment() -> dict[str, str]:
    """Environment variables of a worker: one thread for every numeric library, and the same package as here."""
    package = str(Path(__file__).resolve().parents[3])
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return os.environ | threads | {"PYTHONPATH": search, "TOKENIZERS_PARALLELISM": "false"}


def explain_exit(code: int, stderr: str) -> str:
    """Why a process ended, from its exit code and its stderr."""
    if code < 0:
        name = signal.Signals(-code).name
        if code in OOM_EXIT_CODES:
            return f"worker process killed by {name}, probably out of memory: use fewer workers or a smaller population"
        return f"worker process killed by {name}"
    lines = stderr.strip().splitlines()
    return f"worker process ended with exit code {code}" + (f" ({lines[-1]})" if lines else "")


def available_cpus() -> int:
    """CPU cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
