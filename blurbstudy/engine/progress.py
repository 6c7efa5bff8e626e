"""Progress of long work: a tqdm bar in a terminal or notebook, else a line on stderr every half minute."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

INTERVAL = 0.5  # seconds between two updates of a bar
LOG_INTERVAL = 30.0  # seconds between two lines of a log
PRIOR_WEIGHT = 0.05  # fraction done at which the measured speed counts as much as the expected one


class Progress:
    """Progress of several runs (or encoders, models); a context manager.

    Args:
        label: what the bar says first.
        total: sum of the runs' weights, in any unit.
        runs: their number.
        unit: what they are, in the plural.
        expected_seconds: of all runs, if there is an estimate.
        mode: auto | silent.
    """

    def __init__(
        self,
        label: str,
        *,
        total: float,
        runs: int,
        unit: str = "runs",
        expected_seconds: float | None = None,
        mode: str = "auto",
    ) -> None:
        self.label, self.total, self.runs, self.unit = label, total, runs, unit
        self.expected_seconds = expected_seconds
        self._bar = _make_bar(label) if mode == "auto" and _is_interactive() else None
        self._writes_lines = mode == "auto" and self._bar is None
        self._start = self._logged = time.monotonic()
        self._drawn = -INTERVAL

    def __enter__(self) -> Progress:
        self.update(0, runs_done=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, done: float, *, runs_done: int, current: str = "") -> None:
        """Set what is done; drawn at most twice a second, the end always.

        Args:
            done: sum of the weights that are done.
            current: what is under way.
        """
        now = time.monotonic()
        fraction = min(1.0, done / self.total) if self.total else 1.0
        if self._bar is not None and (now - self._drawn >= INTERVAL or runs_done == self.runs):
            self._drawn = now
            self._bar.n = round(100 * fraction, 2)
            self._bar.set_postfix_str(", ".join(filter(None, (self._describe(fraction, runs_done, now), current))))
        if self._writes_lines and done and now - self._logged >= LOG_INTERVAL:
            self._logged = now
            line = f"{self.label}: {100 * fraction:.0f}%, {self._describe(fraction, runs_done, now)}"
            print(line, file=sys.stderr, flush=True)

    def seconds_left(self, fraction: float, elapsed: float) -> float | None:
        """Estimated from the elapsed seconds, at first also from the expected ones; None if neither says anything."""
        if not fraction and not self.expected_seconds:
            return None
        prior = PRIOR_WEIGHT if self.expected_seconds else 0.0
        return (1 - fraction) * (elapsed + prior * (self.expected_seconds or 0.0)) / (fraction + prior)

    def _describe(self, fraction: float, runs_done: int, now: float) -> str:
        elapsed = now - self._start
        left = self.seconds_left(fraction, elapsed) if runs_done < self.runs else None
        parts = [f"{runs_done} of {self.runs} {self.unit}", f"{format_duration(elapsed)} elapsed"]
        return ", ".join(parts + ([f"about {format_duration(left)} left"] if left is not None else []))


@contextlib.contextmanager
def progress_bar(label: str, *, total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """A bar in a terminal or notebook, nothing elsewhere; yields a function that takes how many more are done."""
    if not _is_interactive():
        yield lambda more: None
        return
    with _tqdm()(total=total, desc=label, unit=unit, dynamic_ncols=True, leave=not _is_notebook()) as bar:
        yield bar.update


def format_duration(seconds: float) -> str:
    """`40 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _make_bar(label: str) -> Any:
    layout = "{desc}: {percentage:3.0f}%|{bar}| {postfix}"
    return _tqdm()(total=100, desc=label, bar_format=layout, dynamic_ncols=True, leave=not _is_notebook())


def _tqdm() -> Any:
    if _is_notebook():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm


def _is_interactive() -> bool:
    return sys.stderr.isatty() or _is_notebook()


def _is_notebook() -> bool:
    """In a Jupyter kernel that can show widgets."""
    return "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None
