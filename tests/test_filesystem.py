"""Files and folders are complete or absent, one process at a time makes one, and disk errors say what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time

import pytest
import torch
from safetensors.torch import save_file

from blurbstudy.errors import DiskError
from blurbstudy.filesystem import (
    STALE_AFTER,
    atomic_directory,
    atomic_open,
    atomic_write,
    disk_errors,
    ensure_directory,
    explain_os_error,
    file_lock,
    is_disk_error,
    remove_unfinished,
    write_once,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def in_another_process(program):
    program = f"from pathlib import Path\nfrom blurbstudy.filesystem import *\n{program}"
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# Errors


@pytest.mark.parametrize(
    ("number", "explanation"),
    [
        (errno.ENOSPC, "no space is left on the disk; free some space or name it"),
        (errno.EDQUOT, "the disk quota is used up; free some space or name it"),
        (errno.EROFS, "the file system is read-only; mount it writable or name it"),
        (errno.EACCES, "permission is denied; make the folder writable or name it"),
        (errno.ELOOP, f"the disk refused ({os.strerror(errno.ELOOP)}); name it"),
    ],
)
def test_disk_errors_name_path_cause_and_remedy(tmp_path, number, explanation):
    error = OSError(number, os.strerror(number))
    assert is_disk_error(error) and explain_os_error(error, "name it") == explanation
    with pytest.raises(DiskError) as caught, disk_errors(tmp_path, "name it"):
        raise error
    assert str(caught.value) == f"{tmp_path}: cannot be written: {explanation}"


def test_disk_errors_of_safetensors_are_recognized(tmp_path):
    """Its class is no OSError; a missing folder has a code of its own, a full disk the operating system's."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        save_file({"a": torch.zeros(2)}, tmp_path / "none" / "a.safetensors")
    assert is_disk_error(caught.value)
    full = type(caught.value)("Error while serializing: I/O error: No space left on device (os error 28)")
    assert is_disk_error(full) and explain_os_error(full, "wait").startswith("no space is left on the disk")


def test_other_errors_pass_unchanged(tmp_path):
    assert not is_disk_error(ValueError("28"))
    with pytest.raises(KeyError), disk_errors(tmp_path, "wait"):
        raise KeyError("28")


# Files


@pytest.mark.parametrize("write", [atomic_write, write_once])
@pytest.mark.parametrize("content", ["é\nb\n", b"\x00\xff"])
def test_files_hold_the_exact_bytes_in_a_new_folder(tmp_path, write, content):
    write(tmp_path / "new" / "a", content)
    assert (tmp_path / "new" / "a").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path / "new") == ["a"]


def test_an_atomic_write_replaces_and_write_once_does_not(tmp_path):
    assert write_once(tmp_path / "a", "1") and not write_once(tmp_path / "a", "2")
    assert (tmp_path / "a").read_text() == "1"
    atomic_write(tmp_path / "a", "3")
    assert (tmp_path / "a").read_text() == "3"


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    atomic_write(tmp_path / "a", "old")
    with pytest.raises(KeyboardInterrupt), atomic_open(tmp_path / "a") as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path, monkeypatch, call):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    atomic_write(tmp_path / "a", "old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="No space"):
            atomic_write(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


def test_of_concurrent_processes_one_writes_once(tmp_path):
    program = f"print(write_once(Path({str(tmp_path / 'a')!r}), str(os.getpid()) * 10000))"
    processes = [in_another_process(program) for _ in range(4)]
    written = [process.communicate(timeout=60)[0] == "True\n" for process in processes]
    assert sum(written) == 1
    assert (tmp_path / "a").read_text() == str(processes[written.index(True)].pid) * 10000


# Folders


def test_a_folder_appears_complete_or_not_at_all(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_directory(tmp_path / "a") as folder:
        (folder / "half").touch()
        raise ValueError("stop")
    assert names(tmp_path) == []
    with atomic_directory(tmp_path / "a") as folder:
        (folder / "whole").touch()
        assert not (tmp_path / "a").exists()
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["whole"]


def test_a_folder_with_files_is_replaced_on_request_only(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    with pytest.raises(OSError), atomic_directory(tmp_path / "a") as folder:
        (folder / "new").touch()
    assert names(tmp_path / "a") == ["mine"] and names(tmp_path) == ["a"]
    with atomic_directory(tmp_path / "a", replace=True) as folder:
        (folder / "new").touch()
    assert names(tmp_path / "a") == ["new"] and names(tmp_path) == ["a"]


def test_leftovers_of_killed_writers_are_removed_when_old(tmp_path):
    old, new, other = (tmp_path / f".unfinished-0123456{i}-{name}" for i, name in enumerate(("a", "a", "b-a")))
    for folder in (old, new, other):
        folder.mkdir()
        (folder / "half").touch()
    for folder in (old, other):
        os.utime(folder, (time.time() - STALE_AFTER - 60,) * 2)
    remove_unfinished(tmp_path, "a")
    assert not old.exists() and new.exists() and other.exists()
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [new.name]


def test_of_concurrent_makers_one_makes_the_folder_and_the_others_wait(tmp_path):
    makers, complete = [], []

    def make(folder):
        makers.append(folder)
        time.sleep(0.1)
        (folder / "whole").touch()

    threads = [
        threading.Thread(target=lambda: complete.append((ensure_directory(tmp_path / "a", make) / "whole").exists()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(makers) == 1 and complete == [True] * 4
    assert names(tmp_path) == ["a", "a.lock"]


def test_a_maker_that_fails_leaves_the_old_folder(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise ValueError("no")

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").touch()
    with pytest.raises(ValueError, match="no"):
        ensure_directory(tmp_path / "a", fail, is_complete=lambda folder: False)
    assert names(tmp_path / "a") == ["old"] and names(tmp_path) == ["a", "a.lock"]


def test_an_incomplete_folder_is_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    ensure_directory(tmp_path / "a", lambda folder: (folder / "whole").touch(), is_complete=lambda a: any(a.iterdir()))
    assert names(tmp_path / "a") == ["whole"]


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        DiskError, match="file/a: cannot be written: .*; move that file or name another cache folder by"
    ):
        ensure_directory(tmp_path / "file" / "a", lambda folder: None)


# Locks


def test_a_lock_excludes_other_processes_until_its_holder_dies(tmp_path):
    path = tmp_path / "new" / "lock"
    holder = in_another_process(
        f"with file_lock(Path({str(path)!r})) as acquired:\n    print(acquired, flush=True)\n    input()"
    )
    try:
        assert holder.stdout.readline() == "True\n"
        with file_lock(path, wait=False) as acquired:
            assert not acquired
    finally:
        holder.kill()
        holder.communicate()
    with file_lock(path, wait=False) as acquired, file_lock(path, wait=False) as again:
        assert acquired and not again


def test_a_lock_file_is_removed_on_request(tmp_path):
    with file_lock(tmp_path / "a", remove=True), file_lock(tmp_path / "b"):
        assert names(tmp_path) == ["a", "b"]
    assert names(tmp_path) == ["b"]


def test_without_locks_of_the_file_system_every_process_proceeds(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with file_lock(tmp_path / "a", wait=False) as acquired:
        assert acquired
