"""Memory of this process and of a CUDA device: what is held, the most that was held, and giving back what is free."""

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

PROCESS = Path("/proc/self")  # of Linux: what the kernel tells of a process
_NO_ROOM = re.compile(  # what torch, CUDA's libraries, oneDNN, Rust and the system say of a refused allocation
    r"(can't|cannot) allocate memory|not enough memory|out of memory|bad_?alloc|ALLOC_FAILED"
    r"|could not create a (primitive|memory)|memory allocation of .* failed",
    re.IGNORECASE,
)


def release_freed_memory() -> None:
    """Returns what the allocator holds but does not use (glibc keeps it: batches of ever other lengths leave ever
    other holes); nothing where the C library has no such call.
    """
    _trim()(0)


def release_everything() -> None:
    """After a failure: what only it still held, on the CPU and on CUDA."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    release_freed_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation was refused, by Python, by numpy, by torch on either device, or while a file was read."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, (RuntimeError, OSError, StudyError)) and tells_of_no_memory(str(error))


def tells_of_no_memory(text: str) -> bool:
    """Whether a message is of a refused allocation."""
    return _NO_ROOM.search(text) is not None


class MemoryGrowth:
    """The most memory that is held from here on: of the allocator on CUDA, of this process on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        release_everything()
        forgot = forget_peak(device)
        if device.type == "cuda":
            self.before = torch.cuda.memory_allocated(device)
        else:
            self.before = _status("VmRSS" if forgot else "VmHWM")

    def peak(self) -> int:
        """Bytes. Where the system cannot forget an earlier peak (not Linux), at least that one."""
        return peak_bytes(self.device)


def peak_bytes(device: torch.device) -> int:
    """The most bytes held since the peak was last forgotten: of the allocator on CUDA, of this process on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def forget_peak(device: torch.device) -> bool:
    """Let the peak be that of what is held from here on; -> whether the system can (man 5 proc, clear_refs: Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    """Bytes of a line of /proc/self/status; without that file the peak that the C library tells."""
    with contextlib.suppress(OSError):
        found = re.search(rf"^{field}:\s+(\d+) kB", (PROCESS / "status").read_text(), flags=re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes on Linux


@functools.cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return lambda padding: None
