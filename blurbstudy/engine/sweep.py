"""A sweep: all runs of a grid, of which those in the store are not made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..config import RunConfig
from ..errors import StoreError, StudyError
from ..store.run_store import RunStore
from ..training import check_population
from ..training.run_record import RunRecord
from .deadline import Clock
from .engine import Failure, LocalEngine
from .populations import run_steps
from .progress import Progress
from .sources.sources import Sources, checkpoint_outline


@dataclass(frozen=True, kw_only=True)
class SweepResult(Mapping[str, RunRecord]):
    """Records by run id, in the order of the configs, and how they came about."""

    records: Mapping[str, RunRecord]
    trained: int = 0  # runs made now
    reused: int = 0  # runs found in the store
    missing: tuple[RunConfig, ...] = ()  # runs that are not there (`find_runs`, or the time of the command was up)

    def __getitem__(self, run_id: str) -> RunRecord:
        return self.records[run_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def of(self, configs: Iterable[RunConfig]) -> list[RunRecord]:
        """Records of some of the configs, in their order; missing ones are left out."""
        ids = dict.fromkeys(config.id for config in configs)
        return [self.records[run_id] for run_id in ids if run_id in self.records]


def find_runs(configs: Iterable[RunConfig], store: RunStore) -> SweepResult:
    """The records that are in the store; nothing is trained.

    Raises:
        StoreError: a record is torn.
    """
    distinct = {config.id: config for config in configs}
    found = {run_id: store.get(run_id) for run_id in distinct}
    records = {run_id: record for run_id, record in found.items() if record is not None}
    missing = tuple(distinct[run_id] for run_id, record in found.items() if record is None)
    return SweepResult(records=records, reused=len(records), missing=missing)


def run_missing(
    configs: Iterable[RunConfig],
    store: RunStore,
    *,
    sources: Sources,
    engine: LocalEngine | None = None,
    progress: str = "auto",
    label: str = "runs",
) -> SweepResult:
    """Make the runs that are not in the store, and give the records of all: where the time of the command is up
    (`run --minutes`), of those that there are.

    Args:
        progress: auto | silent.
        label: what the progress bar says.

    Raises:
        ParameterError: a recipe does not fit its encoder; nothing was started.
        StoreError: the store cannot be read or written, or runs are missing in report mode.
        StudyError: some runs could not be finished; all others were, and are kept.
    """
    wanted = {config.id: config for config in configs}
    found = find_runs(wanted.values(), store)
    if not found.missing:
        return found
    if not sources.live:
        first = found.missing[0]
        raise StoreError(
            f"{store.folder}: {len(found.missing)} of {len(wanted)} runs are missing (the first: {first.task}, "
            f"{first.encoder_name}, seed {first.seed}); execute the notebook first (blurbstudy run), then report"
        )
    for config in found.missing:
        check_population([config], checkpoint_outline(sources.encoder_of(config)))
    store.check_writable()
    steps = sum(run_steps(config, sources=sources) for config in found.missing)
    with Progress(label, total=steps, runs=len(found.missing), mode=progress) as bar:
        failures = (engine or LocalEngine()).run(
            found.missing,
            store,
            sources=sources,
            on_progress=lambda done, runs: bar.update(done, runs_done=runs),
        )
    made = find_runs(found.missing, store)
    stopped = {run_id for failure in failures if failure.stopped for run_id in failure.run_ids}
    Clock().note(runs=[config.id for config in made.missing if config.id in stopped])
    failed = [config for config in made.missing if config.id not in stopped]
    if failed:
        raise StudyError(_shortfall(failures, failed, finished=len(made), store=store))
    records = found.records | made.records
    return SweepResult(
        records={run_id: records[run_id] for run_id in wanted if run_id in records},
        trained=len(made),
        reused=len(found.records),
        missing=made.missing,
    )


def _shortfall(failures: list[Failure], missing: Sequence[RunConfig], *, finished: int, store: RunStore) -> str:
    first = missing[0]
    cause = next((f"{f.cause} (runs {_some(f.run_ids)})" for f in failures if first.id in f.run_ids), "unknown")
    return (
        f"{len(missing)} of {len(missing) + finished} runs failed, {finished} finished and are kept in {store.folder}; "
        f"the first to fail ({first.task}, {first.encoder_name}, seed {first.seed}): {cause}; mend that and run "
        f"again: only the missing runs are made"
    )


def _some(run_ids: Sequence[str]) -> str:
    return ", ".join(run_ids[:3]) + (f" and {len(run_ids) - 3} more" if len(run_ids) > 3 else "")
