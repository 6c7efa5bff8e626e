"""A line per notebook while `blurbstudy run` executes them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def one_bar(notebooks: int) -> Iterator[Callable[[str, int], None]]:
    """Yields a function to call as each notebook starts."""
    os.environ["BLURBSTUDY_PROGRESS"] = "silent"
    try:
        yield lambda stem, index: print(f"[{index + 1}/{notebooks}] {stem}", file=sys.stderr, flush=True)
    finally:
        del os.environ["BLURBSTUDY_PROGRESS"]
