"""Progress of `blurbstudy pretrain` on stderr."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from ...engine.progress import format_duration

LOG_INTERVAL = 30.0  # seconds between two lines if stderr is not a terminal


class PretrainingProgress:
    """Progress on stderr: a bar on a terminal, otherwise a line every LOG_INTERVAL seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.is_terminal = quiet, sys.stderr.isatty()
        self.bar: tqdm | None = None
        self.activity, self.start, self.last_log = "", 0.0, 0.0
        self.first: tuple[int, int] | None = None  # (step, tokens seen) after this session's first step

    def __enter__(self) -> PretrainingProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def corpus(self, activity: str, documents: int, done: int, total: int) -> None:
        """Report a pass over the corpus; `done` and `total` are bytes."""
        if not self.quiet:
            self._begin(activity, total, unit="B")
            self._report(activity, done, total, f"{documents:,} documents")

    def step(self, step: int, n_steps: int, tokens: int) -> None:
        """Report an optimizer step; `tokens` is the number seen so far."""
        if self.quiet:
            return
        self._begin("pretraining", n_steps, unit="step")
        self.first = self.first or (step, tokens)
        elapsed = time.monotonic() - self.start
        speed = (tokens - self.first[1]) / elapsed if elapsed > 0 and step > self.first[0] else 0.0
        details = f"{tokens:,} tokens, {speed:,.0f} tokens/s"
        self._report("pretraining", step, n_steps, details, initial=self.first[0])

    def _begin(self, activity: str, total: int, *, unit: str) -> None:
        if activity == self.activity:
            return
        if self.bar is not None:
            self.bar.close()
        self.activity, self.start, self.last_log = activity, time.monotonic(), time.monotonic()
        if self.is_terminal:
            self.bar = tqdm(total=total, desc=activity, unit=unit, unit_scale=unit == "B", dynamic_ncols=True)

    def _report(self, activity: str, done: int, total: int, details: str, *, initial: int = 0) -> None:
        if self.bar is not None:
            if done > self.bar.n == 0 and initial:  # resumed: earlier steps do not count for the speed
                self.bar.initial = initial
            self.bar.set_postfix_str(details, refresh=False)
            self.bar.update(done - self.bar.n)
        now = time.monotonic()
        if self.is_terminal or now - self.last_log < LOG_INTERVAL:
            return
        self.last_log = now
        remaining = (now - self.start) * (total - done) / max(1, done - initial)
        percent = 100 * done / max(1, total)
        line = f"{activity}: {percent:.0f}%, {details}, about {format_duration(remaining)} left"
        print(line, file=sys.stderr, flush=True)
