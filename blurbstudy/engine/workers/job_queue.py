"""Populations that wait for a process of the engine, and how many may be trained side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence


class Jobs:
    """Populations that wait to be trained, by number."""

    def __init__(self, count: int) -> None:
        self._waiting = deque(range(count))
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """The next, or None."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def add(self, numbers: Sequence[int]) -> None:
        """Let these wait too, after all others."""
        with self._lock:
            self._waiting += numbers

    def replace(self, parts: Callable[[int], Sequence[int] | None]) -> int:
        """Let the parts of those that have any wait in their place; -> how many more wait than before."""
        with self._lock:
            found = [(number, parts(number)) for number in self._waiting]
            before = len(self._waiting)
            self._waiting = deque(own for number, made in found for own in (made or [number]))
            return len(self._waiting) - before


class Slots:
    """How many populations may be trained side by side: fewer after a process was killed, as for want of memory."""

    def __init__(self, count: int) -> None:
        self.count, self._busy = count, 0
        self._changed = threading.Condition()

    def take(self) -> bool:
        """Whether there is room for another."""
        with self._changed:
            room = self._busy < self.count
            self._busy += room
            return room

    def give_back(self) -> None:
        """One is through."""
        with self._changed:
            self._busy -= 1

    def narrow(self) -> None:
        """One fewer from now on."""
        with self._changed:
            self.count = max(1, self.count - 1)
