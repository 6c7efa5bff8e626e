"""The populations that wait for a worker process, and how many may be trained side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence


class JobQueue:
    """Waiting jobs, by number; safe between threads."""

    def __init__(self, count: int) -> None:
        self._waiting = deque(range(count))
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """The next job, or None if none waits."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def add(self, jobs: Sequence[int]) -> None:
        """Append jobs."""
        with self._lock:
            self._waiting += jobs

    def replace(self, split: Callable[[int], Sequence[int] | None]) -> int:
        """Replace every waiting job that `split` divides by its parts.

        Returns:
            how many more jobs wait than before.
        """
        with self._lock:
            before = len(self._waiting)
            self._waiting = deque(part for job in self._waiting for part in (split(job) or [job]))
            return len(self._waiting) - before


class WorkerSlots:
    """How many populations may be trained side by side; fewer after a process died for lack of memory."""

    def __init__(self, count: int) -> None:
        self.count, self._busy = count, 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Occupy a slot if one is free."""
        with self._lock:
            free = self._busy < self.count
            self._busy += free
            return free

    def release(self) -> None:
        """Free a slot."""
        with self._lock:
            self._busy -= 1

    def shrink(self) -> None:
        """One slot fewer from now on; one always remains."""
        with self._lock:
            self.count = max(1, self.count - 1)
