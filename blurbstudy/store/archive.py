"""A run store in one file, and back: a zip of the files that a store has, with nothing in it that depends on the day.

Every member is checked before any is placed, the runs by the store's own reader. Nothing is extracted by its name, no
file that is there is changed, and where anything is refused nothing is imported.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import canonical_json
from ..errors import DiskError, ParameterError, StoreError
from ..filesystem import atomic_open, atomic_write, disk_errors, write_once
from ..tasks import Task
from ..training.run_record import run_difference
from .archive_format import (
    FORMAT,
    KINDS,
    MANIFEST,
    check_content,
    checked_members,
    kind_of,
    member_data,
    plain_member,
    refused,
)
from .custom_tasks import task_file, task_of, task_of_fact
from .rescore import Rescoring
from .run_store import DISK_HINT, Gold, RunStore, gold_file

COMPRESSION = 3  # zlib's: tags of sentences take a quarter of the time of 6, for a fifth more bytes
_TORN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)

_MEND = "export the store again. Nothing was imported"

OnProgress = Callable[[str, int, int], None]  # what is done, files done, of all


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an archive holds."""

    runs: int
    gold: int
    facts: int
    other_revision: int  # of the runs: by another version of this package, carried along


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What became of the members of an archive."""

    new: Mapping[str, int]  # runs, gold, facts -> how many
    same: Mapping[str, int]  # likewise: in the store already, and kept as they are there
    other_revision: int  # of the new runs: by another version of this package, kept but in no table
    unscored: int  # of the new runs: neither archive nor store has the gold labels to score them by
    facts_kept: int  # differ, and the store's own stay
    facts_replaced: int  # differed, and are the archive's now


def export_store(store: RunStore, file: Path, *, on_progress: OnProgress = lambda *_: None) -> Exported:
    """Pack all runs, gold labels and facts of a store into a new file; the same store gives the same bytes.

    Raises:
        ParameterError: the file is there already.
        StoreError: the store is empty, or one of its files is torn; or the archive cannot be written, and is not there.
    """
    names = _names(store.folder)
    if not names:
        raise StoreError(f"{store.folder}: no run store with anything in it; name its folder (--store DIR)")
    if file.exists():
        raise ParameterError(f"{file}: is there already; name a new file")
    counts, other_revision = _counted(names), 0
    hint = "name another file. The store is untouched"
    with disk_errors(file, hint), atomic_open(file) as stream, zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(plain_member(MANIFEST), canonical_json({"format": FORMAT} | counts), compresslevel=COMPRESSION)
        for done, name in enumerate(names, 1):
            data = _read(store.folder / name)
            mend = "delete this file, then export again"
            other_revision += check_content(name, data, within=store.folder, mend=mend) is None
            archive.writestr(plain_member(name), data, compresslevel=COMPRESSION)
            on_progress("exporting", done, len(names))
    return Exported(**counts, other_revision=other_revision)


def import_store(
    file: Path, store: RunStore, *, replace_facts: bool = False, on_progress: OnProgress = lambda *_: None
) -> Imported:
    """Merge an archive into a store: all members are checked, then those that the store lacks are placed.

    A run that is there with the same content stays as it is; so does a fact, whether it differs or not. New runs are
    scored anew where the archive or the store has their gold labels.

    Args:
        replace_facts: take the archive's facts where they differ.

    Raises:
        StoreError: it is no whole archive of a store, or a member is none of a store's; a run or gold labels are there
            with other content; a score is not what the predictions score; or the disk refused. The store holds what
            it held.
    """
    merge = _Merge(file, store, replace_facts=replace_facts)
    try:
        with zipfile.ZipFile(file) as archive:
            members = checked_members(archive, file=file)
            merge.rescoring = Rescoring(
                functools.partial(_gold, archive, store), functools.partial(_task, archive, store)
            )
            for done, member in enumerate(members, 1):
                merge.weigh(member.filename, member_data(archive, member, file=file))
                on_progress("checking", done, len(members))
            merge.refuse()
            merge.place(archive, on_progress)
    except (StoreError, DiskError):
        raise
    except FileNotFoundError:
        raise refused(file, "no such file", "name one that blurbstudy store export wrote") from None
    except _TORN as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise refused(file, f"is no whole archive of a run store ({said})", "export the store again") from None
    return merge.told()


class _Merge:
    """What is to become of each member, decided one by one; then done."""

    def __init__(self, file: Path, store: RunStore, *, replace_facts: bool) -> None:
        self.file, self.store, self.replace_facts = file, store, replace_facts
        self.new: dict[str, str] = {}  # name -> digest of its content
        self.replaced: dict[str, str] = {}  # facts, likewise
        self.same: list[str] = []
        self.rescoring = Rescoring(lambda *_: None)
        self.facts_kept = self.other_revision = self.unscored = 0
        self.differing: list[str] = []  # name: in what
        self.wrong: list[str] = []  # runs, likewise: in which score

    def weigh(self, name: str, data: bytes) -> None:
        """Check one member and compare it with the store's own file.

        Raises:
            StoreError: it is not what its name says, or the store's own file is torn.
        """
        values = check_content(name, data, within=self.file, mend=_MEND)
        path = self.store.folder / name
        if not path.is_file():
            self.new[name] = _digest(data)
            self.other_revision += values is None
            if values and kind_of(name) == "runs":
                self._rescore(values)
            return
        difference = self._difference(name, _read(path), data)
        if not difference:
            self.same.append(name)
        elif kind_of(name) != "facts":
            self.differing.append(f"{name}: {difference}")
        elif self.replace_facts:
            self.replaced[name] = _digest(data)
        else:
            self.facts_kept += 1

    def _rescore(self, run: Mapping[str, Any]) -> None:
        problem = self.rescoring.problem(run)
        self.unscored += problem is None
        if problem:
            self.wrong.append(f"run {run['id']} ({run['config']['task']}): {problem}")

    def _difference(self, name: str, own: bytes, other: bytes) -> str:
        if own == other:
            return ""
        check_content(name, own, within=self.store.folder, mend="delete this file, then import again")
        if kind_of(name) == "runs":
            return run_difference(json.loads(own), json.loads(other))
        return "" if json.loads(own) == json.loads(other) else "other content"

    def refuse(self) -> None:
        """Raises:
        StoreError: a run or gold labels are in the store with other content, or a score is not of its predictions.
        """
        if self.differing:
            raise StoreError(
                f"{self.file}: refused: {len(self.differing)} of its files differ from those of {self.store.folder} "
                f"under the same name; the first is {self.differing[0]}. Nothing was imported, though "
                f"{_counted(self.new)['runs']} runs are new and {_counted(self.same)['runs']} are there already; "
                f"import it into a store of its own (--store DIR), or delete from {self.store.folder} what is wrong"
            )
        if self.wrong:
            remedy = "delete it where it was made, run again there and export anew"
            raise refused(self.file, f"scores of {len(self.wrong)} runs are wrong; the first: {self.wrong[0]}", remedy)

    def place(self, archive: zipfile.ZipFile, on_progress: OnProgress) -> None:
        """Write what the store lacks; where that cannot be ended, what was written is taken away again.

        Raises:
            StoreError: the disk refused.
        """
        wanted = self.new | self.replaced  # what is replaced last, when all else went well
        if wanted:
            self.store.check_writable()
        before: dict[Path, bytes | None] = {}  # of what was written
        try:
            for done, (name, digest) in enumerate(wanted.items(), 1):
                data, path = archive.read(name), self.store.folder / name
                if _digest(data) != digest:
                    raise refused(self.file, "was changed while it was read", "import it again")
                with disk_errors(self.store.folder, DISK_HINT):
                    if name in self.replaced:
                        before[path] = _read(path)
                        atomic_write(path, data)
                    elif write_once(path, data):
                        before[path] = None
                on_progress("importing", done, len(wanted))
        except BaseException:
            self._restore(before)
            raise

    def _restore(self, before: Mapping[Path, bytes | None]) -> None:
        for path, data in before.items():
            with contextlib.suppress(OSError):
                if data is None:
                    path.unlink()
                else:
                    atomic_write(path, data)

    def told(self) -> Imported:
        """What was done."""
        return Imported(
            new=_counted(self.new),
            same=_counted(self.same),
            other_revision=self.other_revision,
            unscored=self.unscored,
            facts_kept=self.facts_kept,
            facts_replaced=len(self.replaced),
        )


def _gold(archive: zipfile.ZipFile, store: RunStore, task: str, data: str, split: str) -> Gold | None:
    """Gold labels of the store or, where it has none, of the archive."""
    name = gold_file(task, data, split)
    if not kind_of(name):  # a fingerprint that is none, and might lead out of the store
        return None
    if store.has_gold(task, data, split):
        return store.gold(task, data, split)
    values = _archived(archive, name)
    return None if values is None else Gold(**{column: tuple(values[column]) for column in ("ids", "units", "gold")})


def _task(archive: zipfile.ZipFile, store: RunStore, name: str, data: str) -> Task:
    """The task of runs, by the store or, where it knows none, by the archive."""
    try:
        return task_of(store, name, data)
    except ParameterError:
        fact = _archived(archive, task_file(name, data))
        if fact is None:
            raise
        return task_of_fact(name, fact["values"], within=Path(archive.filename))


def _archived(archive: zipfile.ZipFile, name: str) -> dict[str, Any] | None:
    """What a file of the archive holds, checked; None where it is not there."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        return None
    file = Path(archive.filename)
    return check_content(name, member_data(archive, member, file=file), within=file, mend=_MEND)


def _names(folder: Path) -> list[str]:
    """The files of a store, sorted."""
    files = (path.relative_to(folder).as_posix() for kind in KINDS for path in folder.glob(f"{kind}/**/*.json"))
    return sorted(filter(kind_of, files))


def _counted(names: Iterable[str]) -> dict[str, int]:
    counts = Counter(map(kind_of, names))
    return {kind: counts[kind] for kind in KINDS}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); make it readable, then again") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
