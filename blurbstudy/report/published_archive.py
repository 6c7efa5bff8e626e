"""A published store in one zip file of few members, and the folder that it is unpacked to."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ..config import JsonMapping, canonical_json
from ..errors import StoreError, typed_message
from ..filesystem import atomic_open, disk_errors
from ..paths import CACHE_HINT, cache_folder
from ..stats.published_scores.reference import FOLDER
from ..store.run_store import metadata_file

ARCHIVE, README = "records.zip", "README.md"  # files of a published study
RECORDS, FACTS = "runs.jsonl", "facts.jsonl"  # members; the others lie in FOLDER
UNPACKED = "published-studies"  # in the cache folder
_TIME = (2000, 1, 1, 0, 0, 0)  # of all members: equal content is an equal file


def studies_folder(scale: str) -> Path:
    return Path("studies") / scale


def write_archive(
    file: Path, *, records: Iterable[JsonMapping], facts: Iterable[JsonMapping], published: Mapping[str, bytes]
) -> None:
    """Write records, metadata (kind, name, values) and files of the folder `published`.
    Raises DiskError: the file cannot be written.
    """
    members = {RECORDS: _lines(records), FACTS: _lines(facts), **dict(sorted(published.items()))}
    with (
        disk_errors(file, "name another folder (--out)"),
        atomic_open(file) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as out,
    ):
        for name, content in members.items():
            out.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_LZMA)


def unpack_archive(file: Path) -> Path:
    """The run store of an archive, in the cache; it is unpacked once. Its name is that of the archive's folder.

    Raises:
        StoreError: the file is no such archive.
        DiskError: the cache cannot be written.
    """
    with disk_errors(file, "check the file"):
        content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:20]
    folder = cache_folder().absolute() / UNPACKED / digest / file.absolute().parent.name
    if folder.is_dir():
        return folder
    with disk_errors(folder, CACHE_HINT):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix="unpacking-", dir=folder.parent))
        try:
            _unpack(file, temporary)
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _unpack(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            texts: dict[str, str] = {}
            for values in _values(archive, RECORDS):
                run_id = str(values["id"])
                texts[f"runs/{run_id[:2]}/{run_id}.json"] = canonical_json(values)
            for fact in _values(archive, FACTS):
                name = metadata_file(fact["kind"], fact["name"])
                texts[name] = canonical_json({"name": fact["name"], "values": fact["values"]})
            files: dict[str, str | bytes] = {**texts}
            for name in archive.namelist():
                if PurePosixPath(name).parent == PurePosixPath(FOLDER):
                    files[name] = archive.read(name)
    except (zipfile.BadZipFile, lzma.LZMAError, EOFError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise StoreError(f"{file}: no archive of published records ({typed_message(error)}); get it again") from None
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise StoreError(f"{file}: contains {name[:100]!r}, which no archive of records has")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _lines(values: Iterable[JsonMapping]) -> bytes:
    return "".join(f"{canonical_json(entry)}\n" for entry in values).encode()


def _values(archive: zipfile.ZipFile, name: str) -> list[JsonMapping]:
    return [json.loads(line) for line in archive.read(name).decode().split("\n") if line]
