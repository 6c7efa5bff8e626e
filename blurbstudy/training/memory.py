"""Memory of this process and of a CUDA device: measuring its peak, and returning freed memory."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from ..errors import StudyError

PROCESS = Path("/proc/self")  # Linux
_OUT_OF_MEMORY = re.compile(  # messages of torch, CUDA's libraries, oneDNN, Rust and the system
    r"(can't|cannot) allocate memory|not enough memory|out of memory|bad_?alloc|ALLOC_FAILED"
    r"|could not create a (primitive|memory)|memory allocation of .* failed",
    re.IGNORECASE,
)


def release_freed_memory() -> None:
    """Returns memory that the C allocator has cached to the system; batches of varying lengths fragment it.

    No effect where the C library has no malloc_trim.
    """
    _malloc_trim()(0)


def free_memory() -> None:
    """Collects garbage and empties the caches of the allocators, CUDA's included; call it after a failure."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    release_freed_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a failed allocation, of Python, numpy, torch on either device, or while a file was read."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, (RuntimeError, OSError, StudyError)) and mentions_out_of_memory(str(error))


def mentions_out_of_memory(text: str) -> bool:
    return _OUT_OF_MEMORY.search(text) is not None


class PeakMemory:
    """Measures peak memory from its construction on: of CUDA's allocator, or on a CPU of this process."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        free_memory()
        was_reset = reset_peak(device)
        if device.type == "cuda":
            self.before = torch.cuda.memory_allocated(device)  # bytes
        else:
            self.before = _status("VmRSS" if was_reset else "VmHWM")

    def peak(self) -> int:
        """Bytes. Where the system cannot reset an earlier peak (not Linux), at least that peak."""
        return peak_bytes(self.device)


def peak_bytes(device: torch.device) -> int:
    """Peak memory in bytes since the last reset: of CUDA's allocator, or on a CPU of this process."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def reset_peak(device: torch.device) -> bool:
    """Resets the peak to the memory in use; -> whether the system supports it (man 5 proc, clear_refs: Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    """Bytes, from a line of /proc/self/status; without that file, the peak that the C library reports."""
    with contextlib.suppress(OSError):
        match = re.search(rf"^{field}:\s+(\d+) kB", (PROCESS / "status").read_text(), flags=re.MULTILINE)
        if match:
            return 1024 * int(match[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes on Linux


@functools.cache
def _malloc_trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return lambda padding: None
