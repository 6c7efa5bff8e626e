"""A study's tasks by type, and as columns of tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import ParameterError
from ..tasks import TASKS, Task
from .grid import TaskColumn

PAPER_COLUMNS = {"similarity": "SS", "question": "QA"}  # task type -> the paper's column


class TaskChoice:
    """The tasks that a study's parameters name."""

    tasks: tuple[Task, ...]

    def tasks_of(self, task_type: str) -> tuple[Task, ...]:
        """The study's tasks of a type (similarity, question). Raises ParameterError: there is none."""
        chosen = tuple(task for task in self.tasks if task.task_type == task_type)
        if not chosen:
            known = " or ".join(task.name for task in TASKS if task.task_type == task_type)
            raise ParameterError(f"tasks={[task.name for task in self.tasks]!r} has no {task_type} task; add {known}")
        return chosen

    def named_tasks(self, parameter: str, names: Iterable[str], *, task_types: Sequence[str]) -> tuple[Task, ...]:
        """The study's tasks among those that a parameter names. Raises ParameterError: it names one of another type."""
        known = [task.name for task in TASKS if task.task_type in task_types]
        for name in names:
            if name not in known:
                raise ParameterError(f"{parameter}: {name!r} is not among {', '.join(known)}")
        return tuple(task for task in self.tasks if task.name in names)

    def task_columns(self, task_type: str) -> tuple[TaskColumn, ...]:
        return tuple(TaskColumn(label=task.name, tasks=(task.name,)) for task in self.tasks_of(task_type))

    def paper_columns(self) -> tuple[TaskColumn, ...]:
        """SS and QA as in the paper; where QA lacks a task, its label names the other."""
        columns = []
        for task_type, column in PAPER_COLUMNS.items():
            chosen = tuple(task.name for task in self.tasks if task.task_type == task_type)
            complete = set(chosen) == {task.name for task in TASKS if task.task_type == task_type}
            suffix = "" if complete else f" ({' and '.join(chosen)} alone)"
            label = "paper" if complete else "paper, mean of both"
            if chosen:
                columns.append(TaskColumn(label=column + suffix, tasks=chosen, paper=column, paper_label=label))
        return tuple(columns)
