"""Atomic files and folders, locks between processes, and disk errors in one line.

Files and folders appear complete or not at all: each is written under a temporary name in the same folder, flushed to
the disk, then renamed (or linked) to its final name. A killed process leaves at most a temporary file or folder, which
a later writer removes.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import DiskError
from .paths import CACHE_HINT

UNFINISHED = ".unfinished-"  # prefix of temporary files and folders
STALE_AFTER = 3600.0  # seconds after which a temporary file belongs to no living process

# Errors of file systems without hard links (FAT, some network and container mounts), and without locks.
_HARDLINK_UNSUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
_LOCK_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
_CAUSES = {  # errno -> cause and remedy
    errno.EROFS: ("the file system is read-only", "mount it writable or {hint}"),
    errno.ENOSPC: ("no space is left on the disk", "free some space or {hint}"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or {hint}"),
    errno.EACCES: ("permission is denied", "make the folder writable or {hint}"),
    errno.EPERM: ("the operation is not permitted", "make the folder writable or {hint}"),
    errno.EEXIST: ("a file exists where a folder is needed", "move that file or {hint}"),
    errno.ENOTDIR: ("a file exists where a folder is needed", "move that file or {hint}"),
    errno.EIO: ("the disk reports an input/output error", "check the disk or {hint}"),
}


def is_disk_error(error: BaseException) -> bool:
    """Whether the operating system refused; safetensors, written in Rust, reports that with a class of its own."""
    return isinstance(error, OSError) or _errno_from_message(error) > 0


def explain_os_error(error: BaseException, hint: str) -> str:
    """Cause and remedy in words, as in `no space is left on the disk; free some space or name another folder`.

    Args:
        hint: what to do instead, as an imperative.
    """
    number = getattr(error, "errno", None) or _errno_from_message(error)
    message = getattr(error, "strerror", None) or error
    cause, remedy = _CAUSES.get(number, (f"the disk refused ({message})", "{hint}"))
    return f"{cause}; {remedy.format(hint=hint)}"


@contextlib.contextmanager
def disk_errors(path: Path, hint: str) -> Iterator[None]:
    """Raise a refusal of the disk as one line: path, cause, remedy.

    Args:
        path: the file or folder being written.
        hint: what to do instead, as an imperative.

    Raises:
        DiskError: the block raised an error of the operating system.
    """
    try:
        yield
    except Exception as error:
        if not is_disk_error(error):
            raise
        raise DiskError(f"{path}: cannot be written: {explain_os_error(error, hint)}") from error


def _errno_from_message(error: BaseException) -> int:
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else 0


@contextlib.contextmanager
def atomic_open(path: Path) -> Iterator[BinaryIO]:
    """A binary stream whose bytes replace the file `path` when the block ends without an error."""
    with _temporary_file(path) as (temporary, stream):
        yield stream
        _close_synced(stream)
        os.replace(temporary, path)
        fsync(path.parent)


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write a file, replacing an older one; a reader sees the old content or the new. Makes the folder if needed."""
    with atomic_open(path) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def write_once(path: Path, content: str | bytes) -> bool:
    """Write a file unless it exists already; of several writers at once the first one wins. Makes the folder if needed.

    Returns:
        Whether this call wrote it.
    """
    if path.is_file():
        return False
    with _temporary_file(path) as (temporary, stream):
        stream.write(content.encode() if isinstance(content, str) else content)
        _close_synced(stream)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _HARDLINK_UNSUPPORTED:
                raise
            if path.is_file():
                return False
            os.rename(temporary, path)
        fsync(path.parent)
    return True


@contextlib.contextmanager
def _temporary_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in the folder of `path`, removed at the end unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o644), "wb") as stream:
            yield temporary, stream
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _temporary_path(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{os.urandom(4).hex()}-{path.name[:200]}")


def _close_synced(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    stream.close()


@contextlib.contextmanager
def atomic_directory(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder to fill; it becomes `folder` when the block ends without an error.

    Args:
        replace: whether a `folder` that holds files is replaced; an empty one always is.

    Raises:
        OSError: `folder` holds files and may not be replaced, or is a file; or the disk refused.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder.parent, folder.name)
    temporary = _temporary_path(folder)
    temporary.mkdir()
    try:
        yield temporary
        for path in (*temporary.rglob("*"), temporary):
            path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors makes its files readable by their owner alone
            fsync(path)
        if folder.is_dir() and replace:
            old = _temporary_path(folder)
            os.rename(folder, old)
            shutil.rmtree(old, ignore_errors=True)
        elif folder.exists():
            folder.rmdir()  # an error unless it is an empty folder
        os.rename(temporary, folder)
        fsync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def ensure_directory(
    folder: Path, make: Callable[[Path], None], *, is_complete: Callable[[Path], bool] = Path.is_dir
) -> Path:
    """A `folder` of the cache, made by one process while others wait, unless it exists already.

    Args:
        make: fills the empty folder that it receives.
        is_complete: whether an existing folder can be used; otherwise it is replaced.

    Raises:
        DiskError: the disk refused; nothing incomplete remains.
    """
    if is_complete(folder):
        return folder
    with disk_errors(folder, CACHE_HINT), file_lock(folder.with_name(f"{folder.name}.lock")):
        if not is_complete(folder):
            remove_unfinished(folder.parent, folder.name, older_than=0.0)
            with atomic_directory(folder, replace=True) as temporary:
                make(temporary)
    return folder


def remove_unfinished(folder: Path, name: str = "*", *, older_than: float = STALE_AFTER) -> None:
    """Remove temporary files and folders that killed processes left for the file or folder `name` in `folder`.

    Args:
        older_than: their age in seconds; below STALE_AFTER only under a lock that every writer takes.
    """
    pattern = "*" if name == "*" else f"????????-{glob.escape(name[:200])}"
    for path in folder.glob(UNFINISHED + pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= older_than:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def fsync(path: Path) -> None:
    """Flush a file, or the list of names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def file_lock(path: Path, *, wait: bool = True, remove: bool = False) -> Iterator[bool]:
    """Whether this block holds the lock of a file. The lock of a process that dies is free.

    On file systems without locks every process gets it.

    Args:
        path: the lock file; made, with its folder, if needed.
        wait: whether to wait for another holder; otherwise the block runs without the lock.
        remove: whether to remove the lock file at the end.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    acquired = True
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        acquired = False
    except OSError as error:
        if error.errno not in _LOCK_UNSUPPORTED:
            raise
    try:
        yield acquired
    finally:
        if remove and acquired:
            with contextlib.suppress(OSError):
                path.unlink()  # before the release: a process that waits for it takes a new file
        lock.release()
