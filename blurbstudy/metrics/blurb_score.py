"""The BLURB score (Gu et al. 2021): the mean over task groups of each group's mean, so the five NER tasks together
weigh as much as the one similarity task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..errors import ParameterError


def blurb_score(scores: Mapping[str, float | None], *, groups: Mapping[str, str]) -> float:
    """The BLURB score, in the unit of the scores.

    Args:
        scores: task -> score.
        groups: task -> group; every task listed here needs a score.
    """
    means = group_means(scores, groups=groups)
    return math.fsum(means.values()) / len(means)


def group_means(scores: Mapping[str, float | None], *, groups: Mapping[str, str]) -> dict[str, float]:
    """Group -> mean of its tasks' scores, in the order of `groups`.

    Raises:
        ParameterError: groups is empty, or a task has no finite score.
    """
    if not groups:
        raise ParameterError("groups is empty; map every task to its group")
    finite = {task: score for task, score in scores.items() if score is not None and math.isfinite(score)}
    if missing := [task for task in groups if task not in finite]:
        raise ParameterError(
            f"the BLURB score needs finite scores of {len(groups)} tasks; missing: {', '.join(missing)}; run them first"
        )
    members: dict[str, list[float]] = {}
    for task, group in groups.items():
        members.setdefault(group, []).append(float(finite[task]))
    return {group: math.fsum(values) / len(values) for group, values in members.items()}
