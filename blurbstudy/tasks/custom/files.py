"""The files of a custom task, their formats and the task's name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError, ParameterError, any_of, check_choice, did_you_mean
from ..blurb import OTHER_TASKS, TASKS
from ..formats.lines import listed
from ..formats.standoff import standoff_files
from ..task import SPLITS, plain_name
from .formats import AS_SPANS, NAMES, SUFFIXES, UNREADABLE, detect_format, detect_tagged_format

SPLIT_NAMES = {  # split -> stems of its file in a folder
    "train": ("train", "training"),
    "dev": ("dev", "devel", "development", "valid", "validation", "val"),
    "test": ("test", "testing"),
}
UNREAD_DATA = (*UNREADABLE, ".xlsx", ".xls", ".ods", ".gz", ".zip", ".bz2")  # suffixes of data that is not read
_NAME = re.compile(r"[^\w. -]+")


def resolve_relative(path: Path, files: object) -> Any:
    """Paths resolved relative to the folder of a definition."""
    if isinstance(files, Mapping):
        return {split: path.parent / Path(str(file)).expanduser() for split, file in files.items() if file}
    return path.parent / Path(str(files)).expanduser()


def display_path(path: str) -> Path:
    """A path for messages: relative if it is below the working directory."""
    absolute, here = Path(path), Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def split_files(files: Path | str | Mapping[str, Path | str]) -> dict[str, Path]:
    """Split -> file, in the order of SPLITS.

    Raises:
        ParameterError: there is no train file, or a split is unknown.
        DataError: a file or the folder is missing or ambiguous.
    """
    if not isinstance(files, Mapping):
        return _files_in(Path(files).expanduser())
    if unknown := sorted(set(files) - set(SPLITS)):
        raise ParameterError(f"files: {unknown[0]!r} is not a split; {did_you_mean(unknown[0], SPLITS)}")
    paths = {split: Path(files[split]).expanduser() for split in SPLITS if files.get(split) is not None}
    if "train" not in paths:
        raise ParameterError("files: no train file; name it (--train FILE, or train: FILE under files:)")
    for split, path in paths.items():
        if not path.is_file() and not is_standoff_folder(path):
            other = "a device, pipe or socket, not a file" if path.exists() else "no such file"
            found_there = "a folder without brat's .txt and .ann files" if path.is_dir() else other
            raise DataError(f"{path}: {found_there}; check the path of the {split} split")
        if path.is_dir() and (parts := _split_folders(path)):
            raise DataError(
                f"{path}: has the folders {', '.join(parts)}, which would all be read as {split}; name one of them, or "
                f"all splits together (--data {path})"
            )
    return paths


def _split_folders(folder: Path) -> list[str]:
    """The sub-folders that are named as splits and hold documents, if there are several."""
    stems = {stem for names in SPLIT_NAMES.values() for stem in names}
    parts = sorted(p.name for p in folder.iterdir() if p.name.lower() in stems and is_standoff_folder(p))
    return parts if len(parts) > 1 else []


def is_standoff_folder(path: Path) -> bool:
    """Whether a folder or its sub-folders contain brat's .txt and .ann files."""
    if not path.is_dir():
        return False
    files = standoff_files(path)
    return bool(files.texts and files.annotations)


