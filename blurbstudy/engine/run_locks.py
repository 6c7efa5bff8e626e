"""Locks on runs, so that two commands on one store never train the same run: one lock file per run in training.

The operating system releases the locks of a process that dies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from filelock import FileLock, Timeout

from ..config import RunConfig
from ..store.run_store import RunStore

FOLDER = "locks"  # in a store


@contextlib.contextmanager
def claim_runs(configs: Sequence[RunConfig], store: RunStore) -> Iterator[list[RunConfig] | None]:
    """Lock the runs that the store lacks for the duration of the block.

    Where files cannot be locked (some network file systems) nothing is, and two commands may train the same run.

    Yields:
        the locked runs; None if another process has locked one of them.
    """
    claim: list[RunConfig] | None
    with contextlib.ExitStack() as locks:
        try:
            claim = _acquire(configs, store, locks)
        except (OSError, NotImplementedError):
            claim = _missing(configs, store)
        yield claim


def _acquire(configs: Sequence[RunConfig], store: RunStore, locks: contextlib.ExitStack) -> list[RunConfig] | None:
    missing = _missing(configs, store)
    folder = store.folder / FOLDER
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    for config in sorted(missing, key=lambda config: config.id):  # in one order: of two commands one gets all
        lock = FileLock(folder / f"{config.id}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            locks.close()
            return None
        locks.callback(_release, lock)
    return _missing(missing, store)  # another process may have stored some before it released their locks


def _release(lock: FileLock) -> None:
    with contextlib.suppress(OSError):  # Windows cannot delete an open file
        os.unlink(lock.lock_file)  # while it is locked: whoever waits for it notices and creates it again
    lock.release()


def _missing(configs: Sequence[RunConfig], store: RunStore) -> list[RunConfig]:
    return [config for config in configs if config.id not in store]
