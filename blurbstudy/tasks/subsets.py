"""Nested subsets of train for learning curves: halves of halves, stratified by label, documents whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from .custom.dev_split import assign_groups, label_strata
from .folds import LabelledSplit
from .task import Task

MIN_UNITS = 4  # documents, or independent examples, of the smallest subset
_SEED = 20210909


def subset_indices(task: Task, train: LabelledSplit, *, share: float, seed: int) -> np.ndarray:
    """Indices of a share of the training examples, ascending. Of one seed, a smaller share is part of every larger one.

    Args:
        share: 1, 1/2, 1/4, ...
        seed: draws the subsets.

    Raises:
        DataError: documents are too few.
    """
    check_subsets(task, train, share=share)
    strata, indices, left = label_strata(task, train.gold), np.arange(len(train.gold)), 1.0
    while left > share:
        groups = _groups([train.units[i] for i in indices])
        counts = [sum((strata[indices[i]] for i in group), Counter()) for group in groups]
        chosen = assign_groups(counts, share=0.5, rng=np.random.default_rng([_SEED, seed, round(1 / left)]))
        kept = [i for group, is_in in zip(groups, chosen, strict=True) if is_in for i in group]
        indices, left = indices[sorted(kept)], left / 2
    return indices


def check_subsets(task: Task, train: LabelledSplit, *, share: float) -> None:
    """Refuse a share that holds too few documents.

    Raises:
        DataError: it does.
    """
    n_units = len(set(train.units))
    if share < 1 and n_units * share < MIN_UNITS:
        raise DataError(
            f"{task.name}: train has {n_units} documents or independent examples, too few for subsets of {share:g} of "
            f"it; {round(MIN_UNITS / share)} are needed"
        )


def _groups(units: Sequence[str]) -> list[list[int]]:
    """Positions of the examples of each document."""
    members: dict[str, list[int]] = {}
    for i, unit in enumerate(units):
        members.setdefault(unit, []).append(i)
    return list(members.values())
