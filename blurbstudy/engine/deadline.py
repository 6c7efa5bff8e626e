"""The deadline of `blurbstudy run --minutes`: nothing starts after it, and what was skipped is counted."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEADLINE_ENV = "BLURBSTUDY_CLOCK"


@dataclass
class Deadline:
    """A point in time; the default never passes."""

    at: float = math.inf  # seconds since the epoch
    skipped_runs: list[str] = field(default_factory=list)  # ids
    skipped_encoders: list[str] = field(default_factory=list)  # display names: pretraining that did not finish
    skipped_baselines: list[str] = field(default_factory=list)  # display names: baseline models that are not trained

    @classmethod
    def after(cls, minutes: float | None, *, start: float) -> Deadline:
        """The deadline so many minutes after `start` (seconds since the epoch); None: no deadline."""
        return cls() if minutes is None else cls(at=start + 60 * minutes)

    @classmethod
    def from_environment(cls) -> Deadline:
        file = os.environ.get(DEADLINE_ENV)
        return cls(at=json.loads(Path(file).read_text().splitlines()[0])["deadline"]) if file else cls()

    def passed(self) -> bool:
        """Whether nothing more may start."""
        return time.time() >= self.at

    def skip(self, *, runs: Iterable[str] = (), encoders: Iterable[str] = (), baselines: Iterable[str] = ()) -> None:
        """Count what the deadline prevented, each name once."""
        for skipped, names in (
            (self.skipped_runs, list(runs)),
            (self.skipped_encoders, list(encoders)),
            (self.skipped_baselines, list(baselines)),
        ):
            skipped[:] = dict.fromkeys([*skipped, *names])
        if file := os.environ.get(DEADLINE_ENV):
            values = {"runs": self.skipped_runs, "encoders": self.skipped_encoders, "models": self.skipped_baselines}
            with open(file, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(values) + "\n")


@dataclass(frozen=True, kw_only=True)
class Left:
    runs: frozenset[str] = field(default=frozenset())
    encoders: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@contextlib.contextmanager
def stopping_after(minutes: float | None, *, began: float) -> Iterator[Callable[[], Left]]:
    if minutes is None:
        yield Left
        return
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as folder:
        file = Path(folder) / "clock.jsonl"
        file.write_text(json.dumps({"deadline": began + 60 * minutes}) + "\n")
        os.environ[DEADLINE_ENV] = str(file)
        try:
            yield lambda: _left(file)
        finally:
            del os.environ[DEADLINE_ENV]


def _left(file: Path) -> Left:
    notes = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    runs = frozenset(run for note in notes for run in note["runs"])
    encoders, models = (dict.fromkeys(name for note in notes for name in note[kind]) for kind in ("encoders", "models"))
    return Left(runs=runs, encoders=tuple(encoders), models=tuple(models))
