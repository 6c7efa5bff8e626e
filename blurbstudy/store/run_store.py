"""The run store: one immutable JSON file per run; the first writer of an id wins.

The store also holds gold labels with unit ids (never text) and metadata of encoders, data and notebooks, so that every
table can be rebuilt from the store alone.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import TRAINER_REVISION, JsonMapping, JsonObject, canonical_json, fingerprint, run_config_from_dict
from ..errors import ParameterError, StoreError, StudyError, typed_message
from ..filesystem import atomic_write, disk_errors, remove_unfinished, write_once
from ..paths import STORES
from ..training.run_record import RunRecord, run_record_from_dict

DISK_HINT = "name another folder (--store), then run again. Finished runs are safe"
PLAN = "plan.json"  # in a store: the wanted runs, for `blurbstudy work`
MAX_CANDIDATES = 5  # run ids that an error lists
_RECORD_FILE = re.compile(r"[0-9a-f]{20}\.json")


@dataclass(frozen=True, kw_only=True)
class Gold:
    """The gold labels of a split, in file order, without text."""

    ids: tuple[str, ...]  # example ids
    units: tuple[str, ...]  # what the bootstrap resamples: document or question id
    gold: tuple[str | float, ...]  # labels, or values of a regression


class RunStore:
    """Runs, gold labels and metadata in one folder. Opening it reads and writes nothing."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def check_writable(self) -> None:
        """Make the folder, write a trial file, and remove what killed processes left over an hour ago.
        Raises DiskError: the folder cannot be made or written.
        """
        with disk_errors(self.folder, DISK_HINT):
            atomic_write(self.folder / "runs" / "writable", "")
            (self.folder / "runs" / "writable").unlink(missing_ok=True)
            for folder in self.folder.glob("*/"):
                remove_unfinished(folder)
            for folder in self.folder.glob("*/*/"):
                remove_unfinished(folder)

    # Runs

    def put(self, record: RunRecord) -> bool:
        """Store a record unless one of that id exists.

        Returns:
            Whether it was written.

        Raises:
            DiskError: the disk refused; nothing incomplete remains.
        """
        values = _json_safe(record.to_dict()) | {"trainer_revision": TRAINER_REVISION}
        with disk_errors(self.folder, DISK_HINT):
            return write_once(self._record_path(record.id), canonical_json(values))

    def get(self, run_id: str) -> RunRecord | None:
        """The record of a run, or None if there is none of this trainer revision.
        Raises StoreError: the record is corrupt.
        """
        path = self._record_path(run_id)
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path}: the record cannot be read ({error}); {_RECORD_HINT}") from None
        return parse_record(text, path=path)

    def __contains__(self, run_id: str) -> bool:
        return self._record_path(run_id).is_file()

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids())

    def __len__(self) -> int:
        return len(self.ids())

    def ids(self) -> list[str]:
        """Ids of all runs in the store, sorted; those of other trainer revisions included."""
        return sorted(self.record_files())

    def find_id(self, prefix: str) -> str:
        """The run id that starts with a prefix. Raises ParameterError: none does, or several do."""
        ids = self.ids()
        if not ids:
            raise ParameterError(f"{self.folder}: contains no runs; name the run store (--store)")
        matches = [run_id for run_id in ids if run_id.startswith(prefix)]
        if not matches:
            raise ParameterError(f"{self.folder}: no run id starts with {prefix!r}")
        if len(matches) > 1:
            listed = ", ".join(matches[:MAX_CANDIDATES])
            more = f" and {len(matches) - MAX_CANDIDATES} more" if len(matches) > MAX_CANDIDATES else ""
            raise ParameterError(f"{self.folder}: {len(matches)} run ids start with {prefix!r}: {listed}{more}")
        return matches[0]

    def record_files(self) -> dict[str, str]:
        """Run id -> path of its record, of all trainer revisions."""
        files: dict[str, str] = {}
        for folder in self.folder.glob("runs/??/"):
            for name in os.listdir(folder):
                if _RECORD_FILE.fullmatch(name):
                    files[name.removesuffix(".json")] = f"{folder}{os.sep}{name}"
        return files

    def records(self) -> list[RunRecord]:
        """Every record of this trainer revision, sorted by id; slow in large stores (see `index`)."""
        records = (self.get(run_id) for run_id in self.ids())
        return [record for record in records if record is not None]

    def _record_path(self, run_id: str) -> Path:
        return self.folder / "runs" / run_id[:2] / f"{run_id}.json"

    # Gold labels

    def put_gold(
        self, task: str, data: str, split: str, *, ids: Sequence[str], units: Sequence[str], gold: Sequence[str | float]
    ) -> None:
        """Store a split's gold labels (or values) with example and unit ids, under the data's fingerprint."""
        if not len(ids) == len(units) == len(gold):
            raise StoreError(f"{task} {split}: {len(ids)} ids, {len(units)} units, {len(gold)} labels; give one each")
        values = {"ids": [str(i) for i in ids], "units": [str(u) for u in units], "gold": [_plain(g) for g in gold]}
        with disk_errors(self.folder, DISK_HINT):
            write_once(self._gold_path(task, data, split), canonical_json(values))

    def gold(self, task: str, data: str, split: str) -> Gold:
        """A split's gold labels. Raises StoreError: they are not in the store, or their file is corrupt."""
        path = self._gold_path(task, data, split)
        values = _read_json(path)
        if values is None:
            remedy = "execute a notebook on this task with its data once to store them"
            raise StoreError(f"{path}: the gold labels of {task} ({split}) are not in the store; {remedy}")
        try:
            return Gold(**{name: tuple(values[name]) for name in ("ids", "units", "gold")})
        except (KeyError, TypeError) as error:
            raise _corrupt(path, error) from None

    def has_gold(self, task: str, data: str, split: str) -> bool:
        return self._gold_path(task, data, split).is_file()

    def _gold_path(self, task: str, data: str, split: str) -> Path:
        return self.folder / gold_file(task, data, split)

    # Metadata

    def put_metadata(self, kind: str, name: str, values: JsonMapping) -> None:
        """Store JSON values about an encoder, a dataset or a notebook, replacing older ones."""
        text = canonical_json({"name": name, "values": _json_safe(values)})
        path = self._metadata_path(kind, name)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            with disk_errors(self.folder, DISK_HINT):
                atomic_write(path, text)

    def metadata(self, kind: str, name: str) -> JsonObject | None:
        """The values of a kind and a name, or None."""
        named = _read_metadata(self._metadata_path(kind, name))
        return None if named is None else named[1]

    def all_metadata(self, kind: str) -> dict[str, JsonObject]:
        """The values of a kind by name, sorted."""
        named = [_read_metadata(path) for path in self.folder.glob(f"facts/{safe_filename(kind)}/*.json")]
        return dict(sorted((pair for pair in named if pair is not None), key=lambda pair: pair[0]))

    def _metadata_path(self, kind: str, name: str) -> Path:
        return self.folder / metadata_file(kind, name)


