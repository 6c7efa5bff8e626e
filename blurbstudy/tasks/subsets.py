"""Nested subsets of train for learning curves: halves of halves, stratified by label, documents whole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ..config import TRAIN_SHARES
from ..errors import DataError, ParameterError
from .custom.dev_split import assign_groups, label_strata
from .folds import LabelledSplit
from .task import Task

MIN_UNITS = 4  # documents, or independent examples, of the smallest subset
MIN_DRAWS = 5  # seeds of a learning curve
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


def share_of_at_most(most: int, n: int, *, task: str) -> float:
    """The largest share of n training examples that has at most so many.

    Raises:
        ParameterError: even the smallest share has more.
    """
    fitting = [share for share in TRAIN_SHARES if n * share <= most]
    if not fitting:
        raise ParameterError(
            f"max_train_examples={most}: {task} has {n:,} training examples, and 1/{round(1 / TRAIN_SHARES[-1])} of "
            f"them is the smallest part; use at least {math.ceil(n * TRAIN_SHARES[-1])}"
        )
    return fitting[0]


def describe_shares(shares: Mapping[str, float]) -> str:
    """The tasks (task -> share) that are trained on a part of their examples, for captions; '': none."""
    parts = ", ".join(f"1/{round(1 / share)} of {task}" for task, share in shares.items() if share < 1)
    return f" · trained on a part of the examples, drawn by the seed: {parts}" if parts else ""


def check_draws(n_seeds: int) -> None:
    """Check that a learning curve has enough seeds.

    Raises:
        ParameterError: it has not.
    """
    if n_seeds < MIN_DRAWS:
        raise ParameterError(
            f"a learning curve needs {MIN_DRAWS} seeds or more, since each draws its own subsets, but there are "
            f"{n_seeds}; use seeds 1-{MIN_DRAWS}"
        )


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
