"""One line on the terminal while notebooks execute."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from .execute import Execution


@contextlib.contextmanager
def notebook_bar(total: int) -> Iterator[Callable[[Execution], None]]:
    """A bar over notebooks on a terminal; elsewhere a line per notebook.

    Yields:
        what to call with each execution as it ends.
    """
    live, ended = sys.stderr.isatty(), itertools.count(1)
    with tqdm(total=total, desc="notebooks", unit="notebook", dynamic_ncols=True, disable=not live) as bar:

        def on_end(execution: Execution) -> None:
            bar.update()
            if not live:
                line = f"[{next(ended)}/{total}] {execution.notebook}: {execution.seconds:.0f} s"
                print(line, file=sys.stderr, flush=True)

        yield on_end
