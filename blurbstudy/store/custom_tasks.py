"""Tasks of one's own in a run store: their definitions lie beside the gold labels, so that tables rebuild from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..metrics import METRICS
from ..tasks import Task, get_task, task_from_dict, task_to_dict
from .run_store import RunStore, fact_file

FACT = "tasks"  # kind of fact


def keep_task(store: RunStore, task: Task, data: str) -> None:
    """Keep the definition of a task of one's own, under its name and its data's fingerprint."""
    if task.custom:
        store.put_fact(FACT, _key(task.name, data), task_to_dict(task))


def task_of(store: RunStore, name: str, data: str) -> Task:
    """The task of runs: the one of one's own that the store knows by name and data, else BLURB's of that name.

    Raises:
        ParameterError: there is none.
        StoreError: what the store keeps is no task.
    """
    kept = store.fact(FACT, _key(name, data))
    return get_task(name) if kept is None else task_of_fact(name, kept, within=store.folder)


def task_of_fact(name: str, kept: Mapping[str, Any], *, within: Path) -> Task:
    """The task that a fact defines.

    Raises:
        StoreError: it is no task.
    """
    try:
        task = task_from_dict(kept)
        named = all(isinstance(label, str) for label in (*task.labels, *task.positive_labels))
        if named and task.metric in METRICS and task.output:  # of a kind that there is
            return task
        said = f"labels or metric {task.metric!r}"
    except (KeyError, TypeError, AttributeError) as error:
        said = type(error).__name__
    raise StoreError(
        f"{within}: the task {name!r} cannot be read ({said}); fine-tune with this task again, and the store has it"
    )


def task_file(name: str, data: str) -> str:
    """Where the definition of a task of one's own lies in a store's folder."""
    return fact_file(FACT, _key(name, data))


def _key(name: str, data: str) -> str:
    return f"{name} {data}"
