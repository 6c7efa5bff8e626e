"""Jobs in parallel, each in a worker process of its own (pretraining, baseline models), with one progress bar."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from ...config import JsonMapping
from ...errors import StudyError
from ..deadline import Deadline
from ..progress import Progress
from .messages import Failed, Finished, StepsDone
from .process import WorkerProcess

POLL_SECONDS = 0.25  # between two checks of the futures: Ctrl-C must be noticed on every system


class ParallelProgress:
    """The fractions of several jobs on one progress bar; safe between threads.

    Args:
        steps: weight of each job.
    """

    def __init__(self, steps: Sequence[int], bar: Progress) -> None:
        self.steps, self.bar = steps, bar
        self.fractions = [0.0] * len(steps)
        self._lock = threading.Lock()

    def update(self, index: int, fraction: float) -> None:
        """Set the fraction of job `index` that is done."""
        with self._lock:
            self.fractions[index] = fraction
            self._draw()

    def say(self, current: str) -> None:
        """Show what is under way, while nothing is done."""
        with self._lock:
            self._draw(current)

    def _draw(self, current: str = "") -> None:
        done = sum(n * part for n, part in zip(self.steps, self.fractions, strict=True))
        self.bar.update(done, runs_done=sum(part == 1 for part in self.fractions), current=current)


def run_in_subprocesses(
    jobs: Mapping[str, JsonMapping],
    progress: ParallelProgress,
    *,
    module: str,
    action: str,
    workers: int,
    deadline: Deadline,
) -> None:
    """Run every job in a worker process, `workers` at a time; none starts after the deadline.

    Args:
        jobs: display name -> request (JSON values).
        module: its `make_handler` serves the requests; it receives {"deadline": seconds since the epoch}.
        action: for errors, such as `pretraining`.

    Raises:
        StudyError: a job failed; the results of finished jobs are kept.
    """
    alive: set[WorkerProcess] = set()
    with ThreadPoolExecutor(workers) as pool:

        def run_one(name: str, request: JsonMapping, index: int) -> None:
            if deadline.passed():
                return
            process = WorkerProcess(module, {"deadline": deadline.at})
            alive.add(process)
            for message in process.request(request):
                if isinstance(message, StepsDone):
                    progress.update(index, message.done / max(message.total, 1))
                elif isinstance(message, Failed):
                    raise StudyError(f"{action} {name} failed: {message.error}")
                elif isinstance(message, Finished):
                    progress.update(index, 1.0)
            process.kill()
            alive.discard(process)

        futures = [pool.submit(run_one, name, job, index) for index, (name, job) in enumerate(jobs.items())]
        try:
            while wait(futures, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                if any(future.done() and future.exception() for future in futures):
                    break
            for future in futures:
                if future.done():
                    future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(alive):
                process.kill()
