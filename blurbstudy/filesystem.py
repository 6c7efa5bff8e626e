"""What a disk says when it refuses, in words, and what to do."""

from __future__ import annotations

import errno
import re

_CAUSES = {  # errno -> cause and remedy
    errno.EROFS: ("the file system is read-only", "mount it writable or {another}"),
    errno.ENOSPC: ("no space is left on the disk", "free some or {another}, then {again}"),
    errno.EDQUOT: ("the disk quota is used up", "free some or {another}, then {again}"),
    errno.EACCES: ("permission is denied", "make the folder writable or {another}"),
    errno.EPERM: ("the operation is not permitted", "make the folder writable or {another}"),
    errno.EEXIST: ("a file lies where the folder should be", "move that file or {another}"),
    errno.ENOTDIR: ("a file lies where the folder should be", "move that file or {another}"),
    errno.EIO: ("the disk reports an input/output error", "check the disk or {another}"),
}


def is_of_the_disk(error: BaseException) -> bool:
    """Whether it was the disk that refused; safetensors, written in Rust, has an error of its own for that."""
    return isinstance(error, OSError) or _number_told(error) > 0


def cause_and_remedy(error: BaseException, *, another: str, again: str = "run again") -> tuple[str, str]:
    """What the disk's refusal means, and what to do.

    Args:
        another: how another folder is named.
        again: how what was refused is begun again.
    """
    number = getattr(error, "errno", None) or _number_told(error)
    said = getattr(error, "strerror", None) or error
    cause, remedy = _CAUSES.get(number, (f"the disk refused ({said})", "{another}"))
    return cause, remedy.format(another=another, again=again)


def _number_told(error: BaseException) -> int:
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else 0
