"""Reading an archive in memory, member by member: nothing is extracted, and what would escape a folder is refused."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ...formats.lines import fail, shown

MOST_BYTES = 64 << 20  # all members together, decompressed
MOST_MEMBERS = 10_000


def read_archive(path: Path, *, most_bytes: int = MOST_BYTES, most_members: int = MOST_MEMBERS) -> dict[str, bytes]:
    """Name -> bytes of the plain files in a tar archive, compressed or not.

    Raises:
        DataError: it is no whole archive; or a member has an absolute path or one with `..`, is a link or a device, or
            stands twice; or there are more bytes or members than allowed.
    """
    found: dict[str, bytes] = {}
    left = most_bytes
    try:
        with tarfile.open(path, mode="r|*") as archive:
            for count, member in enumerate(archive, 1):
                problem = _problem(member, left=left, known=found) or (
                    f"more than {most_members} members" if count > most_members else ""
                )
                if problem:
                    fail(str(path), problem, "plain files below one folder", "get the archive again")
                left -= member.size
                if member.isfile():
                    data = archive.extractfile(member)
                    found[member.name] = data.read() if data else b""
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        fail(str(path), f"no whole archive ({error})", "a tar archive", "get the archive again")
    return found


def _problem(member: tarfile.TarInfo, *, left: int, known: dict[str, bytes]) -> str:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
        return f"a member outside it, {shown(member.name)}"
    if not member.isfile() and not member.isdir():
        return f"a link or device, {shown(member.name)}"
    if member.name in known:
        return f"{shown(member.name)} a second time"
    return f"more than {left} bytes left for {shown(member.name)}" if member.size > left else ""
