"""The BLURB score: the mean over task groups of the mean within each (Gu et al. 2021), so five NER tasks weigh as one
similarity task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..errors import ParameterError


def blurb_score(scores: Mapping[str, float | None], *, groups: Mapping[str, str]) -> float:
    """In the unit of `scores` (task -> score); `groups` (task -> group) says which tasks it takes, all of them.

    Raises:
        ParameterError: there are no groups, or a task has no score or one that is not finite.
    """
    means = group_means(scores, groups=groups)
    return math.fsum(means.values()) / len(means)


def group_means(scores: Mapping[str, float | None], *, groups: Mapping[str, str]) -> dict[str, float]:
    """Group -> mean of its tasks' scores, in the order of `groups`.

    Raises:
        ParameterError: there are no groups, or a task has no score or one that is not finite.
    """
    if not groups:
        raise ParameterError("groups={} names no task; give a mapping of every task to its group")
    if missing := [task for task in groups if not _is_score(scores.get(task))]:
        raise ParameterError(
            f"the BLURB score needs {len(groups)} tasks and has no finite score of {', '.join(missing)}; run them first"
        )
    members: dict[str, list[float]] = {}
    for task, group in groups.items():
        members.setdefault(group, []).append(float(scores[task]))
    return {group: math.fsum(values) / len(values) for group, values in members.items()}


def _is_score(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
