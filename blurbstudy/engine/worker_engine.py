"""The engine of workers: writes the wanted runs into the store and waits until `blurbstudy work` has trained them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..config import RunConfig
from ..store.run_store import RunStore
from ..training.trainer import StepCallback
from .deadline import Deadline
from .leases import count_owners
from .sources.sources import Sources
from .sweep_state import FailedPopulation, OnProgress, SweepProgress, clear_failures, read_failures
from .train_plan import write_plan

POLL_SECONDS = 2.0
HINT_SECONDS = 15.0  # without any worker, until the user is told how to start one


@dataclass(frozen=True, kw_only=True)
class WorkerEngine:
    """Runs are trained by `blurbstudy work` on any number of machines that share the store's folder."""

    deadline: Deadline = field(default_factory=Deadline)
    poll_seconds: float = POLL_SECONDS

    def run(
        self,
        configs: Sequence[RunConfig],
        store: RunStore,
        *,
        sources: Sources,
        on_progress: OnProgress | None = None,
        on_step: StepCallback | None = None,
    ) -> list[FailedPopulation]:
        """See `Engine.run`; `on_step` is not called. A run fails once a worker says so."""
        clear_failures(store, [config.id for config in configs])
        write_plan(store, configs, sources=sources)
        wanted_ids, start, hinted = {config.id for config in configs}, time.monotonic(), False
        while True:
            missing = wanted_ids - store.record_files().keys()
            failures = read_failures(store, missing)
            waiting = missing - failures.keys()
            if on_progress is not None:
                done = len(wanted_ids) - len(waiting)
                on_progress(SweepProgress(fraction=done / max(1, len(wanted_ids)), runs_done=done))
            if not waiting or self.deadline.passed():
                break
            if not hinted and time.monotonic() - start > HINT_SECONDS and not count_owners(store):
                hinted = True
                print(
                    f"waiting for workers: start one or more (blurbstudy work --store {store.folder})", file=sys.stderr
                )
            time.sleep(self.poll_seconds)
        failed = [FailedPopulation(run_ids=(run_id,), cause=cause) for run_id, cause in sorted(failures.items())]
        skipped = FailedPopulation(run_ids=tuple(sorted(waiting)), cause="the deadline passed", skipped=True)
        return failed + ([skipped] if waiting else [])
