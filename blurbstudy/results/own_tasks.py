"""Tasks of one's own in a run store: their definitions lie beside the gold labels, so that tables rebuild from it."""

from __future__ import annotations

from ..errors import StoreError
from ..tasks import Task, get_task, task_from_dict, task_to_dict
from .store import RunStore

FACT = "tasks"  # kind of fact


def keep_task(store: RunStore, task: Task, data: str) -> None:
    """Keep the definition of a task of one's own, under its name and its data's fingerprint."""
    if task.own:
        store.put_fact(FACT, _key(task.name, data), task_to_dict(task))


def task_of(store: RunStore, name: str, data: str) -> Task:
    """The task of runs: the one of one's own that the store knows by name and data, else BLURB's of that name.

    Raises:
        ParameterError: there is none.
        StoreError: what the store keeps is no task.
    """
    kept = store.fact(FACT, _key(name, data))
    if kept is None:
        return get_task(name)
    try:
        return task_from_dict(kept)
    except (KeyError, TypeError, AttributeError) as error:
        remedy = "fine-tune with this task again, and the store has it"
        raise StoreError(
            f"{store.folder}: the task {name!r} cannot be read ({type(error).__name__}); {remedy}"
        ) from None


def _key(name: str, data: str) -> str:
    return f"{name} {data}"
