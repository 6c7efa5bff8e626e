"""Writing files that are whole or absent: temporary file, fsync, link or replace, fsync of the folder (POSIX)."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import StoreError
from ..filesystem import cause_and_remedy

STALE_AFTER = 3600.0  # seconds after which a temporary file belongs to no living writer

_ANOTHER = "name another folder (--store; --out of finetune)"
# What file systems without hard links answer (FAT, some network and container mounts).
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


@contextlib.contextmanager
def store_errors(store: Path) -> Iterator[None]:
    """Turn a failure of the disk into one line: store, cause, remedy, and that finished runs are safe."""
    try:
        yield
    except OSError as error:
        cause, remedy = cause_and_remedy(error, another=_ANOTHER)
        raise StoreError(
            f"{store}: the run store cannot be written: {cause}; {remedy}. Finished runs are safe"
        ) from error


def write_once(path: Path, text: str, *, store: Path) -> bool:
    """Write a file that never changes again; a file already there stays.

    Returns:
        Whether this call wrote it.

    Raises:
        StoreError: the disk refused; no temporary file is left.
    """
    if path.is_file():
        return False
    with store_errors(store), _temporary(path, text) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.is_file():
                return False
            os.rename(temporary, path)
        _flush_folder(path.parent)
    return True


def replace_file(path: Path, text: str, *, store: Path) -> None:
    """Write a file in the place of what was there; a reader sees the old text or the new one.

    Raises:
        StoreError: the disk refused; no temporary file is left.
    """
    with store_errors(store), _temporary(path, text) as temporary:
        os.replace(temporary, path)
        _flush_folder(path.parent)


def remove_stale_temporaries(folder: Path) -> int:
    """Remove temporary files that killed processes left behind over an hour ago; how many there were."""
    removed = 0
    for path in folder.rglob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE_AFTER:
                path.unlink()
                removed += 1
    return removed


@contextlib.contextmanager
def _temporary(path: Path, text: str) -> Iterator[Path]:
    """A flushed temporary file beside `path`, gone at the end unless it was moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            content = memoryview(text.encode())
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # no folder can be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)
