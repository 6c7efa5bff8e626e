"""The deadline of `blurbstudy run --minutes`: nothing starts after it, and what was skipped is counted."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field


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
