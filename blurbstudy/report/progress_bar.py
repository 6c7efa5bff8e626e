"""One line on the terminal while notebooks execute."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from .execute import Execution


@contextlib.contextmanager
def notebook_bar(total: int) -> Iterator[Callable[[Execution], None]]:
    """A bar over notebooks on a terminal; elsewhere a line per notebook.

    Yields:
        what to call with each execution as it ends.
    """
    from tqdm import tqdm

    live = sys.stderr.isatty()
    with tqdm(total=total, desc="notebooks", unit="notebook", dynamic_ncols=True, disable=not live) as bar:

        def on_end(execution: Execution) -> None:
            bar.update()
            if not live:
                seconds = f"{execution.seconds:.0f} s"
                print(f"[{bar_count():>2}/{total}] {execution.notebook}: {seconds}", file=sys.stderr, flush=True)

        ended = iter(range(1, total + 1))

        def bar_count() -> int:
            return next(ended)

        yield on_end
