"""A run store in one zip file, and the import of such a file into another store.

The zip holds the files of the store under their names. An import adds the files that the store lacks. It is rejected if
a file differs from the store's file of the same name, or a score from that of its predictions.
"""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..config import JsonMapping, JsonObject
from ..errors import ParameterError, StoreError, typed_message
from ..filesystem import atomic_open, atomic_write, disk_errors, write_once
from ..tasks import Task
from ..training.run_record import RunRecord, run_difference
from .custom_tasks import stored_task
from .rescore import Rescoring
from .run_store import DISK_HINT, Gold, RunStore, metadata_file

KINDS = ("runs", "gold", "facts")  # folders of a store
COMPRESSION = 3  # zlib level: label sequences take a quarter of the time of level 6, for a fifth more bytes
_NAMES = {
    "runs": re.compile(r"runs/([0-9a-f]{2})/\1[0-9a-f]{18}\.json"),
    "gold": re.compile(r"gold/[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9]+\.(train|dev|test)\.json"),
    "facts": re.compile(r"facts/[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9][A-Za-z0-9.-]*\.[0-9a-f]{8}\.json"),
}
_CORRUPT_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, struct.error)

OnProgress = Callable[[str, int, int], None]  # action, files done, files in all


@dataclass(frozen=True, kw_only=True)
class ExportSummary:
    """Number of files in an archive."""

    runs: int
    gold: int
    facts: int
    other_revision: int  # runs of another version of this package, included


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """Number of files of an archive by what became of them."""

    new: Mapping[str, int]  # runs, gold, facts -> files added
    same: Mapping[str, int]  # runs, gold, facts -> files that the store had
    other_revision: int  # new runs of another version of this package: stored, but in no table
    unscored: int  # new runs whose gold labels neither store has
    metadata_kept: int  # metadata that differ; the store's own stay
    metadata_replaced: int  # metadata that differed and are the archive's now


def export_store(store: RunStore, file: Path, *, on_progress: OnProgress = lambda *_: None) -> ExportSummary:
    """Write all runs, gold labels and metadata of a store into a new zip file.

    Raises:
        ParameterError: the file exists.
        StoreError: the store is empty, or one of its records is corrupt.
        DiskError: the file cannot be written.
    """
    names = _file_names(store.folder)
    if not names:
        raise StoreError(f"{store.folder}: expected a run store with runs; name its folder (--store DIR)")
    if file.exists():
        raise ParameterError(f"{file}: exists already; name a new file")
    other_revision = 0
    with (
        disk_errors(file, "name another file"),
        atomic_open(file) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION, strict_timestamps=False) as out,
    ):
        for done, name in enumerate(names, 1):
            other_revision += kind_of(name) == "runs" and store.get(PurePosixPath(name).stem) is None
            out.write(store.folder / name, name)
            on_progress("exporting", done, len(names))
    return ExportSummary(**_count(names), other_revision=other_revision)


def import_store(
    file: Path, store: RunStore, *, replace_metadata: bool = False, on_progress: OnProgress = lambda *_: None
) -> ImportSummary:
    """Add the files of an archive that a store lacks, after all of them were checked.

    Existing runs and gold labels are never changed. An interrupted import can be repeated.

    Args:
        replace_metadata: take the archive's metadata where they differ.

    Raises:
        StoreError: the file is no archive of a store; a run or gold labels differ from the store's; a score is not what
            the predictions score. Nothing is imported.
        DiskError: the disk refused.
    """
    with tempfile.TemporaryDirectory(prefix="blurbstudy-import-") as folder:
        names = _extract(file, Path(folder))
        merge = _Merge(store, RunStore(folder), file=file, replace_metadata=replace_metadata)
        for done, name in enumerate(names, 1):
            merge.check_file(name)
            on_progress("checking", done, len(names))
        merge.raise_if_conflicts()
        merge.write(on_progress)
    return merge.summary()


