"""Progress of a sweep in optimizer steps and runs: a tqdm bar, or lines of JSON that another process draws.

While papermill executes a notebook, the command line owns the terminal: it names a file in BLURBSTUDY_PROGRESS, the
notebook's kernel appends to it, and `follow_progress` draws what it reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRESS_SETTING = "BLURBSTUDY_PROGRESS"  # file to append progress to, instead of drawing it
INTERVAL = 0.5  # seconds between two reports
LOG_INTERVAL = 30.0  # seconds between two lines of a log
MODES = ("auto", "silent")


class Progress:
    """Progress of one sweep; a context manager. `auto`: the file in BLURBSTUDY_PROGRESS, else a bar where somebody
    looks (a terminal or a notebook), else a line on stderr every half minute, for a log.
    """

    def __init__(self, label: str, *, total: int, runs: int, mode: str = "auto") -> None:
        self.label = label
        self.total = total  # optimizer steps, summed over runs
        self.runs = runs
        self._file = os.environ.get(PROGRESS_SETTING, "") if mode == "auto" else ""
        self._bar = _bar(total=total, label=label) if mode == "auto" and not self._file and _is_watched() else None
        self._log = mode == "auto" and not self._file and self._bar is None
        self._began = self._logged = time.monotonic()
        self._reported = 0.0

    def __enter__(self) -> Progress:
        self.update(0, runs_done=0, force=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, done: float, *, runs_done: int, force: bool = False) -> None:
        """Report steps and runs done so far; more often than twice a second is not shown, the end always."""
        now = time.monotonic()
        if not force and now - self._reported < INTERVAL and runs_done < self.runs:
            return
        self._reported = now
        state = {
            "label": self.label,
            "done": round(done),
            "total": self.total,
            "runs_done": runs_done,
            "runs": self.runs,
        }
        if self._file:
            # Progress is a courtesy: a full disk must not end the runs that it speaks of.
            with contextlib.suppress(OSError), open(self._file, "a", encoding="utf-8") as file:
                file.write(json.dumps(state) + "\n")
        if self._bar is not None:
            _draw(self._bar, state)
        if self._log and done and now - self._logged >= LOG_INTERVAL:
            self._logged = now
            left = (now - self._began) * (self.total - done) / done
            print(
                f"{self.label}: {round(done)} of {self.total} steps, {runs_done} of {self.runs} runs, "
                f"about {left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )


@contextlib.contextmanager
def watched_bar(label: str, *, total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """A bar where somebody looks, nothing elsewhere; yields what it is told how many more are done."""
    if not _is_watched():
        yield lambda more: None
        return
    with _bar(total=total, label=label, unit=unit) as bar:
        yield bar.update


@contextlib.contextmanager
def follow_progress(*, quiet: bool = False) -> Iterator[Path]:
    """While the block runs, sweeps in this process and its children report to a file, drawn as one bar on stderr.

    Yields:
        The file, for those who want to read it too.
    """
    before = os.environ.get(PROGRESS_SETTING)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as folder:
        path = Path(folder) / "progress.jsonl"
        path.touch()
        os.environ[PROGRESS_SETTING] = str(path)
        stop = threading.Event()
        follower = threading.Thread(target=_follow, args=(path, stop), daemon=True)
        if not quiet:
            follower.start()
        try:
            yield path
        finally:
            stop.set()
            if not quiet:
                follower.join()
            if before is None:
                del os.environ[PROGRESS_SETTING]
            else:
                os.environ[PROGRESS_SETTING] = before


def read_progress(path: Path, *, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines of a progress file from an offset on, and the offset to go on from."""
    with path.open("rb") as file:
        file.seek(offset)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def _follow(path: Path, stop: threading.Event) -> None:
    bar, current, offset, last = None, None, 0, False
    while not last:
        last = stop.wait(INTERVAL)  # once more after the end: the last line may have just been written
        states, offset = read_progress(path, offset=offset)
        for state in states:
            if bar is None or (state["label"], state["total"], state["runs"]) != current:
                if bar is not None:
                    bar.close()
                current = (state["label"], state["total"], state["runs"])
                bar = _bar(total=state["total"], label=state["label"])
            _draw(bar, state)
    if bar is not None:
        bar.close()


def _draw(bar: Any, state: dict[str, Any]) -> None:
    bar.set_postfix_str(f"{state['runs_done']}/{state['runs']} runs", refresh=False)
    bar.update(state["done"] - bar.n)
    bar.refresh()


def _bar(*, total: int, label: str, unit: str = "step") -> Any:
    if _is_notebook():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(total=total, desc=label, unit=unit, dynamic_ncols=True, leave=not _is_notebook(), smoothing=0.05)


def _is_watched() -> bool:
    return sys.stderr.isatty() or _is_notebook()


def _is_notebook() -> bool:
    """In a Jupyter kernel that can show widgets."""
    import importlib.util

    return "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None
