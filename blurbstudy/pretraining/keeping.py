"""Folders that are made once and kept: whole or not there at all, one maker at a time.

A folder is written under a temporary name beside its own and renamed when it is whole. What a killed process left
behind is cleared away by the next maker.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import StudyError
from ..filesystem import cause_and_remedy


def made_once(folder: Path, make: Callable[[Path], None], *, whole: Callable[[Path], bool] = Path.is_dir) -> Path:
    """`folder`, made by `make` (which fills the empty folder that it is given) unless it is there already.

    Args:
        whole: whether what is there can be used; what cannot is made anew.

    Raises:
        StudyError: the disk is full, or the folder cannot be written; nothing half made stays.
    """
    if whole(folder):
        return folder
    try:
        with _sole_maker(folder):
            if not whole(folder):
                _make(folder, make)
    except OSError as error:
        cause, remedy = cause_and_remedy(error, another="name another cache folder by BLURBSTUDY_CACHE")
        raise StudyError(f"{folder}: cannot be written ({cause}); {remedy}") from None
    return folder


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    prefix = f".unfinished-{folder.name}-"
    for left in folder.parent.glob(f"{prefix}*") if os.name == "posix" else ():  # without a lock it may be another's
        shutil.rmtree(left, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        make(unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextlib.contextmanager
def _sole_maker(folder: Path) -> Iterator[None]:
    """Lets one process at a time make `folder`; the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        yield


@contextlib.contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Whether the lock on a file is held; without `wait` another process may hold it. A lock dies with its process."""
    with file.open("w") as lock:
        held = True
        if os.name == "posix":
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held = False
        yield held
