"""Folders that are whole or absent: filled under another name beside their place, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..pretraining.checkpoints import flush

UNFINISHED = ".unfinished-"  # begins the name of what is being written
STALE_AFTER = 3600.0  # seconds after which such a folder belongs to no living writer


@contextlib.contextmanager
def whole_folder(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `folder` when the `with` ends well and is gone when it does not.

    Args:
        replace: `folder` may be there already with files in it.

    Raises:
        FileExistsError, OSError: it is there and may not be replaced.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _forget_stale(folder)
    made = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{folder.name}-", dir=folder.parent))
    try:
        yield made
        for path in (*made.rglob("*"), made):
            path.chmod(0o755 if path.is_dir() else 0o644)  # safetensors and temporary folders are their owner's alone
            flush(path)
        if folder.exists():
            _clear(folder, replace=replace)
        os.rename(made, folder)
        flush(folder.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _clear(folder: Path, *, replace: bool) -> None:
    if not replace:
        folder.rmdir()  # an empty one gives way; with files in it this is an error
        return
    old = folder.with_name(f"{UNFINISHED}{folder.name}-old{os.getpid()}")
    os.rename(folder, old)
    shutil.rmtree(old, ignore_errors=True)


def _forget_stale(folder: Path) -> None:
    """Lets go of what killed processes left behind."""
    for left in folder.parent.glob(f"{UNFINISHED}{folder.name}-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_AFTER:
                shutil.rmtree(left, ignore_errors=True)
