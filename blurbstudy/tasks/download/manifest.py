"""Where the files of each dataset lie in public and what they are to the byte: the table files.yaml, checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from .. import dataset_folder
from ..task import Task

TABLE = Path(__file__).with_name("files.yaml")
CHUNK = 1 << 20  # bytes read at once


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a dataset: somebody publishes it, or it is made from other files."""

    name: str  # in the dataset's folder, parts separated by /
    size: int  # bytes
    sha256: str  # 64 hexadecimal digits
    repository: str = ""  # GitHub's OWNER/NAME; "" where the file is rebuilt
    commit: str = ""  # 40 hexadecimal digits
    path: str = ""  # in the repository
    rebuild: str = ""  # key of rebuild.REBUILDS; "" where the file is published
    inputs: tuple[str, ...] = ()  # names of the files that it is rebuilt from
    examples: int | None = None  # that a reader finds in it; None where it is no split's


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """The files of one dataset."""

    files: Mapping[str, DataFile] = field(hash=False)  # by name
    condition: str = ""  # what the publisher asks for before use; "": nothing but the terms of Task
    note: str = ""  # for those who place the files by hand

    @property
    def published(self) -> list[DataFile]:
        """The files to fetch."""
        return [file for file in self.files.values() if not file.rebuild]

    @property
    def rebuilt(self) -> list[DataFile]:
        """The files to make from those."""
        return [file for file in self.files.values() if file.rebuild]


@cache
def public_sources() -> Mapping[str, DatasetSource]:
    """Task name -> its files."""
    return read_sources(TABLE.read_text(encoding="utf-8"))


def read_sources(text: str) -> dict[str, DatasetSource]:
    """The table in YAML as Task name -> files; its form is that of files.yaml.

    Raises:
        ValueError: a name leaves the dataset's folder, or a sum, commit or input is not what it should be.
    """
    table = yaml.safe_load(text)
    return {name: _source(name, entry, table["repositories"]) for name, entry in table["datasets"].items()}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_verified(path: Path, file: DataFile) -> bool:
    """Whether a file is there and holds the known bytes."""
    return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256


def by_hand(task: Task, source: DatasetSource, *, folder: Path | str = "DIR") -> str:
    """How somebody places a dataset's files, in one line; `folder` is the data folder."""
    names = ", ".join(task.files.values())
    instead = "".join(f" (or {name} for {task.files[split]})" for split, name in task.fallback_files.items())
    note = f"; {source.note}" if source.note else ""
    return f"put {names}{instead} into {dataset_folder(task, Path(folder))}, in the form of {task.source}{note}"


def _source(dataset: str, entry: Mapping[str, Any], repositories: Mapping[str, Mapping[str, str]]) -> DatasetSource:
    files = {name: _file(f"{dataset}/{name}", name, facts, repositories) for name, facts in entry["files"].items()}
    for file in files.values():
        for needed in file.inputs:
            if needed not in files or files[needed].rebuild:
                raise ValueError(f"{dataset}/{file.name}: input {needed!r} is no published file of {dataset}")
    return DatasetSource(files=files, condition=entry.get("condition", ""), note=entry.get("note", ""))


def _file(where: str, name: str, facts: Mapping[str, Any], repositories: Mapping[str, Mapping[str, str]]) -> DataFile:
    repository = repositories[facts["from"]] if "from" in facts else {"name": "", "commit": ""}
    file = DataFile(
        name=name,
        size=facts["bytes"],
        sha256=facts["sha256"],
        repository=repository["name"],
        commit=repository["commit"],
        path=facts.get("path", ""),
        rebuild=facts.get("rebuild", ""),
        inputs=tuple(facts.get("inputs", ())),
        examples=facts.get("examples"),
    )
    if not _stays_inside(file.name) or (file.path and not _stays_inside(file.path)):
        raise ValueError(f"{where}: names and paths are relative, of plain parts")
    if not re.fullmatch("[0-9a-f]{64}", file.sha256) or file.size <= 0:
        raise ValueError(f"{where}: needs its bytes and sha256")
    if bool(file.rebuild) == bool(file.path) or bool(file.rebuild) != bool(file.inputs):
        raise ValueError(f"{where}: is either fetched (from, path) or rebuilt (rebuild, inputs)")
    if file.path and not re.fullmatch("[0-9a-f]{40}", file.commit):
        raise ValueError(f"{where}: {file.commit!r} is no commit")
    return file


def _stays_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and not set(parts) & {".", ".."} and not set(name) & {*"\\:"}
