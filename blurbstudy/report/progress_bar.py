"""One line on the terminal for a whole `blurbstudy run`: which notebook, how many runs are done, how long it takes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.progress import INTERVAL, follow_progress, read_progress

TRUST = 0.05  # share of the whole after which what was seen counts as much as what was expected


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a run: encoders made side by side, one sweep of runs, or the rest of a notebook."""

    stem: str
    kind: str  # encoders | runs | rest
    count: int  # encoders or runs
    seconds: float  # expected


class Course:
    """How far a whole command has come, in expected seconds of its stages; what was not foreseen counts for nothing."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.total = sum(stage.seconds for stage in stages)
        self._past: set[int] = set()  # stages that are over
        self._now: tuple[int, float] | None = None  # stage that goes on, and its share that is done
        self._sweep: tuple[Any, ...] = ()

    def begin(self, stem: str) -> None:
        """A notebook begins: all stages of those before are over."""
        place = next((i for i, stage in enumerate(self.stages) if stage.stem == stem), 0)
        self._past |= set(range(place))
        self._now, self._sweep = None, ()

    def hear(self, stem: str, state: dict[str, Any]) -> None:
        """A report of a sweep or of pretrainings in the notebook `stem`."""
        sweep = (stem, state["label"], state["total"], state["runs"])
        if sweep != self._sweep:
            if self._now is not None:
                self._past.add(self._now[0])
            wanted = (stem, "runs" if state["label"] == stem else "encoders", state["runs"])
            places = (i for i, s in enumerate(self.stages) if (s.stem, s.kind, s.count) == wanted)
            place = next((i for i in places if i not in self._past), None)
            self._now, self._sweep = None if place is None else (place, 0.0), sweep
        if self._now is not None:
            self._now = (self._now[0], state["done"] / max(state["total"], 1))

    @property
    def done(self) -> float:
        """Expected seconds of what is done."""
        going = 0.0 if self._now is None else self._now[1] * self.stages[self._now[0]].seconds
        return going + sum(self.stages[i].seconds for i in self._past)

    def seconds_left(self, gone: float) -> float:
        """By what was expected, and more and more by what it took: `gone` seconds for what is done."""
        trust = TRUST * self.total
        return (self.total - self.done) * (gone + trust) / (self.done + trust)


@contextlib.contextmanager
def one_bar(notebooks: int, stages: Sequence[Stage] = ()) -> Iterator[Bar]:
    """A bar over notebooks and their runs, fed by the file that the notebooks' kernels report to.

    Args:
        stages: what is expected of all notebooks together; none: each counts as much as another.
    """
    with follow_progress(quiet=True) as path:
        bar = Bar(path, notebooks=notebooks, course=Course(stages) if stages else None)
        try:
            yield bar
        finally:
            bar.close()


class Bar:
    """A bar on a terminal; elsewhere one line per notebook."""

    def __init__(self, path: Path, *, notebooks: int, course: Course | None = None) -> None:
        from tqdm import tqdm

        self._path, self._notebooks, self._course, self._offset = path, notebooks, course, 0
        self._index, self._stem, self._began = 0, "", time.monotonic()
        self.busy: Counter[str] = Counter()  # stem -> seconds in which runs or encoders were made
        self._live = sys.stderr.isatty()
        layout = "{desc} {percentage:3.0f}%|{bar}| {postfix}"
        self._bar = tqdm(total=notebooks, bar_format=layout, dynamic_ncols=True, disable=not self._live)
        self._stop = threading.Event()
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def start(self, stem: str, index: int) -> None:
        """A notebook begins."""
        self._stem, self._index = stem, index
        if self._course is not None:
            self._course.begin(stem)
        left = self._left()
        if not self._live:
            print(f"[{index + 1}/{self._notebooks}] {stem}{f', {left}' if left else ''}", file=sys.stderr, flush=True)
        self._draw(0.0, ", ".join(filter(None, ("starting", left))))

    def close(self) -> None:
        """The last notebook is through."""
        self._stop.set()
        self._follower.join()
        self._index, self._course = self._notebooks, None
        self._draw(0.0, "done")
        self._bar.close()

    def _follow(self) -> None:
        sweep, first, began, seen = (), 0, 0.0, 0.0
        while not self._stop.wait(INTERVAL):
            states, self._offset = read_progress(self._path, offset=self._offset)
            for state in states:
                now, same = time.monotonic(), (state["label"], state["total"], state["runs"])
                if same != sweep:
                    sweep, first, began, seen = same, state["done"], now, now
                self.busy[self._stem] += now - seen
                seen = now
                if self._course is not None:
                    self._course.hear(self._stem, state)
            if states:
                text = progress_text(states[-1], first=first, began=began, left=self._left())
                self._draw(states[-1]["done"] / max(states[-1]["total"], 1), text)

    def _left(self) -> str:
        """`about 4 min left`, of the whole command."""
        if self._course is None or not self._course.total:
            return ""
        seconds = self._course.seconds_left(time.monotonic() - self._began)
        return f"about {max(1, round(seconds / 60))} min left"

    def _draw(self, fraction: float, text: str) -> None:
        self._bar.set_description_str(f"{self._stem} ({min(self._index + 1, self._notebooks)} of {self._notebooks})")
        done = self._index + fraction
        if self._course is not None and self._course.total:
            done = self._notebooks * self._course.done / self._course.total
        self._bar.n = min(done, self._notebooks)
        self._bar.set_postfix_str(text)


def progress_text(state: dict[str, Any], *, first: float, began: float, left: str = "") -> str:
    """`13 of 40 runs, about 4 min left`; where nothing is known of the whole, the time left of this sweep by the steps
    done since its first report.
    """
    text = f"{state['runs_done']} of {state['runs']} runs"
    if left:
        return f"{text}, {left}"
    done, rest = state["done"] - first, state["total"] - state["done"]
    gone = time.monotonic() - began
    return f"{text}, {_clock(gone * rest / done)} left" if done > 0 and rest else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
