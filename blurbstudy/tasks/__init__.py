"""Tasks: what is learned. The BLURB entries, their files read into examples, datasets and packed features."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, ParameterError
from ..paths import DATA_SETTING
from .blurb import TASKS
from .others import OTHER_TASKS
from .readers import READERS
from .task import (
    OUTPUTS,
    OUTSIDE,
    SPLITS,
    Example,
    Task,
    example_size,
    split_labels,
    split_tags,
    trivial_predictions,
)

if TYPE_CHECKING:
    import datasets

__all__ = [
    "ALL_TASKS", "OUTPUTS", "OUTSIDE", "READERS", "SPLITS", "TASKS", "Example", "Task", "data_fingerprint",
    "dataset_folder", "example_size", "get_task", "read_split", "read_task", "split_file", "split_labels", "split_tags",
    "to_datasets", "trivial_predictions",
]  # fmt: skip


ALL_TASKS = (*TASKS, *OTHER_TASKS)  # BLURB's, and others


def get_task(name: str) -> Task:
    """The task of that name; letter case, spaces, hyphens and underscores are ignored ("ebm-pico").

    Raises:
        ParameterError: there is none.
    """
    for task in ALL_TASKS:
        if _plain(task.name) == _plain(str(name)):
            return task
    raise ParameterError(f"task={name!r} is unknown; use {', '.join(task.name for task in ALL_TASKS)}")


def read_task(task: Task, folder: Path | str) -> dict[str, list[Example]]:
    """Split -> its examples in file order; `folder` is the one that holds the datasets' folders.

    Raises:
        DataError: a file is missing or malformed.
    """
    return {split: read_split(task, folder, split=split) for split in SPLITS}


def read_split(task: Task, folder: Path | str, *, split: str) -> list[Example]:
    """The examples of one split in file order.

    Raises:
        DataError: the file is missing or malformed.
    """
    return READERS[task.reader](split_file(task, folder, split=split), task)


def to_datasets(task: Task, folder: Path | str) -> datasets.DatasetDict:
    """The task as a datasets.DatasetDict: splits train, dev, test; columns id, unit, the inputs, and what is predicted.

    Tagged sentences have words (strings) and tags (ClassLabels), documents text and labels (ClassLabels), all others
    their texts and label: a ClassLabel, or a float for a score.

    Raises:
        DataError: a file is missing or malformed.
    """
    import datasets

    inputs, target = _features(task)
    features = datasets.Features({"id": datasets.Value("string"), "unit": datasets.Value("string")} | inputs | target)
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(_columns(task, examples, list(inputs), *target), features=features)
            for split, examples in read_task(task, folder).items()
        }
    )


def _features(task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """The datasets features of a task's inputs, and of what is predicted (one column)."""
    import datasets

    text = datasets.Value("string")
    label = datasets.Value("float64") if task.is_regression else datasets.ClassLabel(names=list(task.labels))
    if task.output == "tags":
        return {"words": datasets.Sequence(text)}, {"tags": datasets.Sequence(label)}
    inputs = dict.fromkeys(task.text_columns, text)
    if task.output == "label_set":
        return inputs, {"labels": datasets.Sequence(label)}
    return inputs, {"label": label}


def _columns(task: Task, examples: list[Example], inputs: list[str], target: str) -> dict[str, list[Any]]:
    columns = {"id": [e.id for e in examples], "unit": [e.unit for e in examples]}
    if task.output == "tags":
        return columns | {"words": [list(e.texts) for e in examples], target: [split_tags(e.label) for e in examples]}
    columns |= {name: [e.texts[i] for e in examples] for i, name in enumerate(inputs)}
    split = split_labels if task.output == "label_set" else lambda label: label
    return columns | {target: [split(e.label) for e in examples]}


def data_fingerprint(task: Task, folder: Path | str) -> str:
    """20 hexadecimal digits of a SHA-256 over the bytes of the task's split files.

    Raises:
        DataError: a file is missing.
    """
    digest = hashlib.sha256()
    for split in SPLITS:
        data = split_file(task, folder, split=split).read_bytes()
        digest.update(f"{split} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:20]


def split_file(task: Task, folder: Path | str, *, split: str) -> Path:
    """The file of a split: the one named by the task, or its substitute where that is absent and the task has one.

    Raises:
        DataError: the file or its folder is missing.
    """
    within = _task_folder(task, Path(folder))
    names = [task.files[split], *filter(None, [task.substitutes.get(split)])]
    for name in names:
        if (within / name).is_file():
            return within / name
    instead = "".join(f" (or {name})" for name in names[1:])
    raise DataError(
        f"{within / names[0]}: no such file{instead}; {task.name} needs it for its {split} split; get it: {task.source}"
    )


def dataset_folder(task: Task, folder: Path) -> Path:
    """The folder of a dataset in the data folder: the one that is there in whatever letter case, else the task's.

    Raises:
        DataError: two are there, neither of them named as the task says.
    """
    if not folder.is_dir() or (folder / task.folder).is_dir():
        return folder / task.folder
    found = sorted(path for path in folder.iterdir() if path.name.lower() == task.folder.lower() and path.is_dir())
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder}: {names} differ in letter case alone; keep one and name it {task.folder}")
    return found[0] if found else folder / task.folder


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _task_folder(task: Task, folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected the folder that holds the BLURB datasets; name it with --data or in "
            f"the environment setting {DATA_SETTING}"
        )
    if (within := dataset_folder(task, folder)).is_dir():
        return within
    raise DataError(
        f"{folder}: has no folder {task.folder!r} (letter case ignored); expected {', '.join(task.files.values())} in "
        f"it; put them there ({task.source}) or name another folder with --data"
    )