def kind_of(name: str) -> str:
    """runs, gold or facts; '' if no store has a file of that name."""
    return next((kind for kind, pattern in _NAMES.items() if pattern.fullmatch(name)), "")


class _Merge:
    """Decides about each file of an archive, then writes those that the store lacks."""

    def __init__(self, store: RunStore, source: RunStore, *, file: Path, replace_metadata: bool) -> None:
        self.store, self.source, self.file, self.replace_metadata = store, source, file, replace_metadata
        self.new: list[str] = []
        self.same: list[str] = []
        self.replaced: list[str] = []
        self.other_revision = self.unscored = self.metadata_kept = 0
        self.conflicts: list[str] = []  # name: difference
        self.wrong: list[str] = []  # run: difference of its score
        self.rescoring = Rescoring(self._gold, self._task)

    def check_file(self, name: str) -> None:
        """Check one file and compare it with the store's.
        Raises StoreError: its content is malformed, or the store's own file is.
        """
        try:
            record = _check_content(name, self.source)
            if (self.store.folder / name).is_file():
                self._compare(name)
                return
            self.new.append(name)
            if kind_of(name) == "runs":
                self.other_revision += record is None
                self._rescore(record)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, StoreError) and str(self.source.folder) not in str(error):
                raise  # about the store's own file
            problem = f"{name} is malformed ({typed_message(error)})"
            raise import_error(self.file, problem, "export the store again") from None

    def _compare(self, name: str) -> None:
        mine, theirs = (store.folder / name for store in (self.store, self.source))
        if mine.read_bytes() == theirs.read_bytes():
            self.same.append(name)
            return
        _check_content(name, self.store)
        values, other_values = (json.loads(path.read_text(encoding="utf-8")) for path in (mine, theirs))
        if kind_of(name) == "runs":
            difference = run_difference(values, other_values)
        else:
            difference = "" if values == other_values else "different content"
        if not difference:
            self.same.append(name)
        elif kind_of(name) != "facts":
            self.conflicts.append(f"{name}: {difference}")
        elif self.replace_metadata:
            self.replaced.append(name)
        else:
            self.metadata_kept += 1

    def _rescore(self, record: JsonMapping | None) -> None:
        problem = self.rescoring.mismatch(record) if record else ""
        self.unscored += problem is None
        if record and problem:
            self.wrong.append(f"run {record['id']} ({record['config']['task']}): {problem}")

    def raise_if_conflicts(self) -> None:
        """Refuse the import.
        Raises StoreError: a run or gold labels are in the store with other content, or a score is wrong.
        """
        if self.conflicts:
            remedy = f"import into a store of its own (--store DIR), or delete what is wrong in {self.store.folder}"
            problem = f"{len(self.conflicts)} files conflict with {self.store.folder}; the first is {self.conflicts[0]}"
            raise import_error(self.file, problem, remedy)
        if self.wrong:
            remedy = "delete it where it was made, run again there and export again"
            raise import_error(self.file, f"{len(self.wrong)} runs have wrong scores; first: {self.wrong[0]}", remedy)

    def write(self, on_progress: OnProgress) -> None:
        """Write what the store lacks, runs last."""
        names = sorted(self.new) + self.replaced
        with disk_errors(self.store.folder, DISK_HINT):
            for done, name in enumerate(names, 1):
                write = atomic_write if name in self.replaced else write_once
                write(self.store.folder / name, (self.source.folder / name).read_bytes())
                on_progress("importing", done, len(names))

    def summary(self) -> ImportSummary:
        return ImportSummary(
            new=_count(self.new),
            same=_count(self.same),
            other_revision=self.other_revision,
            unscored=self.unscored,
            metadata_kept=self.metadata_kept,
            metadata_replaced=len(self.replaced),
        )

    def _gold(self, task: str, data: str, split: str) -> Gold | None:
        stores = (store for store in (self.store, self.source) if data.isalnum() and store.has_gold(task, data, split))
        store = next(stores, None)
        return None if store is None else store.gold(task, data, split)

    def _task(self, name: str, data: str) -> Task:
        try:
            return stored_task(self.store, name, data)
        except ParameterError:
            return stored_task(self.source, name, data)


