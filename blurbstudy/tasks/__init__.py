"""Tasks: BLURB's datasets and custom ones, read into examples, datasets and packed features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import JsonObject, canonical_json
from ..errors import DataError, ParameterError, did_you_mean
from ..paths import DATA_ENV
from .blurb import OTHER_TASKS, TASKS
from .custom.definition import custom_task, load_custom_task
from .custom.dev_split import split_dev
from .custom.formats import FOLDERS
from .formats.blurb_files import READERS
from .formats.standoff import standoff_files
from .serialization import fingerprint_values, task_from_dict, task_to_dict
from .task import (
    OUTPUT_TYPES,
    OUTSIDE,
    SPLITS,
    CustomForm,
    Example,
    Task,
    example_size,
    plain_name,
    split_labels,
    split_tags,
    trivial_predictions,
)

if TYPE_CHECKING:
    import datasets

ALL_TASKS = (*TASKS, *OTHER_TASKS)  # BLURB's and additional datasets
_LIST_TASKS = "`blurbstudy data list` lists BLURB's"


def get_task(name: str, *, kinds: Sequence[str] = ()) -> Task:
    """The task of that name; letter case, spaces, hyphens and underscores are ignored ("ebm-pico").

    Args:
        kinds: words that would have done instead of a name, to suggest.

    Raises:
        ParameterError: no task has that name.
    """
    for task in ALL_TASKS:
        if plain_name(task.name) == plain_name(str(name)):
            return task
    known = [*(task.name for task in ALL_TASKS), *kinds]
    otherwise = f"{_LIST_TASKS}; kinds of task are {', '.join(kinds)}" if kinds else _LIST_TASKS
    raise ParameterError(f"task={name!r} is unknown; {did_you_mean(str(name), known, otherwise=otherwise)}")


def read_task(task: Task, folder: Path | str = ".") -> dict[str, list[Example]]:
    """Split -> its examples in file order.

    Args:
        folder: the data folder, which contains the datasets' folders; a custom task ignores it.

    Raises:
        DataError: a file is missing or malformed.
    """
    examples = {split: _read_file(task, folder, split=split) for split in task.splits if split in task.files}
    if "dev" not in examples:
        examples["train"], examples["dev"] = split_dev(task, examples["train"])
    return {split: examples[split] for split in task.splits}


def read_split(task: Task, folder: Path | str = ".", *, split: str) -> list[Example]:
    """The examples of one split in file order.

    Raises:
        DataError: the file is missing or malformed, or the task lacks the split.
    """
    if split not in task.splits:
        raise DataError(f"{task.name} has no {split} split; use {' or '.join(task.splits)}, or add a file for it")
    if task.custom and task.custom.dev_share and split != "test":
        return read_task(task, folder)[split]
    return _read_file(task, folder, split=split)


def _read_file(task: Task, folder: Path | str, *, split: str) -> list[Example]:
    form = task.of_split(split)
    return READERS[form.reader](split_file(task, folder, split=split), form)


def to_datasets(task: Task, folder: Path | str = ".") -> datasets.DatasetDict:
    """The task as a datasets.DatasetDict with splits train, dev, test and columns id, unit, inputs and target.

    Tagged sentences have words (strings) and tags (ClassLabels), documents text and labels (ClassLabels). Other tasks
    have their texts and label, a ClassLabel or a float for a score.
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


def _features(task: Task) -> tuple[JsonObject, JsonObject]:
    """The datasets features of the inputs and of the target (one column)."""
    import datasets

    text = datasets.Value("string")
    label = datasets.Value("float64") if task.is_regression else datasets.ClassLabel(names=list(task.labels))
    if task.output == "token_labels":
        return {"words": datasets.Sequence(text)}, {"tags": datasets.Sequence(label)}
    inputs = dict.fromkeys(task.text_columns, text)
    if task.output == "multi_label":
        return inputs, {"labels": datasets.Sequence(label)}
    return inputs, {"label": label}


def _columns(task: Task, examples: list[Example], inputs: list[str], target: str) -> dict[str, list]:
    columns = {"id": [e.id for e in examples], "unit": [e.unit for e in examples]}
    if task.output == "token_labels":
        return columns | {
            "words": [list(e.texts) for e in examples],
            target: [split_tags(str(e.label)) for e in examples],
        }
    columns |= {name: [e.texts[i] for e in examples] for i, name in enumerate(inputs)}
    if task.output == "multi_label":
        return columns | {target: [split_labels(str(e.label)) for e in examples]}
    return columns | {target: [e.label for e in examples]}


def data_fingerprint(task: Task, folder: Path | str = ".") -> str:
    """20 hexadecimal digits of a SHA-256 over the bytes of the task's split files.

    For a custom task it also covers the parts of the definition that decide what is read, predicted or scored.
    """
    digest = hashlib.sha256()
    if task.custom:
        digest.update(canonical_json(fingerprint_values(task)).encode())
    for split in filter(task.files.__contains__, SPLITS):
        data = _content(split_file(task, folder, split=split))
        digest.update(f"{split} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:20]


def _content(path: Path) -> bytes:
    """The bytes of a file, or of the brat files in a folder with their names."""
    if not path.is_dir():
        return path.read_bytes()
    files = standoff_files(path)
    names = {file.relative_to(path).as_posix(): file for file in (*files.texts.values(), *files.annotations.values())}
    contents = [(name.encode(), names[name].read_bytes()) for name in sorted(names)]
    return b"".join(b"%d %s %d\n%s" % (len(name), name, len(data), data) for name, data in contents)


def split_file(task: Task, folder: Path | str, *, split: str) -> Path:
    """The file of a split, or its fallback if the file is missing and the task has one.

    Raises:
        DataError: the file or its folder is missing.
    """
    if task.custom:
        path = Path(task.files[split])
        if not (path.is_dir() if task.of_split(split).reader in FOLDERS else path.is_file()):
            raise DataError(f"{path}: no such file; {task.name} needs it for its {split} split; restore it")
        return path
    within = _task_folder(task, Path(folder))
    names = [task.files[split], *filter(None, [task.fallback_files.get(split)])]
    for name in names:
        if (within / name).is_file():
            return within / name
    instead = "".join(f" (or {name})" for name in names[1:])
    raise DataError(
        f"{within / names[0]}: no such file{instead}; {task.name} needs it for its {split} split; get it: {task.source}"
    )


def dataset_folder(task: Task, folder: Path) -> Path:
    """The folder of a dataset in the data folder; an existing one may differ from the task's name in letter case.

    Raises:
        DataError: several folders match, none of them exactly.
    """
    if not folder.is_dir() or (folder / task.folder).is_dir():
        return folder / task.folder
    matches = sorted(path for path in folder.iterdir() if path.name.lower() == task.folder.lower() and path.is_dir())
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches)
        raise DataError(f"{folder}: {names} differ only in letter case; keep one and name it {task.folder}")
    return matches[0] if matches else folder / task.folder


def _task_folder(task: Task, folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; name the folder of the BLURB datasets with --data or in the "
            f"environment variable {DATA_ENV}"
        )
    if (within := dataset_folder(task, folder)).is_dir():
        return within
    raise DataError(
        f"{folder}: has no folder {task.folder!r} (letter case ignored) with {', '.join(task.files.values())}; add "
        f"it ({task.source}) or name another folder with --data"
    )
