"""The members of a store's archive: which names, sizes and contents are a run store's. Others wrote them."""

from __future__ import annotations

import json
import math
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import StoreError
from .run_store import fact_file, parse_record

MANIFEST = (
    "blurbstudy-store.json"  # the first member: tells such an archive from any other zip, and a part from a whole
)
FORMAT = 1  # of the archive
KINDS = ("runs", "gold", "facts")  # folders of a store
MOST_MEMBERS = 1_000_000
MOST_BYTES = 64 << 30  # of all members, decompressed
MOST_MEMBER_BYTES = 64 << 20  # of one
MOST_WHOLE = 1 << 63  # whole numbers are below; a float holds none of 400 digits

_NAMES = {
    "runs": re.compile(r"runs/([0-9a-f]{2})/\1[0-9a-f]{18}\.json"),
    "gold": re.compile(r"gold/[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9]+\.(train|dev|test)\.json"),
    "facts": re.compile(r"facts/[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9][A-Za-z0-9.-]*\.[0-9a-f]{8}\.json"),
}


def kind_of(name: str) -> str:
    """runs | gold | facts, or '' where no store has a file of that name."""
    return next((kind for kind, pattern in _NAMES.items() if pattern.fullmatch(name)), "")


def plain_member(name: str) -> zipfile.ZipInfo:
    """A member to be written, without a time of its own."""
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    return member


def checked_members(archive: zipfile.ZipFile, *, file: Path) -> list[zipfile.ZipInfo]:
    """The members that are a store's, all of them judged by what the archive says before any is read.

    Raises:
        StoreError: one is no file of a store, or too large, or there are more or fewer than the archive says.
    """
    listed = archive.infolist()
    if not listed or listed[0].filename != MANIFEST:
        raise refused(file, "was not written by blurbstudy store export", "name a file that was")
    if len(listed) > MOST_MEMBERS:
        raise refused(file, f"holds {len(listed)} members; {MOST_MEMBERS} at most", "name another archive")
    seen: set[str] = set()
    left = MOST_BYTES
    for member in listed:
        problem = _problem(member, left=left) or (
            f"{member.filename!r} a second time"
            if member.filename in seen
            else f"{member.filename[:100]!r}, which is no file of a run store"
            if seen and not kind_of(member.filename)
            else ""
        )
        if problem:
            raise refused(file, f"holds {problem}", "take only what blurbstudy store export wrote")
        seen.add(member.filename)
        left -= member.file_size
    _check_manifest(member_data(archive, listed[0], file=file), Counter(map(kind_of, seen)), file=file)
    return listed[1:]


def _problem(member: zipfile.ZipInfo, *, left: int) -> str:
    name = repr(member.filename[:100])
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG) or member.is_dir():
        return f"{name}, a folder, link or device"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        return f"{name}, encrypted or compressed in an unusual way"
    if member.file_size > min(left, MOST_MEMBER_BYTES):
        return f"{name} of {member.file_size} bytes; {MOST_MEMBER_BYTES} at most, {MOST_BYTES} all together"
    return ""


def member_data(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, file: Path) -> bytes:
    """A member's bytes, no more than the archive says; zipfile checks their sum."""
    with archive.open(member) as stream:
        data = stream.read(member.file_size)
    if len(data) != member.file_size:
        raise refused(file, f"ends within {member.filename!r}", "export the store again")
    return data


def _check_manifest(data: bytes, counts: Counter[str], *, file: Path) -> None:
    told = json.loads(data)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise refused(file, f"is of another format than {FORMAT}", "import it by the version that exported it")
    for kind in KINDS:
        if told.get(kind) != counts[kind]:
            raise refused(file, f"says {told.get(kind)!r} {kind} and holds {counts[kind]}", "export the store again")


def refused(file: Path, problem: str, remedy: str) -> StoreError:
    """The error that ends an import before anything was placed."""
    return StoreError(f"{file}: {problem}; {remedy}. Nothing was imported")


def check_content(name: str, data: bytes, *, within: Path, mend: str) -> dict[str, Any] | None:
    """Refuse a file that is not what its name says.

    Returns:
        What it holds; None for runs of another version's trainer, which this version of the package does not read.

    Raises:
        StoreError: names the file and what is wrong with it; ends with how to `mend` it.
    """
    try:
        text = data.decode()
        if kind_of(name) == "runs" and parse_record(text, path=within / name, mend=mend) is None:
            return None
        values = json.loads(text, parse_constant=_no_constant)
        if kind_of(name) == "runs":
            _check_record(values)
        elif kind_of(name) == "gold":
            _check_gold(values)
        else:
            _check_fact(values, name)
    except StoreError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise StoreError(f"{within / name}: is not what its name says ({said}); {mend}") from None
    return values


def _check_record(values: Mapping[str, Any]) -> None:
    """What the store's reader leaves open: that the parts have the types that tables expect."""
    _expect(values["status"] in ("finished", "not_finite"), "status")
    for name in ("scores", "curve", "predictions", "circumstances"):
        _expect(isinstance(values[name], dict), name)
    _expect(all(value is None or _is_number(value) for value in values["scores"].values()), "scores")
    _expect(all(_holds(column, type(None)) for column in values["curve"].values()), "curve")
    _expect(all(_holds(column, str) for column in values["predictions"].values()), "predictions")
    _expect(all(_is_number(values[name]) for name in ("seconds", "peak_bytes", "stopped_at_step")), "numbers")


def _check_gold(values: Mapping[str, Any]) -> None:
    ids, units, gold = (values[column] for column in ("ids", "units", "gold"))
    _expect(all(isinstance(column, list) for column in (ids, units, gold)), "columns")
    _expect(len(ids) == len(units) == len(gold), "lengths")
    _expect(all(isinstance(value, str) for value in (*ids, *units)), "ids")
    _expect(_holds(gold, str), "labels")


def _check_fact(values: Mapping[str, Any], name: str) -> None:
    _expect(isinstance(values["name"], str) and isinstance(values["values"], dict), "name and values")
    _expect(fact_file(PurePosixPath(name).parts[1], values["name"]) == name, "name and that of its file")


def _expect(held: bool, what: str) -> None:
    if not held:
        raise ValueError(f"its {what} are not as they should be")


def _holds(column: Any, other: type) -> bool:
    """A list of finite numbers and of the other type."""
    return isinstance(column, list) and all(_is_number(value) or isinstance(value, other) for value in column)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) or type(value) is int and abs(value) < MOST_WHOLE


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
