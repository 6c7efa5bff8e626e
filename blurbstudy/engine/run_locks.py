"""Which runs a living process has in hand, so that a second command on the same store does not make them too.

A process that trains some runs holds the lock of a file beside them, which the system lets go of when it dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config import RunConfig
from ..pretraining.keeping import locked
from ..store.run_store import RunStore

FOLDER = "in-hand"  # of a store


@contextlib.contextmanager
def in_hand(configs: Sequence[RunConfig], store: RunStore) -> Iterator[list[RunConfig] | None]:
    """Those of the runs that the store lacks, in this process's hand while the block runs; None where another has one
    of them in hand. Without locks (a file system that has none, Windows) nobody knows of another.
    """
    with contextlib.ExitStack() as held:
        left: list[RunConfig] | None
        try:
            left = _take(configs, store, held)
        except OSError:
            left = _missing(configs, store)
        yield left


def _take(configs: Sequence[RunConfig], store: RunStore, held: contextlib.ExitStack) -> list[RunConfig] | None:
    folder = store.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):  # for this moment: nobody takes, or looks who has what, beside us
        others = _in_other_hands(folder)
        left = _missing(configs, store)  # after the look at others: what they let go of is in the store, if they could
        if others.intersection(config.id for config in left):
            return None
        if left:
            mine = folder / f"{uuid.uuid4().hex}.json"
            held.callback(_remove, mine)
            held.enter_context(locked(mine.with_suffix(".lock")))
            told = {"runs": [config.id for config in left], "pid": os.getpid(), "host": platform.node()}
            mine.write_text(json.dumps(told), encoding="utf-8")
    return left


def _missing(configs: Sequence[RunConfig], store: RunStore) -> list[RunConfig]:
    return [config for config in configs if config.id not in store]


def _in_other_hands(folder: Path) -> set[str]:
    """Ids of runs in anybody's hand; what the dead have left behind is cleared away."""
    found: set[str] = set()
    for file in folder.glob("*.json"):
        with locked(file.with_suffix(".lock"), wait=False) as is_left_behind:
            if is_left_behind:
                _remove(file)
                continue
        with contextlib.suppress(OSError, ValueError):  # let go of meanwhile
            found |= set(json.loads(file.read_text(encoding="utf-8"))["runs"])
    return found


def _remove(file: Path) -> None:
    for part in (file, file.with_suffix(".lock")):
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
