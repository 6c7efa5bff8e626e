"""Long sentences in overlapping windows: each word is read in the window that shows most of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

OVERLAP = 0.5  # share of a window that the next one shows again


class Window(NamedTuple):
    """Words first to last - 1 of a sentence are shown, of which begin to end - 1 are read."""

    first: int
    last: int
    begin: int
    end: int


def windows(sizes: Sequence[int], room: int) -> list[Window]:
    """The windows of one sentence from left to right; every word is read in exactly one.

    Args:
        sizes: sub-words of each word, none above `room`.
        room: sub-words of a window.
    """
    before = np.cumsum([0, *sizes])  # sub-words before each word
    if before[-1] <= room:
        return [Window(0, len(sizes), 0, len(sizes))]
    shown = _shown(before, room)
    read = _most_context(before, shown)
    ends = [int(end) for end in np.searchsorted(read, np.arange(len(shown)), side="right")]
    begins = [0, *ends[:-1]]
    return [Window(*span, *part) for span, part in zip(shown, zip(begins, ends, strict=True), strict=True)
            if part[0] < part[1]]  # fmt: skip


def _shown(before: np.ndarray, room: int) -> list[tuple[int, int]]:
    """First and last words of windows, each as full as words allow; the last one is filled from the left."""
    n = len(before) - 1
    found = [(0, _last(before, 0, room))]
    while (end := found[-1][1]) < n:
        # The next begins at the overlap, or one word on where words are too long for any.
        start = int(np.searchsorted(before, before[end] - OVERLAP * room, side="left"))
        start = min(max(start, found[-1][0] + 1), end)
        if before[n] - before[start] <= room:
            start = max(int(np.searchsorted(before, before[n] - room, side="left")), found[-1][0] + 1)
        found.append((start, max(end, _last(before, start, room))))
    return found


def _last(before: np.ndarray, first: int, room: int) -> int:
    return int(np.searchsorted(before, before[first] + room, side="right")) - 1


def _most_context(before: np.ndarray, shown: Sequence[tuple[int, int]]) -> np.ndarray:
    """(words,) for each word, the window in which the nearer end of what is shown lies farthest; the ends of the
    sentence itself are no ends.
    """
    n = len(before) - 1
    context = np.full((len(shown), n), -1.0)
    for row, (first, last) in zip(context, shown, strict=True):
        left = before[first:last] - before[first] if first else np.full(last - first, np.inf)
        right = before[last] - before[first + 1 : last + 1] if last < n else np.full(last - first, np.inf)
        row[first:last] = np.minimum(left, right)
    return context.argmax(0)
