"""Freed memory back to the operating system (glibc keeps it: batches of ever other lengths leave ever other holes)."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def release_freed_memory() -> None:
    """Returns what the allocator holds but does not use; nothing where the C library has no such call."""
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return lambda padding: None
