"""One line on the terminal for a whole `blurbstudy run`: which notebook, how many runs are done, how long it takes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..results.progress import INTERVAL, follow_progress, read_progress


@contextlib.contextmanager
def one_bar(notebooks: int) -> Iterator[Bar]:
    """A bar over notebooks and their runs, fed by the file that the notebooks' kernels report to."""
    with follow_progress(quiet=True) as path:
        bar = Bar(path, notebooks=notebooks)
        try:
            yield bar
        finally:
            bar.close()


class Bar:
    """A bar on a terminal; elsewhere one line per notebook."""

    def __init__(self, path: Path, *, notebooks: int) -> None:
        from tqdm import tqdm

        self._path, self._notebooks, self._offset = path, notebooks, 0
        self._index, self._stem, self._began = 0, "", time.monotonic()
        self._live = sys.stderr.isatty()
        layout = "{desc} {percentage:3.0f}%|{bar}| {postfix}"
        self._bar = tqdm(total=notebooks, bar_format=layout, dynamic_ncols=True, disable=not self._live)
        self._stop = threading.Event()
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def start(self, stem: str, index: int) -> None:
        """A notebook begins."""
        self._stem, self._index, self._began = stem, index, time.monotonic()
        if not self._live:
            print(f"[{index + 1}/{self._notebooks}] {stem}", file=sys.stderr, flush=True)
        self._draw(0.0, "starting")

    def close(self) -> None:
        """The last notebook is through."""
        self._stop.set()
        self._follower.join()
        self._index = self._notebooks
        self._draw(0.0, "done")
        self._bar.close()

    def _follow(self) -> None:
        label, first, began = "", 0, 0.0
        while not self._stop.wait(INTERVAL):
            states, self._offset = read_progress(self._path, offset=self._offset)
            if not states:
                continue
            state = states[-1]
            if state["label"] != label:
                label, first, began = state["label"], state["done"], time.monotonic()
            self._draw(state["done"] / max(state["total"], 1), progress_text(state, first=first, began=began))

    def _draw(self, fraction: float, text: str) -> None:
        self._bar.set_description_str(f"{self._stem} ({min(self._index + 1, self._notebooks)} of {self._notebooks})")
        self._bar.n = min(self._index + fraction, self._notebooks)
        self._bar.set_postfix_str(text)


def progress_text(state: dict[str, Any], *, first: float, began: float) -> str:
    """`13 of 40 runs, 1:20 left`: time left by the steps done since the first report."""
    done, left = state["done"] - first, state["total"] - state["done"]
    gone = time.monotonic() - began
    text = f"{state['runs_done']} of {state['runs']} runs"
    return f"{text}, {_clock(gone * left / done)} left" if done > 0 and left else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
