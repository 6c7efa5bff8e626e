"""Groups of tasks that tables are about: BLURB's kinds, and the recipe of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..config import Recipe
from ..tasks import TASKS
from .grid import Part
from .study import Study

BLURB = "BLURB score"


def blurb_parts(study: Study) -> tuple[Part, ...]:
    """One part per task and, where all of BLURB is there, its score: the mean over groups of the mean within each."""
    parts = [Part(label=task.name, tasks=(task.name,), paper=task.name) for task in study.tasks]
    if {task.name for task in study.tasks} == {task.name for task in TASKS}:
        sizes = Counter(task.group for task in study.tasks)
        weights = {task.name: 1 / (len(sizes) * sizes[task.group]) for task in study.tasks}
        parts.append(Part(label=BLURB, tasks=tuple(weights), paper=BLURB, weights=weights))
    return tuple(parts)


def kind_recipes(
    study: Study, *, epochs: Mapping[str, float], max_lengths: Mapping[str, float], shared: Mapping[str, object]
) -> dict[str, Recipe]:
    """Task -> recipe, with the epochs and lengths of its kind."""
    return {
        task.name: study.recipe(epochs=epochs[task.task_type], max_length=max_lengths[task.task_type], **shared)
        for task in study.tasks
    }
