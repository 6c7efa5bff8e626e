"""The clock of `blurbstudy run --minutes`: when nothing more is begun, and what was left undone because of it.

The command line makes a file that says when, and names it in BLURBSTUDY_CLOCK to the notebooks' kernels and to the
processes that they start; what these leave undone they note in it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import RunConfig

CLOCK_SETTING = "BLURBSTUDY_CLOCK"  # file that says until when something may be begun
REMEMBERED = 8  # populations of each kind whose pace counts: the machine may be busier, or less, than an hour ago
MOST = 0.75  # share of them; so of three or fewer the slowest counts


@dataclass(frozen=True, kw_only=True)
class Left:
    """What the clock has left undone."""

    runs: frozenset[str] = field(default=frozenset())  # ids
    encoders: tuple[str, ...] = ()  # display names of those whose pretraining is not at its end
    models: tuple[str, ...] = ()  # display names of baseline models that are not trained


class Clock:
    """Until when something may be begun, as the environment says; for ever where it says nothing."""

    def __init__(self) -> None:
        file = os.environ.get(CLOCK_SETTING, "")
        self.file = Path(file) if file else None
        self.deadline = json.loads(self.file.read_text().splitlines()[0])["deadline"] if self.file else math.inf

    def is_up(self, *, after: float = 0.0) -> bool:
        """Whether the time is up now, or will be so many seconds later."""
        return time.time() + after >= self.deadline

    def note(self, *, runs: Sequence[str] = (), encoders: Sequence[str] = (), models: Sequence[str] = ()) -> None:
        """Tell the command line what was left undone."""
        if self.file and (runs or encoders or models):
            left = {"runs": list(runs), "encoders": list(encoders), "models": list(models)}
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(left) + "\n")


class Pace:
    """Which populations may still be begun: those that can end in time, by what most of the last ones of their kind
    took a step; of a kind that has not been seen yet, all until the time is up.
    """

    def __init__(self, clock: Clock, *, steps: Callable[[Sequence[RunConfig]], int]) -> None:
        self.clock, self.steps = clock, steps
        # kind -> seconds of one step, of each population
        self.seen: defaultdict[tuple[str, str, int], deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def may_begin(self, population: Sequence[RunConfig]) -> bool:
        """Whether it may be begun now."""
        return not self.clock.is_up(after=self._step_seconds(population) * self.steps(population))

    def took(self, population: Sequence[RunConfig], seconds: float) -> None:
        """A population has ended."""
        self.seen[_kind(population)].append(seconds / max(self.steps(population), 1))

    def _step_seconds(self, population: Sequence[RunConfig]) -> float:
        """At least as much as MOST of them took: one that met with a busy moment does not speak for all others."""
        seen = sorted(self.seen[_kind(population)])
        return seen[math.ceil(MOST * len(seen)) - 1] if seen else 0.0


def _kind(population: Sequence[RunConfig]) -> tuple[str, str, int]:
    return population[0].task, population[0].encoder, population[0].recipe.max_length


@contextlib.contextmanager
def stopping_after(minutes: float | None, *, began: float) -> Iterator[Callable[[], Left]]:
    """While the block runs, nothing more is begun `minutes` after `began` (seconds since the epoch); None: no limit.

    Yields:
        What gives all that was left undone so far.
    """
    if minutes is None:
        yield Left
        return
    before = os.environ.get(CLOCK_SETTING)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as folder:
        file = Path(folder) / "clock.jsonl"
        file.write_text(json.dumps({"deadline": began + 60 * minutes}) + "\n")
        os.environ[CLOCK_SETTING] = str(file)
        try:
            yield lambda: _left(file)
        finally:
            if before is None:
                del os.environ[CLOCK_SETTING]
            else:
                os.environ[CLOCK_SETTING] = before


def _left(file: Path) -> Left:
    notes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    runs = frozenset(run for note in notes for run in note["runs"])
    encoders, models = (dict.fromkeys(name for note in notes for name in note[kind]) for kind in ("encoders", "models"))
    return Left(runs=runs, encoders=tuple(encoders), models=tuple(models))
