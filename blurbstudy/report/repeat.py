"""Train recorded runs again, such as those of one cell of a table, and compare the scores."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sweep import run_missing
from ..errors import CheckpointError, DataError, ParameterError, StoreError, did_you_mean
from ..models import checkpoint_fingerprint
from ..paths import ENCODERS
from ..sections import get_section
from ..store.run_store import RunStore
from ..study.study import NOTEBOOK_METADATA, stored_study
from ..tables.formatting import format_number, format_signed
from ..tasks import ALL_TASKS
from ..training.run_record import RunRecord

TOLERATED_SDS = 0.1  # standard deviations over seeds by which means may differ on another type of processor


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """Recorded runs and the same runs trained again, in the same order; scores are fractions."""

    recorded: Sequence[RunRecord]
    repeated: Sequence[RunRecord]
    split: str  # whose scores are compared

    @property
    def scores(self) -> list[tuple[float | None, float | None]]:
        pairs = zip(self.recorded, self.repeated, strict=True)
        return [(old.scores[self.split], new.scores[self.split]) for old, new in pairs]

    @property
    def is_equal(self) -> bool:
        """Whether all scores are the same to the two decimals that tables show."""
        return all(format_number(_percent(old)) == format_number(_percent(new)) for old, new in self.scores)

    @property
    def difference_in_sds(self) -> float | None:
        """The difference of the means in standard deviations over the recorded runs; None where it has none."""
        pairs = [(old, new) for old, new in self.scores if old is not None and new is not None]
        if len(pairs) < 2 or not (spread := stdev(old for old, _ in pairs)):
            return None
        return abs(fmean(old - new for old, new in pairs)) / spread

    def text(self) -> str:
        lines = [f"{'run':20}  {'seed':>6}  {'recorded':>8}  {'again':>8}  difference"]
        for record, (old, new) in zip(self.recorded, self.scores, strict=True):
            change = None if old is None or new is None else _percent(new - old)
            numbers = f"{format_number(_percent(old)):>8}  {format_number(_percent(new)):>8}  {format_signed(change)}"
            lines.append(f"{record.id:20}  {record.config.seed:>6}  {numbers}")
        sds = self.difference_in_sds
        if self.is_equal:
            verdict = "equal to the printed digits"
        elif sds is None:
            verdict = "not equal to the printed digits"
        else:
            within = "within" if sds <= TOLERATED_SDS else "MORE THAN"
            verdict = f"means differ by {sds:.2g} standard deviations over runs, {within} {TOLERATED_SDS:g}"
        return "\n".join([*lines, f"{self.split} scores times 100: {verdict}"])


def cell_ids(store: RunStore, notebook: str, cell: str) -> list[str]:
    """The runs of a cell, as tables name it: `BERT, SS, Layer freeze`.

    Raises:
        StoreError: the notebook was never executed with this store.
        ParameterError: there is no such cell.
    """
    values = store.metadata(NOTEBOOK_METADATA, notebook)
    if values is None:
        raise StoreError(f"{store.folder}: {notebook} was never executed with this run store; check --notebook")
    study = stored_study(get_section(notebook), values, store=store.folder)
    cells = {key.name: runs for grid in study.section.grids(study).values() for key, runs in grid.cells.items()}
    if cell not in cells:
        advice = did_you_mean(cell, cells, otherwise=f"it has: {'; '.join(sorted(cells))}")
        raise ParameterError(f"{notebook} has no cell {cell!r}; {advice}")
    return [config.id for config in cells[cell] if config.id in store]


def repeat_runs(
    run_ids: Sequence[str],
    store: RunStore,
    *,
    data: str,
    encoders: Sequence[Path] = (),
    device: str = "auto",
    workers: int = 0,
) -> Repetition:
    """Train recorded runs again, from the encoders that they started from, and compare their scores.

    Args:
        data: the folder of the BLURB datasets, or mini.
        encoders: folders that may hold these encoders, beside those that the repository ships.

    Raises:
        ParameterError: no runs, or one of a task that is not in the package.
        CheckpointError: none of the folders holds an encoder.
        DataError: the data are not those of the runs.
        StudyError: training failed.
    """
    recorded = [record for run_id in run_ids if (record := store.get(run_id)) is not None]
    if not recorded:
        raise ParameterError(f"{store.folder}: none of the runs is in this store; name runs that are")
    names = {task.name for task in ALL_TASKS}
    if own := next((record for record in recorded if record.config.task not in names), None):
        raise ParameterError(
            f"run {own.id} is of a task of your own, {own.config.task}; blurbstudy export {own.id} --store "
            f"{store.folder} --to DIR --train trains it again and compares its predictions"
        )
    folders = _find_encoders({record.config.encoder_fingerprint for record in recorded}, encoders)
    configs = [replace(record.config, encoder_name=record.config.encoder_fingerprint) for record in recorded]
    tasks = list(dict.fromkeys(config.task for config in configs))
    with tempfile.TemporaryDirectory(prefix="blurbstudy-repeat-") as folder:
        repeat_store = RunStore(folder)
        names = {fingerprint: str(path) for fingerprint, path in folders.items()}
        sources = resolve_sources(repeat_store, tasks=tasks, encoders=names, data=data)
        for config in configs:
            if sources.fingerprints[config.task] != config.data_fingerprint:
                raise DataError(
                    f"{config.task}: the files in {data} have the fingerprint {sources.fingerprints[config.task]}, "
                    f"those of run {config.id} had {config.data_fingerprint}; use the same files"
                )
        engine = LocalEngine(device=device, workers=workers)
        result = run_missing(configs, repeat_store, sources=sources, engine=engine, label="repetition")
        repeated = [result[config.id] for config in configs]
    has_test = any(record.scores.get("test") is not None for record in recorded)
    return Repetition(recorded=recorded, repeated=repeated, split="test" if has_test else "dev")


def _find_encoders(fingerprints: set[str], folders: Sequence[Path]) -> dict[str, Path]:
    """Fingerprint -> folder."""
    candidates = [*folders, *(path.parent for path in sorted(ENCODERS.glob("*/config.json")))]
    by_fingerprint: dict[str, Path] = {}
    for folder in candidates:
        if not fingerprints <= by_fingerprint.keys():
            by_fingerprint.setdefault(checkpoint_fingerprint(folder), folder)
    missing = sorted(fingerprints - by_fingerprint.keys())
    if missing:
        raise CheckpointError(
            f"encoder {missing[0]}: not among {', '.join(map(str, folders)) or 'the encoders of the repository'}; name "
            "its folder (--encoder DIR)"
        )
    return {fingerprint: by_fingerprint[fingerprint] for fingerprint in fingerprints}


def _percent(score: float | None) -> float | None:
    return None if score is None else 100 * score
