"""Reads tar archives in memory without extracting; refuses members that could escape a folder."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ...formats.lines import quote, raise_data_error

MAX_BYTES = 64 << 20  # all members together, decompressed
MAX_MEMBERS = 10_000


def read_archive(path: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> dict[str, bytes]:
    """Name -> bytes of the plain files in a tar archive, compressed or not.

    Raises:
        DataError: the archive is incomplete; a member has an absolute path or `..`, is a link or device, or occurs
            twice; or a limit is exceeded.
    """
    contents: dict[str, bytes] = {}
    left = max_bytes
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for count, member in enumerate(archive, 1):
                problem = _problem(member, left=left, known=contents) or (
                    f"more than {max_members} members" if count > max_members else ""
                )
                if problem:
                    raise_data_error(str(path), problem, "plain files below one folder", "get the archive again")
                left -= member.size
                if member.isfile():
                    data = archive.extractfile(member)
                    contents[member.name] = data.read() if data else b""
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise_data_error(str(path), f"an incomplete archive ({error})", "a tar archive", "get the archive again")
    return contents


def _problem(member: tarfile.TarInfo, *, left: int, known: dict[str, bytes]) -> str:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
        return f"a member outside it, {quote(member.name)}"
    if not member.isfile() and not member.isdir():
        return f"a link or device, {quote(member.name)}"
    if member.name in known:
        return f"{quote(member.name)} a second time"
    return f"more than {left} bytes left for {quote(member.name)}" if member.size > left else ""
