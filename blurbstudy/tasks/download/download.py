"""Download of datasets: missing files are downloaded or rebuilt, and verified by SHA-256."""

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
from .http import PUBLIC, Unreachable, check_base, download_file
from .manifest import DataFile, DatasetSource, is_verified, load_manifest, manual_instructions
from .rebuild import REBUILDS


@dataclass(frozen=True, kw_only=True)
class FileRequest:
    """One file of a dataset and its path in the data folder."""

    task: Task
    file: DataFile
    target: Path


@dataclass(frozen=True, kw_only=True)
class DownloadPlan:
    """What a download does."""

    folder: Path  # the data folder
    sources: Mapping[str, DatasetSource]  # by task name
    to_download: tuple[FileRequest, ...]
    to_rebuild: tuple[FileRequest, ...]
    verified: tuple[FileRequest, ...]  # existing files with the expected checksum

    @property
    def download_bytes(self) -> int:
        """Total size of the files to download."""
        return sum(request.file.size for request in self.to_download)

    @property
    def terms(self) -> dict[str, str]:
        """Task name -> its terms of use, for the datasets with missing files."""
        return {request.task.name: request.task.terms for request in (*self.to_download, *self.to_rebuild)}

    @property
    def required_terms(self) -> dict[str, str]:
        """Task name -> terms to accept before the download, for these datasets."""
        sources = {name: source for name, source in self.sources.items() if name in self.terms}
        return {name: source.required_terms for name, source in sources.items() if source.required_terms}


def plan_download(
    folder: Path | str, tasks: Sequence[Task], *, sources: Mapping[str, DatasetSource] | None = None
) -> DownloadPlan:
    """The files of these tasks that a data folder lacks; raw files are downloaded only for a rebuild.

    Raises:
        DataError: the folder or one of its parents is not a folder.
    """
    folder, known = Path(folder), load_manifest() if sources is None else sources
    there = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    if there is not None and not there.is_dir():
        raise DataError(f"{folder}: cannot be created ({there} is not a folder); name another folder with --to")
    to_download: list[FileRequest] = []
    to_rebuild: list[FileRequest] = []
    verified: list[FileRequest] = []
    for task in tasks:
        source, within = known[task.name], dataset_folder(task, folder)
        requests = {
            name: FileRequest(task=task, file=file, target=within / name) for name, file in source.files.items()
        }
        lacking = {name for name, request in requests.items() if not is_verified(request.target, request.file)}
        raw = {name for file in source.rebuilt for name in file.inputs if name not in task.files.values()}
        raw_needed = {name for file in source.rebuilt if file.name in lacking for name in file.inputs}
        for name, request in requests.items():
            if name not in lacking:
                verified.append(request)
            elif request.file.rebuild:
                to_rebuild.append(request)
            elif name not in raw or name in raw_needed:
                to_download.append(request)
    return DownloadPlan(
        folder=folder,
        sources={task.name: known[task.name] for task in tasks},
        to_download=tuple(to_download),
        to_rebuild=tuple(to_rebuild),
        verified=tuple(verified),
    )


def check_terms(plan: DownloadPlan) -> None:
    """Refuse a download of datasets with required terms; skip it once they are accepted.

    Raises:
        DataError: a dataset has required terms; the message lists them.
    """
    if plan.required_terms:
        listed = "; ".join(f"{name}: {condition}" for name, condition in plan.required_terms.items())
        raise DataError(
            f"these datasets have terms of use: {listed}; accept them with --accept-terms or choose other datasets "
            f"with --task"
        )


def execute(
    plan: DownloadPlan,
    *,
    base: str = PUBLIC,
    on_done: Callable[[FileRequest, str], None] = lambda request, how: None,
) -> list[str]:
    """Download, then rebuild. A failure of one dataset does not stop the others.

    Args:
        base: of addresses, BASE/OWNER/NAME/COMMIT/PATH.
        on_done: called with each completed file and `downloaded` or `rebuilt`.

    Returns:
        Failures, one line each.
    """
    check_base(base)
    failures: list[str] = []
    failed: set[str] = set()  # tasks with a failed file

    def attempt(request: FileRequest, how: str) -> bool:
        """Whether other files are worth an attempt."""
        if request.task.name in failed:
            return True
        try:
            _refuse_overwrite(request)
            request.target.parent.mkdir(parents=True, exist_ok=True)
            if how == "downloaded":
                download_file(request.file, request.target, base=base)
            else:
                _rebuild(request, within=dataset_folder(request.task, plan.folder))
        except DataError as error:
            by_hand = manual_instructions(request.task, plan.sources[request.task.name], folder=plan.folder)
            failures.append(f"{request.task.name}: {error}; by hand: {by_hand}")
            failed.add(request.task.name)
            return not isinstance(error, Unreachable)
        on_done(request, how)
        return True

    with _exclusive(plan.folder):
        for i, request in enumerate(plan.to_download):
            if not attempt(request, "downloaded"):
                failed |= {later.task.name for later in plan.to_download[i:]}
                break
        for request in plan.to_rebuild:
            attempt(request, "rebuilt")
    return failures


def _rebuild(request: FileRequest, *, within: Path) -> None:
    file, target = request.file, request.target
    data = REBUILDS[file.rebuild](within, file.name)
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != file.sha256:
        raise DataError(
            f"{target}: checksum mismatch after the rebuild: expected sha256 {file.sha256} ({file.size} bytes), got "
            f"{sha256} ({len(data)} bytes); file discarded; download the raw files again"
        )
    atomic_write(target, data)


def _refuse_overwrite(request: FileRequest) -> None:
    if request.target.exists():
        raise DataError(
            f"{request.target}: exists with a different checksum (expected sha256 {request.file.sha256}); move it to "
            f"download the published file"
        )


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Create and lock the folder."""
    hint = "name another folder with --to; verified files are kept"
    with disk_errors(folder, hint), file_lock(folder / ".download.lock", wait=False, remove=True) as acquired:
        if not acquired:
            raise DataError(f"{folder}: another download is writing to this folder; wait for it to finish")
        yield
