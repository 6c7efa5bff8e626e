"""Definitions of custom tasks in a run store, from which its tables are rebuilt without the data."""

from __future__ import annotations

from pathlib import Path

from ..config import JsonMapping
from ..errors import StoreError
from ..metrics import METRICS
from ..tasks import Task, get_task, task_from_dict, task_to_dict
from .run_store import RunStore

METADATA_KIND = "tasks"


def save_task(store: RunStore, task: Task, data: str) -> None:
    """Save the definition of a custom task under its name and its data's fingerprint."""
    if task.custom:
        store.put_metadata(METADATA_KIND, _key(task.name, data), task_to_dict(task))


def stored_task(store: RunStore, name: str, data: str) -> Task:
    """The custom task of that name and data in the store, otherwise BLURB's task of that name."""
    values = store.metadata(METADATA_KIND, _key(name, data))
    return get_task(name) if values is None else _parse_task(name, values, folder=store.folder)


def _parse_task(name: str, values: JsonMapping, *, folder: Path) -> Task:
    try:
        task = task_from_dict(values)
        labels_are_text = all(isinstance(label, str) for label in (*task.labels, *task.positive_labels))
        if labels_are_text and task.metric in METRICS and task.output:  # the last one fails for an unknown task type
            return task
        reason = f"labels or metric {task.metric!r}"
    except (KeyError, TypeError, AttributeError) as error:
        reason = type(error).__name__
    raise StoreError(f"{folder}: the task {name!r} cannot be read ({reason}); fine-tune it again to store it again")


def _key(name: str, data: str) -> str:
    return f"{name} {data}"
