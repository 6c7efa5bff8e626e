"""Windows over long sentences: disjoint, or overlapping; then the one with the most context predicts a word."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

OVERLAP = 0.5  # fraction of a window that the next one repeats


class Window(NamedTuple):
    """The encoder sees words first to last - 1 of a sentence; predictions are used for words begin to end - 1."""

    first: int
    last: int
    begin: int
    end: int


def disjoint_windows(sizes: Sequence[int], room: int) -> list[Window]:
    """The fewest windows of similar length; arguments as of `overlapping_windows`."""
    total = sum(sizes)
    enough = -(-total // -(-total // room)) if total > room else total
    firsts, used = [0], 0
    for word, size in enumerate(sizes):
        if used and (used >= enough or used + size > room):
            firsts.append(word)
            used = 0
        used += size
    return [Window(first, last, first, last) for first, last in pairwise([*firsts, len(sizes)])]


def overlapping_windows(sizes: Sequence[int], room: int) -> list[Window]:
    """The windows of one sentence from left to right; the predictions of every word come from exactly one.

    Args:
        sizes: sub-words of each word, each at most `room`.
        room: sub-words that fit into a window.
    """
    before = np.cumsum([0, *sizes])  # sub-words before each word
    if before[-1] <= room:
        return [Window(0, len(sizes), 0, len(sizes))]
    spans = _spans(before, room)
    best = _window_with_most_context(before, spans)
    ends = [int(end) for end in np.searchsorted(best, np.arange(len(spans)), side="right")]
    begins = [0, *ends[:-1]]
    return [
        Window(first, last, begin, end)
        for (first, last), begin, end in zip(spans, begins, ends, strict=True)
        if begin < end
    ]


def _spans(before: np.ndarray, room: int) -> list[tuple[int, int]]:
    """The (first, last) words of windows, each as full as words allow; the last window extends to the left instead."""
    n = len(before) - 1
    spans = [(0, _last(before, 0, room))]
    while (end := spans[-1][1]) < n:
        # The next window starts at the overlap, or one word later if words are too long for an overlap.
        start = int(np.searchsorted(before, before[end] - OVERLAP * room, side="left"))
        start = min(max(start, spans[-1][0] + 1), end)
        if before[n] - before[start] <= room:
            start = max(int(np.searchsorted(before, before[n] - room, side="left")), spans[-1][0] + 1)
        spans.append((start, max(end, _last(before, start, room))))
    return spans


def _last(before: np.ndarray, first: int, room: int) -> int:
    return int(np.searchsorted(before, before[first] + room, side="right")) - 1


def _window_with_most_context(before: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """(words,) the index of the window that maximizes each word's distance to the nearer window edge, in sub-words.
    The ends of the sentence do not count as edges.
    """
    n = len(before) - 1
    context = np.full((len(spans), n), -1.0)
    for row, (first, last) in zip(context, spans, strict=True):
        left = before[first:last] - before[first] if first else np.full(last - first, np.inf)
        right = before[last] - before[first + 1 : last + 1] if last < n else np.full(last - first, np.inf)
        row[first:last] = np.minimum(left, right)
    return context.argmax(0)
