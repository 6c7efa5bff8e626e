"""Tasks: what is learned. The BLURB entries, their files read into examples, datasets and packed features."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, ParameterError
from ..paths import DATA_SETTING
from .blurb import TASKS
from .readers import READERS
from .task import SPLITS, Example, Task, trivial_prediction

if TYPE_CHECKING:
    import datasets

__all__ = [
    "READERS", "SPLITS", "TASKS", "Example", "Task", "data_fingerprint", "get_task", "read_split", "read_task",
    "split_file", "to_datasets", "trivial_prediction",
]  # fmt: skip


def get_task(name: str) -> Task:
    """The task of that name; letter case is ignored.

    Raises:
        ParameterError: there is none.
    """
    for task in TASKS:
        if task.name.lower() == str(name).strip().lower():
            return task
    raise ParameterError(f"task={name!r} is unknown; use {', '.join(task.name for task in TASKS)}")


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
    """The task as a datasets.DatasetDict (splits train, dev, test) with columns id, unit, the texts, and label: a
    ClassLabel, or a float for a score.

    Raises:
        DataError: a file is missing or malformed.
    """
    import datasets

    text = datasets.Value("string")
    label = datasets.Value("float64") if task.is_regression else datasets.ClassLabel(names=list(task.labels))
    features = {"id": text, "unit": text} | dict.fromkeys(task.text_columns, text) | {"label": label}
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {"id": [e.id for e in examples], "unit": [e.unit for e in examples]}
                | {name: [e.texts[i] for e in examples] for i, name in enumerate(task.text_columns)}
                | {"label": [e.label for e in examples]},
                features=datasets.Features(features),
            )
            for split, examples in read_task(task, folder).items()
        }
    )


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
    """The file of a split.

    Raises:
        DataError: the file or its folder is missing.
    """
    path = _task_folder(task, Path(folder)) / task.files[split]
    if not path.is_file():
        raise DataError(f"{path}: no such file; {task.name} needs it for its {split} split; get it: {task.source}")
    return path


def _task_folder(task: Task, folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; expected the folder that holds the BLURB datasets; name it with --data or in "
            f"the environment setting {DATA_SETTING}"
        )
    if (folder / task.folder).is_dir():
        return folder / task.folder
    found = sorted(path for path in folder.iterdir() if path.name.lower() == task.folder.lower() and path.is_dir())
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{folder}: {names} differ in letter case alone; keep one and name it {task.folder}")
    raise DataError(
        f"{folder}: has no folder {task.folder!r} (letter case ignored); expected {', '.join(task.files.values())} in "
        f"it; put them there ({task.source}) or name another folder with --data"
    )