def _extract(file: Path, folder: Path) -> list[str]:
    """Names of the files of an archive, extracted."""
    if not file.is_file():
        raise import_error(file, "no such file", "name one that blurbstudy store export wrote")
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            strange = next((name for name in names if not kind_of(name)), None)
            if strange is not None:
                raise import_error(file, f"contains {strange[:100]!r}, which no run store has", "name another file")
            if min(len(names), 0xFFFF) != _recorded_count(file, comment=archive.comment):
                raise zipfile.BadZipFile("its directory lacks entries")
            if not names or len(set(names)) < len(names):
                raise import_error(file, "contains no run store", "name a file that blurbstudy store export wrote")
            with disk_errors(folder, "name another folder for temporary files (TMPDIR)"):
                archive.extractall(folder)
    except StoreError:
        raise
    except _CORRUPT_ERRORS as error:
        problem = f"is not a complete archive ({typed_message(error)})"
        raise import_error(file, problem, "export the store again") from None
    return names


def _recorded_count(file: Path, *, comment: bytes) -> int:
    """The number of entries that a zip file's last record gives, at most 0xFFFF. zipfile does not compare it with the
    directory, where a wrong length of one entry hides those after it.
    """
    with file.open("rb") as stream:
        stream.seek(-12 - len(comment), os.SEEK_END)
        return int.from_bytes(stream.read(2), "little")


def import_error(file: Path, problem: str, remedy: str) -> StoreError:
    return StoreError(f"{file}: import rejected: {problem}; {remedy}. Nothing was imported")


def _check_content(name: str, store: RunStore) -> JsonObject | None:
    """The values of a file, checked; None for a run of another version of this package.
    Raises StoreError, ValueError, KeyError, TypeError: it is malformed.
    """
    if kind_of(name) == "runs":
        record = store.get(PurePosixPath(name).stem)
        if record is not None:
            _check_record(record)
        return None if record is None else record.to_dict()
    values = json.loads((store.folder / name).read_text(encoding="utf-8"))
    if kind_of(name) == "gold":
        if not len(values["ids"]) == len(values["units"]) == len(values["gold"]):
            raise ValueError("ids, units and gold differ in length")
    elif metadata_file(PurePosixPath(name).parts[1], values["name"]) != name or not isinstance(values["values"], dict):
        raise ValueError("its name or values do not fit the file's name")
    return values


def _check_record(record: RunRecord) -> None:
    numbers = [record.seconds, record.peak_bytes, record.stopped_at_step, record.final_loss, record.constant_loss]
    numbers += [record.threshold, record.planned_steps]
    columns = [*record.curve.values(), *record.predictions.values(), *record.last_predictions.values()]
    numbers += [*record.scores.values(), *(value for column in record.curve.values() for value in column)]
    numbers += [value for rows in record.probabilities.values() for row in rows for value in row]
    if record.status not in ("finished", "diverged") or not isinstance(record.environment, dict):
        raise ValueError(f"status {record.status!r}")
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise TypeError("expected numbers or null in scores, losses, curve, probabilities, seconds and bytes")
    values = [value for column in columns for value in (column if isinstance(column, list) else [column, {}])]
    if not all(isinstance(value, str | int | float | None) for value in values):
        raise TypeError("expected lists of labels or numbers as predictions")


def _file_names(folder: Path) -> list[str]:
    files = (path.relative_to(folder).as_posix() for kind in KINDS for path in folder.glob(f"{kind}/**/*.json"))
    return sorted(filter(kind_of, files))


def _count(names: Iterable[str]) -> dict[str, int]:
    counts = Counter(map(kind_of, names))
    return {kind: counts[kind] for kind in KINDS}
