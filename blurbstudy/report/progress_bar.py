"""What the terminal shows while notebooks are executed for a report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from ..engine.progress import Progress
from .execute import Execution, n_kernels


@contextlib.contextmanager
def page_progress(notebooks: Sequence[str]) -> Iterator[Callable[[Execution], None]]:
    """A bar over the pages of a report on a terminal; elsewhere a line after each page.

    Yields:
        what to call with each execution as it ends.
    """
    waiting, total = list(notebooks), len(notebooks)
    with Progress("report", total=total, runs=total, unit="pages", verb="made", log_interval=0) as bar:

        def current() -> str:
            return ", ".join(waiting[: n_kernels()])  # notebooks are executed in their order

        def on_end(execution: Execution) -> None:
            waiting.remove(execution.notebook)
            done = total - len(waiting)
            bar.update(done, runs_done=done, current=current())

        bar.update(0, runs_done=0, current=current())
        yield on_end
