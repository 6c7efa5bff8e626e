"""The files of a task of one's own: one a split, or a directory of them; their format; the task's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError, ParameterError
from ..blurb import OTHER_TASKS, TASKS
from ..task import SPLITS, plain_name
from .formats import AS_SPANS, SUFFIXES, recognized_tags

SPLIT_NAMES = {  # split -> stems of its file in a directory
    "train": ("train", "training"),
    "dev": ("dev", "devel", "development", "valid", "validation", "val"),
    "test": ("test", "testing"),
}
_NAME = re.compile(r"[^\w. -]+")


def beside(path: Path, files: Any) -> Any:
    """File names relative to the folder of a definition."""
    if isinstance(files, Mapping):
        return {split: path.parent / Path(str(file)).expanduser() for split, file in files.items() if file}
    return path.parent / Path(str(files)).expanduser()


def near(path: str) -> Path:
    """A file as one would name it from here, for messages: relative where it lies below the working directory."""
    own, here = Path(path), Path.cwd()
    return own.relative_to(here) if own.is_relative_to(here) else own


def split_files(files: Any) -> dict[str, Path]:
    """Split -> file, in the order of SPLITS.

    Raises:
        ParameterError: no train file, or another split is named.
        DataError: a file or the directory is missing, or two could be meant.
    """
    if not isinstance(files, Mapping):
        return _files_in(Path(files).expanduser())
    if unknown := sorted(set(files) - set(SPLITS)):
        raise ParameterError(f"files: {unknown[0]!r} is no split; use {', '.join(SPLITS)}")
    found = {split: Path(files[split]).expanduser() for split in SPLITS if files.get(split) is not None}
    if "train" not in found:
        raise ParameterError("files: no train file; name it (--train FILE, or train: FILE under files:)")
    for split, path in found.items():
        if not path.is_file() and not is_standoff_folder(path):
            other = "a device, pipe or socket, no file" if path.exists() else "no such file"
            found_there = "a folder without brat's .txt and .ann files" if path.is_dir() else other
            raise DataError(f"{path}: {found_there}; it was named for the {split} split; check the path")
    return found


def is_standoff_folder(path: Path) -> bool:
    """Whether a folder holds documents as brat keeps them."""
    return path.is_dir() and any(path.glob("*.txt")) and any(path.glob("*.ann"))


def _files_in(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name one that holds train.*, dev.* and test.*, or name the files")
    found = {}
    for split, stems in SPLIT_NAMES.items():
        own = sorted(p for p in folder.iterdir() if p.stem.lower() in stems and _is_data(p))
        if len(own) > 1:
            names = ", ".join(path.name for path in own)
            raise DataError(f"{folder}: {names} could each be the {split} split; name the files under files:")
        if own:
            found[split] = own[0]
    if "train" not in found and is_standoff_folder(folder):
        raise DataError(
            f"{folder}: no folder train, dev or test in it; if all of it is to learn from: --train {folder}"
        )
    if "train" not in found:
        raise DataError(f"{folder}: no file train.* ({', '.join(SUFFIXES)}); rename yours, or name the files")
    return found


def _is_data(path: Path) -> bool:
    return is_standoff_folder(path) if path.is_dir() else path.suffix.lower() in SUFFIXES


def file_formats(files: Mapping[str, Path], given: Any, *, tags: bool) -> dict[str, str]:
    """Split -> key of FORMATS: the one given (of all files, or by split), or by a file's ending and its beginning.

    Raises:
        ParameterError: none is known, or it does not fit.
        DataError: a file cannot be read.
    """
    known = ("conll", "jsonl", "csv", "tsv", "brat", "pubtator") if tags else ("tsv", "csv", "jsonl")
    said = dict(given) if isinstance(given, Mapping) else dict.fromkeys(files, given)
    if unknown := sorted(set(said) - set(files)):
        raise ParameterError(f"format: {unknown[0]!r} is no split with a file; use {', '.join(files)}")
    forms = {}
    for split, path in files.items():
        form = said.get(split)
        if form is None:
            form = "brat" if path.is_dir() else SUFFIXES.get(path.suffix.lower(), ("", ""))[tags]
            if not form or (form == "brat" and not tags):
                raise ParameterError(
                    f"{path}: its ending tells none of the formats {', '.join(known)}; save it as one, or name it"
                )
            form = recognized_tags(path, form) if tags else form
        elif form not in known or (form == "brat") != path.is_dir():
            raise ParameterError(f"format={str(form)!r} does not fit {path.name}; use {' or '.join(known)}")
        elif tags:
            form = recognized_tags(path, "tagged-jsonl") if form == "jsonl" else AS_SPANS.get(form, form)
        forms[split] = form
    return forms


def task_name(given: str | None, train: Path) -> str:
    """The name given, or the one of train's file (of its folder, where that is called train): no task of BLURB's.

    Raises:
        ParameterError: one of the study's tasks has it.
    """
    stem = given
    if stem is None:
        resolved = train.resolve()
        stem = resolved.parent.name if resolved.stem.lower() in SPLIT_NAMES["train"] else resolved.stem
    name = _NAME.sub("-", str(stem)).strip(" .-")[:60] or "own"
    if any(plain_name(name) == plain_name(task.name) for task in (*TASKS, *OTHER_TASKS)):
        if given is not None:
            raise ParameterError(f"name={name!r} is a task's of the study; give your task another name")
        return f"own {name}"
    return name
