"""The manifest files.yaml: the public files of each dataset, with sizes and checksums."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

import yaml

from ...config import JsonMapping
from .. import dataset_folder
from ..task import Task

TABLE = Path(__file__).with_name("files.yaml")
CHUNK = 1 << 20  # bytes per read


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a dataset, either published or rebuilt from other files."""

    name: str  # path in the dataset's folder, separated by /
    size: int  # bytes
    sha256: str  # 64 hexadecimal digits
    repository: str = ""  # OWNER/NAME on GitHub; "" for rebuilt files
    commit: str = ""  # 40 hexadecimal digits
    path: str = ""  # in the repository
    rebuild: str = ""  # key of rebuild.REBUILDS; "" for published files
    inputs: tuple[str, ...] = ()  # files needed for the rebuild
    examples: int | None = None  # number of examples; None if it is not a split


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """The files of one dataset."""

    files: Mapping[str, DataFile] = field(hash=False)  # by name
    required_terms: str = ""  # terms to accept before a download; "": only those of Task.terms
    note: str = ""  # on getting the files by hand

    @property
    def published(self) -> list[DataFile]:
        """The files to download."""
        return [file for file in self.files.values() if not file.rebuild]

    @property
    def rebuilt(self) -> list[DataFile]:
        """The files to rebuild from others."""
        return [file for file in self.files.values() if file.rebuild]


@cache
def load_manifest() -> Mapping[str, DatasetSource]:
    """Task name -> its files."""
    return read_sources(TABLE.read_text(encoding="utf-8"))


def read_sources(text: str) -> dict[str, DatasetSource]:
    """Task name -> its files, from YAML in the format of files.yaml."""
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
    """Whether a file exists with the expected size and SHA-256."""
    return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256


def manual_instructions(task: Task, source: DatasetSource, *, folder: Path | str = "DIR") -> str:
    """How to add a dataset's files to the data folder by hand, in one line."""
    names = ", ".join(task.files.values())
    instead = "".join(f" (or {name} for {task.files[split]})" for split, name in task.fallback_files.items())
    note = f"; {source.note}" if source.note else ""
    return f"put {names}{instead} into {dataset_folder(task, Path(folder))}, in the form of {task.source}{note}"


def _source(dataset: str, entry: JsonMapping, repositories: Mapping[str, Mapping[str, str]]) -> DatasetSource:
    files = {name: _file(f"{dataset}/{name}", name, facts, repositories) for name, facts in entry["files"].items()}
    for file in files.values():
        for needed in file.inputs:
            if needed not in files or files[needed].rebuild:
                raise ValueError(f"{dataset}/{file.name}: input {needed!r} is not a published file of {dataset}")
    return DatasetSource(files=files, required_terms=entry.get("condition", ""), note=entry.get("note", ""))


def _file(where: str, name: str, facts: JsonMapping, repositories: Mapping[str, Mapping[str, str]]) -> DataFile:
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
    if not _is_safe_path(file.name) or (file.path and not _is_safe_path(file.path)):
        raise ValueError(f"{where}: names and paths must be relative, without . and ..")
    if not re.fullmatch("[0-9a-f]{64}", file.sha256) or file.size <= 0:
        raise ValueError(f"{where}: needs its bytes and sha256")
    if bool(file.rebuild) == bool(file.path) or bool(file.rebuild) != bool(file.inputs):
        raise ValueError(f"{where}: must be either downloaded (from, path) or rebuilt (rebuild, inputs)")
    if file.path and not re.fullmatch("[0-9a-f]{40}", file.commit):
        raise ValueError(f"{where}: {file.commit!r} is not a commit")
    return file


def _is_safe_path(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and not set(parts) & {".", ".."} and not set(name) & {*"\\:"}
