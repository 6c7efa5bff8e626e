"""Datasets from public places into a data folder: what is missing is fetched or rebuilt, and verified by sha256."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...filesystem import atomic_write, disk_errors, file_lock
from .. import dataset_folder
from ..task import Task
from .http import PAUSE, PUBLIC, OnBytes, Unreachable, bytes_waiting, check_base, fetch
from .manifest import DataFile, DatasetSource, by_hand, is_verified, public_sources
from .rebuild import REBUILDS


@dataclass(frozen=True, kw_only=True)
class Need:
    """One file that a data folder lacks."""

    task: Task
    file: DataFile
    target: Path


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a download has to do."""

    folder: Path  # the data folder
    sources: Mapping[str, DatasetSource]  # by task name
    fetches: tuple[Need, ...]
    rebuilds: tuple[Need, ...]
    present: tuple[Need, ...]  # there and verified

    @property
    def bytes_to_fetch(self) -> int:
        """Of all files to fetch."""
        return sum(need.file.size for need in self.fetches)

    @property
    def bytes_waiting(self) -> int:
        """Those of them that interrupted transfers left."""
        return sum(bytes_waiting(need.target, need.file) for need in self.fetches)

    @property
    def terms(self) -> dict[str, str]:
        """Task name -> the terms under which it stands, of the datasets that have something to get."""
        return {need.task.name: need.task.terms for need in (*self.fetches, *self.rebuilds)}

    @property
    def conditions(self) -> dict[str, str]:
        """Task name -> what its publisher asks for before use, of those datasets."""
        wanted = {name: source for name, source in self.sources.items() if name in self.terms}
        return {name: source.condition for name, source in wanted.items() if source.condition}


def plan_download(
    folder: Path | str, tasks: Sequence[Task], *, sources: Mapping[str, DatasetSource] | None = None
) -> Plan:
    """What of these tasks a data folder lacks; raw files are needed only where a file is to be rebuilt from them.

    Raises:
        DataError: the folder is, or would lie in, something that is no folder.
    """
    folder, known = Path(folder), public_sources() if sources is None else sources
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    if there is not None and not there.is_dir():
        raise DataError(f"{folder}: cannot be written ({there} is no folder); name another folder with --to")
    fetches: list[Need] = []
    rebuilds: list[Need] = []
    present: list[Need] = []
    for task in tasks:
        source, within = known[task.name], dataset_folder(task, folder)
        needs = {name: Need(task=task, file=file, target=within / name) for name, file in source.files.items()}
        lacking = {name for name, need in needs.items() if not is_verified(need.target, need.file)}
        raw = {name for file in source.rebuilt for name in file.inputs if name not in task.files.values()}
        wanted = {name for file in source.rebuilt if file.name in lacking for name in file.inputs}
        for name, need in needs.items():
            if name not in lacking:
                present.append(need)
            elif need.file.rebuild:
                rebuilds.append(need)
            elif name not in raw or name in wanted:
                fetches.append(need)
    return Plan(
        folder=folder,
        sources={task.name: known[task.name] for task in tasks},
        fetches=tuple(fetches),
        rebuilds=tuple(rebuilds),
        present=tuple(present),
    )


def check_terms(plan: Plan) -> None:
    """Refuse a download of datasets whose publishers ask for more than credit; to be skipped once that is accepted.

    Raises:
        DataError: there are such; the message says what is asked.
    """
    if plan.conditions:
        listed = "; ".join(f"{name}: {condition}" for name, condition in plan.conditions.items())
        raise DataError(
            f"nothing is fetched yet: {listed}; if you meet these terms, say so with --accept-terms, or choose other "
            f"datasets with --task"
        )


def carry_out(
    plan: Plan,
    *,
    base: str = PUBLIC,
    on_bytes: OnBytes = lambda count: None,
    on_done: Callable[[Need, str], None] = lambda need, how: None,
    pause: float = PAUSE,
) -> list[str]:
    """Fetch, then rebuild; what fails of one dataset does not stop the others.

    Args:
        base: of addresses, BASE/OWNER/NAME/COMMIT/PATH.
        on_bytes: told of bytes that arrived.
        on_done: told of each file that is in its place now, `fetched` or `rebuilt`.

    Returns:
        What failed, one line each; none where all is there.

    Raises:
        DataError: the base is no web address, or the folder cannot be written or belongs to another download.
    """
    check_base(base)
    failures: list[str] = []
    broken: set[str] = set()  # tasks of which a file could not be fetched

    def attempt(need: Need, how: str) -> bool:
        """Whether it makes sense to go on with other files."""
        if need.task.name in broken:
            return True
        try:
            _refuse_other_bytes(need)
            need.target.parent.mkdir(parents=True, exist_ok=True)
            if how == "fetched":
                fetch(need.file, need.target, base=base, on_bytes=on_bytes, pause=pause)
            else:
                _rebuild(need, within=dataset_folder(need.task, plan.folder))
        except DataError as error:
            source = plan.sources[need.task.name]
            failures.append(f"{need.task.name}: {error}; by hand: {by_hand(need.task, source, folder=plan.folder)}")
            broken.add(need.task.name)
            return not isinstance(error, Unreachable)
        on_done(need, how)
        return True

    with _exclusive(plan.folder):
        for i, need in enumerate(plan.fetches):
            if not attempt(need, "fetched"):
                broken |= {later.task.name for later in plan.fetches[i:]}
                break
        for need in plan.rebuilds:
            attempt(need, "rebuilt")
    return failures


def _rebuild(need: Need, *, within: Path) -> None:
    file = need.file
    data = REBUILDS[file.rebuild](within, file.name)
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise DataError(
            f"{need.target}: the rebuilt file has a different checksum: expected {file.size} bytes, sha256 "
            f"{file.sha256}; got {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}; nothing is kept"
        )
    atomic_write(need.target, data)


def _refuse_other_bytes(need: Need) -> None:
    """A file that somebody placed there is theirs: it is not overwritten."""
    if need.target.exists():
        raise DataError(
            f"{need.target}: is there with other bytes than the known ones (sha256 {need.file.sha256}) and is not "
            f"overwritten; move it away to get the known ones"
        )


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """The folder, made if needed and locked: two downloads would append to the same unfinished file."""
    hint = "name another folder with --to; verified files stay, and the same command resumes"
    with disk_errors(folder, hint), file_lock(folder / ".download.lock", wait=False, remove=True) as acquired:
        if not acquired:
            raise DataError(f"{folder}: another download writes there; wait for its end")
        yield
