"""A sweep: all runs of a grid; those in the store are reused, the others trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..config import RunConfig
from ..errors import StoreError, StudyError
from ..store.run_store import RunStore
from ..training.run_record import RunRecord
from ..training.trainer import StepCallback, check_population
from .engine import Engine, LocalEngine
from .leases import remove_leftovers
from .progress import Progress, format_duration
from .sources.sources import Sources, checkpoint_without_weights
from .sweep_state import FailedPopulation, SweepProgress

MAX_LISTED = 3  # run ids in an error


@dataclass(frozen=True, kw_only=True)
class SweepResult(Mapping[str, RunRecord]):
    """Records by run id, in the order of the configs, and where they come from."""

    records: Mapping[str, RunRecord]
    trained: int = 0  # runs
    reused: int = 0  # runs that the store had
    missing: tuple[RunConfig, ...] = ()  # runs without a record: not trained (`find_runs`), or skipped by the deadline

    def __getitem__(self, run_id: str) -> RunRecord:
        return self.records[run_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def describe(self, *, seconds: float) -> str:
        """`72 runs: 48 trained, 24 from the store, 2 min 22 s`."""
        parts = [f"{self.trained} trained"] if self.trained else []
        parts += [f"{self.reused} from the store"] if self.reused or not parts else []
        parts += [f"{len(self.missing)} not made in time"] if self.missing else []
        return f"{len(self)} run{'s'[: len(self) != 1]}: {', '.join([*parts, format_duration(seconds)])}"

    def select(self, configs: Iterable[RunConfig]) -> list[RunRecord]:
        """Records of some of the configs, in their order, without the missing ones."""
        ids = dict.fromkeys(config.id for config in configs)
        return [self.records[run_id] for run_id in ids if run_id in self.records]


def find_runs(configs: Iterable[RunConfig], store: RunStore) -> SweepResult:
    """The records that are in the store; nothing is trained."""
    distinct = {config.id: config for config in configs}
    stored = {run_id: store.get(run_id) for run_id in distinct}
    records = {run_id: record for run_id, record in stored.items() if record is not None}
    missing = tuple(distinct[run_id] for run_id, record in stored.items() if record is None)
    return SweepResult(records=records, reused=len(records), missing=missing)


def run_missing(
    configs: Iterable[RunConfig],
    store: RunStore,
    *,
    sources: Sources,
    engine: Engine | None = None,
    progress: str = "auto",
    label: str = "fine-tuning",
    on_step: StepCallback | None = None,
) -> SweepResult:
    """Train the runs that are not in the store, and return the records of all; after the engine's deadline, of those
    that exist.

    Args:
        progress: auto | silent.
        label: of the progress bar.
        on_step: see `Engine.run`.

    Raises:
        ParameterError: a recipe does not fit its encoder; nothing was started.
        StoreError: the store cannot be read or written, or runs are missing and the sources cannot train.
        StudyError: some runs failed; all others are trained and stored.
    """
    requested = {config.id: config for config in configs}
    before = find_runs(requested.values(), store)
    if not before.missing:
        return before
    if not sources.can_train:
        first = before.missing[0]
        raise StoreError(
            f"{store.folder}: {len(before.missing)} of {len(requested)} runs are missing (the first: {first.task}, "
            f"{first.encoder_name}, seed {first.seed}); execute the notebook first (blurbstudy run), then report"
        )
    check_runs(before.missing, sources)
    store.check_writable()
    remove_leftovers(store)
    engine = engine or LocalEngine()
    n_missing, n_reused = len(before.missing), len(before.records)
    with Progress(label, total=1.0, runs=n_missing, reused=n_reused, mode=progress) as bar:

        def on_progress(state: SweepProgress) -> None:
            bar.update(state.fraction, runs_done=state.runs_done, current="; ".join(state.running))

        options = {} if on_step is None else {"on_step": on_step}
        failures = engine.run(before.missing, store, sources=sources, on_progress=on_progress, **options)
        bar.runs_done = n_missing - len({run_id for failure in failures for run_id in failure.run_ids})
    trained = find_runs(before.missing, store)
    skipped = {run_id for failure in failures if failure.skipped for run_id in failure.run_ids}
    engine.deadline.skip(runs=[config.id for config in trained.missing if config.id in skipped])
    failed = [config for config in trained.missing if config.id not in skipped]
    if failed:
        raise StudyError(_failure_message(failures, failed, finished=len(trained), store=store))
    records = dict(before.records) | dict(trained.records)
    return SweepResult(
        records={run_id: records[run_id] for run_id in requested if run_id in records},
        trained=len(trained),
        reused=len(before.records),
        missing=trained.missing,
    )


def check_runs(configs: Iterable[RunConfig], sources: Sources) -> None:
    """Check that every recipe fits its encoder."""
    for config in configs:
        check_population([config], checkpoint_without_weights(sources.encoder_of(config)))


def _failure_message(
    failures: Sequence[FailedPopulation], failed: Sequence[RunConfig], *, finished: int, store: RunStore
) -> str:
    first = failed[0]
    causes = [f"{f.cause} (runs {_abbreviate(f.run_ids)})" for f in failures if first.id in f.run_ids]
    return (
        f"{len(failed)} of {len(failed) + finished} runs failed, {finished} finished and are stored in {store.folder}; "
        f"the first failure ({first.task}, {first.encoder_name}, seed {first.seed}): {next(iter(causes), 'unknown')}; "
        "fix the cause and run again: only the missing runs are trained"
    )


def _abbreviate(run_ids: Sequence[str]) -> str:
    more = len(run_ids) - MAX_LISTED
    return ", ".join(run_ids[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
