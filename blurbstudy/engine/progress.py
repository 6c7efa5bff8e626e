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
MIN_MEASURED = 5.0  # seconds of work before the remaining time is estimated
LAYOUT = "{desc}: {percentage:3.0f}%|{bar}| "


class Progress:
    """Progress of several runs (or encoders, pages); a context manager that ends with one line: what was done, in what
    time.

    Args:
        label: what the bar says first.
        total: sum of the runs' weights, in any unit.
        runs: their number.
        unit: what they are, in the plural.
        verb: what is done with them, as a participle.
        reused: further ones that need not be done again, for the last line.
        log_interval: seconds between two lines of a log.
        mode: auto | silent.
    """

    def __init__(
        self,
        label: str,
        *,
        total: float,
        runs: int,
        unit: str = "runs",
        verb: str = "trained",
        reused: int = 0,
        log_interval: float = LOG_INTERVAL,
        mode: str = "auto",
    ) -> None:
        self.label, self.total, self.runs, self.unit, self.verb = label, total, runs, unit, verb
        self.reused, self.log_interval = reused, log_interval
        self.runs_done = 0
        self._bar = _make_bar(label) if mode == "auto" and _is_interactive() else None
        self._is_silent = mode != "auto"
        self._start = self._logged = time.monotonic()
        self._first: tuple[float, float] | None = None  # when something was done first, and the fraction
        self._drawn = -INTERVAL

    def __enter__(self) -> Progress:
        self.update(0, runs_done=0)
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if error is None and not self._is_silent:
            print(self.summary(), file=sys.stdout if _is_notebook() else sys.stderr, flush=True)

    def update(self, done: float, *, runs_done: int, current: str = "") -> None:
        """Set what is done; drawn at most twice a second, the end always.

        Args:
            done: sum of the weights that are done.
            current: what is under way.
        """
        now, self.runs_done = time.monotonic(), runs_done
        fraction = min(1.0, done / self.total) if self.total else 1.0
        if fraction and self._first is None:
            self._first = now, fraction
        text = ", ".join(filter(None, (self._describe(fraction, now), current)))
        if self._bar is not None and (now - self._drawn >= INTERVAL or runs_done == self.runs):
            self._drawn = now
            self._bar.n = round(100 * fraction, 2)
            self._bar.bar_format = LAYOUT + text.replace("{", "{{").replace("}", "}}")
            self._bar.refresh()
        is_between = (
            (done or now - self._start >= LOG_INTERVAL)
            and runs_done < self.runs
            and now - self._logged >= self.log_interval
        )
        if self._bar is None and not self._is_silent and is_between:
            self._logged = now
            print(f"{self.label}: {100 * fraction:.0f}%, {text}", file=sys.stderr, flush=True)

    def seconds_left(self, fraction: float, now: float) -> float | None:
        """Estimated from the work since something was done first; None before it has been measured."""
        start, begun = self._first or (now, fraction)
        if now - start < MIN_MEASURED or fraction <= begun:
            return None
        return (1 - fraction) * (now - start) / (fraction - begun)

    def summary(self) -> str:
        """What was done, in one line."""
        count = f"{self.runs_done}" if self.runs_done == self.runs else f"{self.runs_done} of {self.runs}"
        reused = f"{self.reused} reused from the store, " if self.reused else ""
        seconds = format_duration(time.monotonic() - self._start)
        unit = self.unit.removesuffix("s") if self.runs == 1 else self.unit
        return f"{self.label}: {count} {unit} {self.verb}, {reused}{seconds}"

    def _describe(self, fraction: float, now: float) -> str:
        left = self.seconds_left(fraction, now) if self.runs_done < self.runs else None
        parts = [f"{self.runs_done} of {self.runs} {self.unit} {self.verb}"]
        parts.append(f"{format_duration(now - self._start)} elapsed")
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
    return _tqdm()(total=100, desc=label, bar_format=LAYOUT, dynamic_ncols=True, leave=False)


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
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None and importlib.util.find_spec("ipywidgets") is not None
