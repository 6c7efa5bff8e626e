"""Locks on runs, so that two commands on one store never train the same run: one lock file per run in training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..config import RunConfig
from ..filesystem import file_lock
from ..store.run_store import RunStore

FOLDER = "locks"  # in a store


@contextlib.contextmanager
def claim_runs(configs: Sequence[RunConfig], store: RunStore) -> Iterator[list[RunConfig] | None]:
    """Lock the runs that the store lacks for the duration of the block. The locks of a killed process are free.

    Where no lock file can be written, runs are not locked, and two commands may train the same run.

    Yields:
        the locked runs; None if another process has locked one of them.
    """
    claim: list[RunConfig] | None
    with contextlib.ExitStack() as locks:
        try:
            claim = _acquire(configs, store, locks)
        except OSError:
            claim = _missing(configs, store)
        yield claim


def _acquire(configs: Sequence[RunConfig], store: RunStore, locks: contextlib.ExitStack) -> list[RunConfig] | None:
    missing = _missing(configs, store)
    for config in sorted(missing, key=lambda config: config.id):  # in one order: one of two commands gets all
        lock = file_lock(store.folder / FOLDER / f"{config.id}.lock", wait=False, remove=True)
        if not locks.enter_context(lock):
            locks.close()
            return None
    return _missing(missing, store)  # another process may have stored some before it released their locks


def _missing(configs: Sequence[RunConfig], store: RunStore) -> list[RunConfig]:
    return [config for config in configs if config.id not in store]