def _files_in(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name a folder with train.*, dev.* and test.*, or name the files")
    paths = {}
    for split, stems in SPLIT_NAMES.items():
        candidates = sorted(p for p in folder.iterdir() if p.stem.lower() in stems and _is_data(p))
        if len(candidates) > 1:
            names = ", ".join(path.name for path in candidates)
            raise DataError(f"{folder}: {names} match the {split} split; name the files under files:")
        if candidates:
            paths[split] = candidates[0]
        elif unread := [path.name for path in folder.iterdir() if _is_unread(path, stems)]:
            raise DataError(f"{folder}: {listed(unread)} ({split}) has a format that is not read; export or unpack it")
    if "train" not in paths and is_standoff_folder(folder):
        lacks = f"a folder {', '.join(paths)} but no folder train" if paths else "no folder train, dev or test"
        raise DataError(f"{folder}: {lacks} in it; to train on all of it, use --train {folder}")
    if "train" not in paths:
        raise DataError(f"{folder}: no file train.* ({', '.join(SUFFIXES)}); rename yours, or name the files")
    return paths


def passed_over(files: Mapping[str, Path | str]) -> str:
    """What is in the folder of files that are named as splits and is not read, as a sentence; "" if there is none."""
    paths = [Path(file) for file in files.values()]
    stems = {stem for names in SPLIT_NAMES.values() for stem in names}
    folder = paths[0].parent
    if not folder.is_dir() or any(path.parent != folder or path.stem.lower() not in stems for path in paths):
        return ""
    others = sorted(p for p in folder.iterdir() if p.resolve() not in paths and not p.name.startswith("."))
    data = [p.name for p in others if _is_data(p)]
    no_data = [p.name for p in others if p.is_file() and p.name not in data]
    reasons = (("not named as train, dev or test", data), ("of no format that is read", no_data))
    named = [f"{why}: {listed(names)}" for why, names in reasons if names]
    return f"other files of the folder are not read ({'; '.join(named)})" if named else ""


def _is_unread(path: Path, stems: Collection[str]) -> bool:
    """Whether a file has a split's name and the suffix of a format that is not read."""
    return path.name.lower().partition(".")[0] in stems and path.suffix.lower() in UNREAD_DATA


def _is_data(path: Path) -> bool:
    return is_standoff_folder(path) if path.is_dir() else path.suffix.lower() in SUFFIXES


def file_formats(files: Mapping[str, Path], named: str | Mapping[str, str] | None, *, tags: bool) -> dict[str, str]:
    """Split -> key of FORMATS: the one named (for all files or by split), or detected from content and suffix.

    Raises:
        ParameterError: a format is unknown, not detected, or does not fit.
        DataError: a file cannot be read.
    """
    known = ("conll", "json", "jsonl", "csv", "tsv", "brat", "pubtator", "bioc")
    known = known if tags else ("tsv", "csv", "json", "jsonl")
    by_split = dict(named) if isinstance(named, Mapping) else dict.fromkeys(files, named)
    if unknown := sorted(set(by_split) - set(files)):
        raise ParameterError(f"format: {unknown[0]!r} is not a split with a file; {did_you_mean(unknown[0], files)}")
    forms = {}
    for split, path in files.items():
        form = by_split.get(split)
        if form is None:
            form = "brat" if path.is_dir() else detect_format(path, tags=tags)
            if form == "brat" and not tags:
                raise ParameterError(
                    f"{path} is a folder; a task of this kind is read from a file ({', '.join(known)}), so name one"
                )
            if not form:
                raise ParameterError(
                    f"{path}: unknown suffix; use one of the formats {', '.join(known)} and name it with --format"
                )
        elif form not in known or (form == "brat") != path.is_dir():
            check_choice("format", form, known)
            fitting = ["brat"] if path.is_dir() else [name for name in known if name != "brat"]
            raise ParameterError(f"format={str(form)!r} does not fit {path.name}; use {any_of(fitting)}")
        else:
            form = NAMES.get(form, form)
            if tags:
                form = detect_tagged_format(path, "tagged-jsonl") if form == "jsonl" else AS_SPANS.get(form, form)
        forms[split] = form
    return forms


def task_name(chosen: str | None, train: Path) -> str:
    """The task's name: as given, or from train's file (or its folder, if the file is called train).

    Raises:
        ParameterError: a BLURB task has that name.
    """
    stem = chosen
    if stem is None:
        resolved = train.resolve()
        stem = resolved.parent.name if resolved.stem.lower() in SPLIT_NAMES["train"] else resolved.stem
    name = _NAME.sub("-", str(stem)).strip(" .-")[:60] or "own"
    if any(plain_name(name) == plain_name(task.name) for task in (*TASKS, *OTHER_TASKS)):
        if chosen is not None:
            raise ParameterError(f"name={name!r} is a task of BLURB; choose another name")
        return f"own {name}"
    return name
