"""The index of a run store: every run without its predictions, in a SQLite file of the local cache.

Records hold the predictions of whole test sets, so reading all of them takes minutes in a store of thousands of runs.
The index holds the rest of each record. The record files remain the truth: every use compares their names, sizes and
modification times with the index and reads those that are new or changed. A missing, damaged or foreign index is built
again; where none can be written, it lives in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ..config import TRAINER_REVISION, JsonObject, Recipe, RunConfig, canonical_json, fingerprint
from ..errors import StoreError
from ..paths import cache_folder
from ..training.run_record import RunRecord, run_record_from_dict
from .run_store import RunStore

INDEX_REVISION = 1  # raised by any change of the tables
FOLDER = "store-index"  # in the cache folder
BATCH = 500  # records read between two commits
TIMEOUT = 60.0  # seconds to wait for another process that writes the index
_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, size INTEGER, modified INTEGER, condition TEXT, record TEXT, error TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_condition ON runs (condition);
"""

# Codes of a file that holds something else, or damaged pages.
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

FileState = tuple[int, int]  # size in bytes, modification time in nanoseconds


class RunIndex:
    """The runs of a store as they are when the index is opened.
    `store`: the store; nothing is written to its folder.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        file = index_file(store)
        try:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._use(file)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):  # locked for too long, or the disk refused
                    raise
                for path in (file, file.with_name(f"{file.name}-journal")):
                    path.unlink(missing_ok=True)
                self._use(file)
        except (OSError, sqlite3.Error):
            self._use(":memory:")

    def _use(self, file: Path | str) -> None:
        """Open the database and bring it up to date. Raises sqlite3.Error: it is damaged, locked or not writable."""
        self._database = _open(file)
        try:
            self._refresh()
            # Pages of long texts have no check of their own.
            query = "SELECT count(*) FROM runs WHERE record IS NOT NULL AND NOT json_valid(record)"
            (texts,) = self._database.execute(query).fetchone()
            (damage,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
            if damage != "ok" or texts:
                raise sqlite3.DatabaseError(damage)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        self._database.close()

    def runs(self, *, condition: str = "") -> list[RunRecord]:
        """The runs of this trainer revision without predictions, sorted by id.
        `condition`: of this condition only (see `condition_key`).
        """
        return [run for _, run in self._rows(condition)]

    def conditions(self) -> dict[str, list[RunRecord]]:
        """The same runs by the key of their condition."""
        runs: dict[str, list[RunRecord]] = {}
        for key, run in self._rows():
            runs.setdefault(key, []).append(run)
        return runs

    def _rows(self, condition: str = "") -> Iterator[tuple[str, RunRecord]]:
        where = "AND condition = ?" if condition else ""
        query = f"SELECT condition, record FROM runs WHERE record IS NOT NULL {where} ORDER BY id"
        for key, record in self._database.execute(query, (condition,) if condition else ()):
            yield key, run_record_from_dict(json.loads(record))

    def errors(self) -> list[str]:
        rows = self._database.execute("SELECT error FROM runs WHERE error IS NOT NULL ORDER BY id")
        return [error for (error,) in rows]

    def count_other_versions(self) -> int:
        """The number of runs of other trainer revisions, which no table shows."""
        query = "SELECT count(*) FROM runs WHERE record IS NULL AND error IS NULL"
        return self._database.execute(query).fetchone()[0]

    def _refresh(self) -> None:
        # The index before the folder: every run indexed by now was stored by now, so one that the folder lacks is gone,
        # and not one that another process stored and indexed meanwhile.
        indexed: dict[str, FileState] = {
            run_id: (size, modified)
            for run_id, size, modified in self._database.execute("SELECT id, size, modified FROM runs")
        }
        files = _record_files(self._store)
        gone = [(run_id,) for run_id in indexed.keys() - files.keys()]
        if gone:
            with self._database:
                self._database.executemany("DELETE FROM runs WHERE id = ?", gone)
        changed = sorted(run_id for run_id, state in files.items() if indexed.get(run_id) != state)
        for start in range(0, len(changed), BATCH):
            rows = [(run_id, *files[run_id], *self._row(run_id)) for run_id in changed[start : start + BATCH]]
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _row(self, run_id: str) -> tuple[str | None, str | None, str | None]:
        """(condition, record without predictions, error); all None for a run of another trainer revision."""
        try:
            record = self._store.get(run_id)
        except StoreError as error:
            return None, None, str(error)
        if record is None:
            return None, None, None
        return condition_key(record.config), canonical_json(record.without_predictions().to_dict()), None


@contextlib.contextmanager
def open_index(store: RunStore) -> Iterator[RunIndex]:
    """The up-to-date index of a store, closed at the end of the block."""
    with contextlib.closing(RunIndex(store)) as index:
        yield index


def indexed_runs(store: RunStore) -> list[RunRecord]:
    """The runs of this trainer revision without predictions, sorted by id; unreadable records are left out."""
    with open_index(store) as index:
        return index.runs()


def runs_of_condition(store: RunStore, config: RunConfig) -> list[RunRecord]:
    """The runs that differ from a configuration in their seed alone, itself included, with their predictions."""
    with open_index(store) as index:
        runs = index.runs(condition=condition_key(config))
    return [record for run in runs if (record := store.get(run.id)) is not None]


def condition_key(config: RunConfig) -> str:
    """12 hexadecimal digits that are equal for runs that differ in their seed alone (or in fold and repeat)."""
    varying = ("seed", "encoder_name", "fold", "repeat")
    values = {key: value for key, value in config.to_dict().items() if key not in varying}
    return fingerprint(values)[:12]


def index_file(store: RunStore) -> Path:
    """Where the index of a store lies; each version of the code has its own."""
    return cache_folder().absolute() / FOLDER / f"{fingerprint(_identity(store))}.sqlite3"


def _identity(store: RunStore) -> JsonObject:
    forms = {
        form.__name__: {
            field.name: None if field.default is dataclasses.MISSING else repr(field.default)
            for field in dataclasses.fields(form)
        }
        for form in (Recipe, RunConfig, RunRecord)
    }
    revisions = {"index": INDEX_REVISION, "trainer": TRAINER_REVISION}
    return {"store": str(store.folder.resolve()), "revisions": revisions, "forms": forms}


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether a file is none of a database, or damaged; text that cannot be decoded and `quick_check` have no code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) in _DAMAGED


def _open(file: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=TIMEOUT)
    try:
        database.execute("PRAGMA synchronous = OFF")  # a cache: what a crash of the machine damages is built again
        database.executescript(_TABLES)
        database.execute("SELECT id, size, modified, condition, record, error FROM runs LIMIT 1").fetchall()
        return database
    except BaseException:
        database.close()
        raise


def _record_files(store: RunStore) -> dict[str, FileState]:
    """Run id -> state of its file."""
    states: dict[str, FileState] = {}
    for run_id, path in store.record_files().items():
        with contextlib.suppress(FileNotFoundError):
            state = os.stat(path)
            states[run_id] = (state.st_size, state.st_mtime_ns)
    return states
