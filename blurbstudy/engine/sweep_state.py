"""The state of a sweep: which populations are done, which are split, which failed, and how far all are together."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import StoreError
from ..filesystem import atomic_write
from ..store.run_store import RunStore
from ..training.population import population_key
from .estimates.flops import CostModel
from .populations import Population, PopulationTrainer
from .workers.messages import Failed, Message, StepsDone, Stopped


@dataclass(frozen=True, kw_only=True)
class FailedPopulation:
    """A population that was not finished."""

    run_ids: tuple[str, ...]
    cause: str  # one line
    skipped: bool = False  # no error: it did not start, or was stopped, because of the deadline


@dataclass(frozen=True, kw_only=True)
class SweepProgress:
    """How far a sweep is."""

    fraction: float  # of the expected work, 0 to 1
    runs_done: int  # finished or failed
    running: tuple[str, ...] = ()  # what is under way: "TASK, ENCODER"


FAILURES = "failures"  # folder in a store: run id -> why a worker could not train it


def read_failures(store: RunStore, run_ids: Iterable[str]) -> dict[str, str]:
    """Run id -> why it failed last, of those that did."""
    failed = {path.name: path for path in (store.folder / FAILURES).glob("*")}
    return {run_id: failed[run_id].read_text(encoding="utf-8") for run_id in run_ids if run_id in failed}


def clear_failures(store: RunStore, run_ids: Iterable[str]) -> None:
    """Forget that runs failed: they are tried again."""
    for run_id in run_ids:
        (store.folder / FAILURES / run_id).unlink(missing_ok=True)


OnProgress = Callable[[SweepProgress], None]


class SweepState:
    """Collects the messages about the populations of a sweep, by their index."""

    def __init__(
        self,
        populations: list[Population],
        trainer: PopulationTrainer,
        *,
        costs: CostModel | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.populations, self.trainer, self.on_progress = populations, trainer, on_progress
        self.costs = costs or CostModel(trainer.sources, trainer.device)
        self.seconds = [self._expected_seconds(population) for population in populations]
        self.fractions = [0.0] * len(populations)
        self._done, self._total = 0.0, sum(self.seconds)  # expected seconds
        self.running: dict[int, str] = {}
        self.runs_done = 0
        self.failures: list[FailedPopulation] = []

    def on_message(self, index: int, message: Message) -> list[int]:
        """Handle a message about population `index`.

        Returns:
            indices of new populations that replace it: it ran out of memory.

        Raises:
            StoreError: the store cannot be written, so no run can be kept.
        """
        if isinstance(message, Failed) and message.fatal:
            raise StoreError(message.error)
        if isinstance(message, Stopped):
            self._skip(index)
            return []
        retries = None
        if isinstance(message, StepsDone):
            self._set_fraction(index, message.done / max(message.total, 1))
            self.running[index] = _describe(self.populations[index])
        else:
            if isinstance(message, Failed) and message.out_of_memory:
                retries = self.split(index, ran_alone=message.ran_alone)
            if isinstance(message, Failed) and retries is None:
                self._fail(index, message)
            self._set_fraction(index, 1.0)
            self.runs_done += len(self.populations[index])
            self.running.pop(index, None)
        self.report()
        return retries or []

    def split(self, index: int, *, ran_alone: bool = True) -> list[int] | None:
        """Reduce population `index` to its finished runs and make new populations of the others: two halves, or the
        same single run again if it competed with others for the memory.

        Returns:
            the indices of the new populations; None for a single run that does not fit alone.
        """
        population = self.populations[index]
        missing = [config for config in population if config.id not in self.trainer.store]
        middle = math.ceil(len(missing) / 2)
        parts = [part for part in (missing[:middle], missing[middle:]) if part]
        if parts == [population] and ran_alone:
            return None
        finished = [config for config in population if config not in missing]
        indices = range(len(self.populations), len(self.populations) + len(parts))
        self.populations[index] = finished
        self.populations += parts
        self.seconds[index] = self._expected_seconds(finished)
        self.seconds += map(self._expected_seconds, parts)
        self.fractions += [0.0] * len(parts)
        self._done = sum(seconds * part for seconds, part in zip(self.seconds, self.fractions, strict=True))
        self._total = sum(self.seconds)
        return list(indices)

    def split_similar(self, waiting: int, failed: Population) -> list[int] | None:
        """Split a waiting population if it needs as much memory as one that did not fit."""
        population = self.populations[waiting]
        similar = len({population_key(one[0].on_official_split()) for one in (population, failed)}) == 1
        return self.split(waiting) if similar and len(population) >= max(2, len(failed)) else None

    def _skip(self, index: int) -> None:
        self.running.pop(index, None)
        ids = tuple(config.id for config in self.populations[index])
        self.failures.append(FailedPopulation(run_ids=ids, cause="the deadline passed", skipped=True))

    def _fail(self, index: int, message: Failed) -> None:
        population, cause = self.populations[index], message.error
        if message.out_of_memory:
            recipe = population[0].recipe
            cause += (
                f"; this run alone does not fit into memory: use a smaller batch_size than {recipe.batch_size} or "
                f"max_length than {recipe.max_length}, or another device"
            )
        self.failures.append(FailedPopulation(run_ids=tuple(config.id for config in population), cause=cause))
        with contextlib.suppress(OSError):
            for config in population:  # for a command that waits for this worker
                atomic_write(self.trainer.store.folder / FAILURES / config.id, cause)

    def report(self) -> None:
        """Tell how far the sweep is."""
        if self.on_progress is not None:
            self.on_progress(
                SweepProgress(
                    fraction=self._done / max(self._total, 1e-12),
                    runs_done=self.runs_done,
                    running=tuple(dict.fromkeys(self.running.values())),
                )
            )

    def _set_fraction(self, index: int, fraction: float) -> None:
        self._done += self.seconds[index] * (fraction - self.fractions[index])
        self.fractions[index] = fraction

    def _expected_seconds(self, population: Population) -> float:
        return sum(map(self.costs.seconds, population))


def _describe(population: Population) -> str:
    return f"{population[0].task}, {population[0].encoder_name}"