def gold_file(task: str, data: str, split: str) -> str:
    return f"gold/{safe_filename(task)}.{data}.{split}.json"


def metadata_file(kind: str, name: str) -> str:
    # Names are free text (paths, Hub ids): a readable part, and a digest that keeps them apart.
    digest = fingerprint(name)[:8]
    return f"facts/{safe_filename(kind)}/{safe_filename(name)[:60]}.{digest}.json"


_RECORD_HINT = "delete it and run again (only this run is repeated)"


def parse_record(text: str, *, path: Path) -> RunRecord | None:
    """A record from the text of its file, whose name is its id; None for a run of another version of this package.
    Raises StoreError: it is no complete record of that run.
    """
    try:
        values = json.loads(text)
        if values["id"] != path.stem:
            raise ValueError(f"its id {values['id']} does not fit its name")
        if values.pop("trainer_revision") != TRAINER_REVISION:
            return None
        try:
            config = run_config_from_dict(values["config"])
        except StudyError:  # a recipe field or value of another version
            return None
        if config.id != path.stem:
            raise ValueError(f"its id {values['id']} does not fit its configuration")
        return run_record_from_dict(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path}: corrupt run record ({typed_message(error)}); {_RECORD_HINT}") from None


def _read_json(path: Path) -> JsonObject | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("expected a JSON object")
        return values
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _corrupt(path, error) from None


def _read_metadata(path: Path) -> tuple[str, JsonObject] | None:
    """Name and values; None if there is no such file."""
    content = _read_json(path)
    if content is None:
        return None
    name, values = content.get("name"), content.get("values")
    if not isinstance(name, str) or not isinstance(values, dict):
        raise _corrupt(path, ValueError("expected a name and values"))
    return name, values


def _corrupt(path: Path, error: Exception) -> StoreError:
    remedy = "delete it and run again; finished runs are safe"
    return StoreError(f"{path}: cannot be read ({typed_message(error)}); {remedy}")


def _json_safe(values: Any) -> Any:
    """Values for JSON: NaN and infinities become None, tuples lists, numbers of numpy Python's."""
    if isinstance(values, Mapping):
        return {str(key): _json_safe(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_json_safe(value) for value in values]
    value = _plain(values)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """A Python scalar for a scalar of numpy or torch."""
    return value.item() if hasattr(value, "item") else value


def find_store(prefix: str) -> RunStore:
    """The run store in the folder runs/ that has the run whose id starts with a prefix.
    Raises ParameterError: none has, or several have different ones.
    """
    stores = [RunStore(folder.parent) for folder in sorted(STORES.glob("*/runs/"))]
    if not stores:
        raise ParameterError(f"{STORES}/: has no run store; name the one that contains the run (--store DIR)")
    matches = {
        store.folder: ids for store in stores if (ids := {name for name in store.ids() if name.startswith(prefix)})
    }
    if not matches:
        looked_in = ", ".join(str(store.folder) for store in stores)
        raise ParameterError(f"{looked_in}: no run id starts with {prefix!r}; name another run store (--store DIR)")
    if len(set.union(*matches.values())) > 1 and len(matches) > 1:
        raise ParameterError(
            f"{', '.join(map(str, matches))}: several runs have ids that start with {prefix!r}; name a store (--store)"
        )
    return RunStore(next(iter(matches)))


def safe_filename(name: str) -> str:
    """The name with letters, digits, dots and hyphens only, so that it cannot lead out of a folder."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.") or "unnamed"
