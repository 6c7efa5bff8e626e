"""Scores of runs whose predictions were not published: see `docs/reproduction.md`, "Published records".

A published store has a folder `published` with two files per dataset: numbers by run (JSON) and arrays (npz). What they
hold is computed by `publish`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...config import JsonMapping, fingerprint, fold_of
from ...errors import StoreError, StudyError, typed_message
from ...metrics import METRICS
from ...store.run_store import RunStore, safe_filename
from ...tasks import Task
from ...training.run_record import RunRecord
from ..split_scores import Reference, SplitScore

FOLDER = "published"
TRIVIAL = "trivial"  # the row of the trivial baseline
FORMAT = 1
Arrays = Mapping[str, np.ndarray]  # see `array_name`; kept in memory once read

FoldKey = tuple[int, int, int]
OFFICIAL: FoldKey = (0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class PublishedReference(Reference):
    """What was published of a dataset's gold labels and of the runs on it: counts, and scores by unit.

    Units are numbered in a secret order. Of a correlation there is nothing by unit, but the covariances of runs.
    """

    task: Task
    data: str
    values: JsonMapping = field(repr=False)
    arrays: Arrays = field(repr=False)
    mention_list: Mapping[str, float] = field(default_factory=dict)
    fold_key: FoldKey = OFFICIAL

    def fold(self, n_folds: int, fold: int, repeat: int) -> PublishedReference:
        """The reference of a fold of resampled splits, from that of the official one.
        Raises StudyError: no run on it was published.
        """
        key = (n_folds, fold, repeat)
        if fold_name(key) not in self.values["folds"]:
            raise StudyError(f"{self.task.name}: no run on fold {fold + 1} of {n_folds} was published")
        return replace(self, fold_key=key, mention_list={})

    @property
    def _fold(self) -> JsonMapping:
        return self.values["folds"][fold_name(self.fold_key)]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self._fold["splits"])

    def n_examples(self, split: str) -> int:
        return self._fold["splits"][split]["examples"]

    def n_units(self, split: str) -> int:
        return self._fold["splits"][split]["units"]

    def unit_numbers(self, split: str) -> np.ndarray:
        return np.asarray(self._fold["numbers"])

    def resampling_unit(self, split: str) -> str:
        return self._fold["splits"][split]["unit"]

    def varies(self, split: str) -> bool:
        return self._fold["splits"][split]["varies"]

    def trivial_label(self) -> str:
        return self.values["trivial_label"]

    def with_metric(self, metric: str) -> PublishedReference:
        """The same runs scored by another metric, on test alone.
        Raises StudyError: scores by that metric were not published.
        """
        if array_name(metric, self.fold_key) not in self.arrays:
            raise StudyError(f"{self.task.name}: scores by {metric} were not published; make the table with the data")
        return replace(self, task=replace(self.task, metric=metric))

    def trivial(self, split: str) -> SplitScore:
        return self._score(TRIVIAL, split, known=self._fold["splits"][split]["trivial"], is_defined=False)

    def scored(self, record: RunRecord, split: str) -> SplitScore:
        """The score of a run on a split of its own (see `of_run`); on dev, the score alone."""
        run = self._run(record)
        reference = self if fold_of(record.config) == self.fold_key else self.fold(*fold_of(record.config))
        return reference._score(record.id, split, known=run["scores"][split], is_defined=run["defined"])

    def seeds(self, records: Sequence[RunRecord]) -> tuple[JsonMapping, JsonMapping] | None:
        """Agreement and ensembles of the runs of a cell (see `seeds.cells`); None if they were not published."""
        return self.values["seeds"].get(cell_key(records))

    def system(self, name: str) -> SplitScore | None:
        """The score on test of a system without runs; None if none of that name was published."""
        rows = self._fold["rows"]
        return self._score(name, "test", known=0.0, is_defined=True) if name in rows else None

    def published_status(self, record: RunRecord) -> tuple[str, str]:
        run = self._run(record)
        return run["status"], run["reason"]

    def _run(self, record: RunRecord) -> JsonMapping:
        run = self.values["runs"].get(record.id)
        if run is None:
            raise StudyError(f"run {record.id}: its scores were not published; publish the store again")
        return run

    def _score(self, row: str, split: str, *, known: float, is_defined: bool) -> SplitScore:
        metric, resampling = self.task.metric, self.resampling(split)
        if split != "test":
            return SplitScore(metric=metric, score=known, resampling=resampling, is_defined=is_defined)
        index = self._fold["rows"].index(row)
        if metric == "pearson":
            names = {is_z: array_name(metric, self.fold_key, is_z=is_z) for is_z in (False, True)}
            errors = {is_z: self.arrays[name][index] for is_z, name in names.items() if name in self.arrays}
            return SplitScore(metric=metric, score=known, resampling=resampling, is_defined=is_defined, errors=errors)
        sums = self.arrays[array_name(metric, self.fold_key)][index].astype(np.float64)
        score = float(METRICS[metric].from_sums(sums.sum(axis=0)))
        return SplitScore(metric=metric, score=score, resampling=resampling, sums=sums)


def cell_key(records: Sequence[RunRecord]) -> str:
    return fingerprint(sorted(record.id for record in records))


def fold_name(key: FoldKey) -> str:
    """The name of a fold: `5.0.1`; of the official split `0.0.0`."""
    return ".".join(map(str, key))


def array_name(metric: str, key: FoldKey, *, is_z: bool = False) -> str:
    """The name of a metric's array on the test split of a fold: (rows, units, terms), of a correlation (rows, k)."""
    return f"{metric} {fold_name(key)}{' z' if is_z else ''}"


def published_file(task: str, data: str, suffix: str) -> str:
    """A file of a dataset (`json`, `npz`), relative to the store."""
    return f"{FOLDER}/{safe_filename(task)}.{data}.{suffix}"


def has_published(store: RunStore) -> bool:
    return (store.folder / FOLDER).is_dir()


def read_published(store: RunStore, task: Task, data: str, *, mention_list: Mapping[str, float]) -> PublishedReference:
    """What was published of a dataset. Raises StoreError: nothing was, or its files are corrupt."""
    files = [store.folder / published_file(task.name, data, suffix) for suffix in ("json", "npz")]
    if not all(file.is_file() for file in files):
        raise StoreError(f"{files[0]}: no runs on {task.name} were published")
    values, arrays = _read(*files, state=files[0].stat().st_mtime_ns)
    return PublishedReference(task=task, data=data, values=values, arrays=arrays, mention_list=mention_list)


@functools.lru_cache(maxsize=32)
def _read(numbers: Path, arrays: Path, *, state: int) -> tuple[JsonMapping, Arrays]:
    try:
        values = json.loads(numbers.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}, not {FORMAT}")
        with np.load(arrays, allow_pickle=False) as stored:
            return values, {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{numbers}: cannot be read ({typed_message(error)}); unpack the archive again") from None
