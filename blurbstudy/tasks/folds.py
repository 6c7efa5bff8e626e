"""Resampled splits: all examples of a task are pooled and divided into K test folds, in R repeats.

A test set of 20 pairs says little about a model, whichever 20 they are. Over K folds every example is in exactly one
test set, and another repeat divides anew. Folds are stratified by label or score, and documents stay whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..config import MAX_FOLDS
from ..errors import DataError, ParameterError
from .custom.dev_split import EXAMPLE, label_strata
from .task import Task

RESAMPLED_TASKS = ("BIOSSES", "PubMedQA", "BioASQ")  # and custom ones; other test sets are large enough
OFFICIAL = "official"  # no resampled splits
MIN_FOLD_UNITS = 2  # of a test fold; a score that leaves one unit out needs another
_COUNTED_DOCUMENT = re.compile(r"d\d+")  # of CoNLL files that do not name their documents
_SEED = 20210909
_SPLITS = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")


class ResampledSplits(NamedTuple):
    """K test folds in R repeats."""

    n_folds: int
    n_repeats: int

    def __str__(self) -> str:
        return f"{self.n_folds}x{self.n_repeats}"

    def seed(self, fold: int, repeat: int) -> int:
        """The seed of a run: every fold of every repeat has its own."""
        return repeat * self.n_folds + fold + 1

    def folds(self) -> list[tuple[int, int]]:
        """(fold, repeat) of every run."""
        return [(fold, repeat) for repeat in range(self.n_repeats) for fold in range(self.n_folds)]


def parse_splits(text: str) -> ResampledSplits | None:
    """`5x4`: 5 folds in 4 repeats; None for `official`.

    Raises:
        ParameterError: neither, or out of bounds.
    """
    if text == OFFICIAL:
        return None
    match = _SPLITS.fullmatch(str(text))
    if match is None or not 2 <= int(match[1]) <= MAX_FOLDS or int(match[2]) > MAX_FOLDS:
        raise ParameterError(
            f"splits={text!r}: use official, or FOLDSxREPEATS such as 5x4, with 2 folds or more and at most "
            f"{MAX_FOLDS:,} of either"
        )
    return ResampledSplits(int(match[1]), int(match[2]))


def check_resampled(task: Task) -> None:
    """Refuse a task that has no resampled splits.

    Raises:
        ParameterError: it has not.
    """
    if task.custom is None and task.name not in RESAMPLED_TASKS:
        known = ", ".join(RESAMPLED_TASKS)
        raise ParameterError(f"splits: {task.name} has no resampled splits; use official, or {known} or your own task")


def resampled_sizes(sizes: Mapping[str, int], n_folds: int) -> dict[str, int]:
    """Split -> expected number of examples of one fold, from those of the task's own splits."""
    total = sum(sizes.values())
    test = round(total / n_folds)
    dev = round((total - test) * dev_share(sizes))
    return {"train": total - test - dev, "dev": dev, "test": test}


def dev_share(sizes: Mapping[str, int]) -> float:
    """Dev's share of train and dev."""
    return sizes["dev"] / (sizes["train"] + sizes["dev"])


class LabelledSplit(Protocol):
    """The labels of a split."""

    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def units(self) -> tuple[str, ...]: ...
    @property
    def gold(self) -> tuple[str | float, ...]: ...


def pooled_names(splits: Mapping[str, LabelledSplit]) -> tuple[list[str], list[str]]:
    """Ids and units of the examples of all splits, one after another.

    Ids are prefixed by their split, and so are units unless they name a document, which may be in several splits.
    """
    ids, units = [], []
    for split, labelled in splits.items():
        for name, unit in zip(labelled.ids, labelled.units, strict=True):
            ids.append(f"{split}:{name}")
            named = unit != name and not _COUNTED_DOCUMENT.fullmatch(unit)
            units.append(unit if named else f"{split}:{unit}")
    return ids, units


def fold_indices(
    task: Task, splits: Mapping[str, LabelledSplit], *, n_folds: int, fold: int, repeat: int
) -> dict[str, np.ndarray]:
    """Split -> indices of its examples among those of all splits, one after another, ascending.

    Args:
        splits: train, dev and, if the task has one, test.

    Raises:
        DataError: the documents are too few for so many folds.
    """
    _, units = pooled_names(splits)
    strata = label_strata(task, [label for split in splits.values() for label in split.gold])
    n_units = len(set(units))
    if n_units < MIN_FOLD_UNITS * n_folds:
        raise DataError(
            f"{task.name}: {n_units} documents or independent examples are too few for {n_folds} test folds of "
            f"{MIN_FOLD_UNITS} or more; use at most {n_units // MIN_FOLD_UNITS} folds"
        )
    rng = np.random.default_rng([_SEED, n_folds, repeat])
    fold_of = _assign(units, strata, shares=[1 / n_folds] * n_folds, rng=rng)
    rest = np.flatnonzero(fold_of != fold)
    sizes = {split: len(labelled.ids) for split, labelled in splits.items()}
    share = dev_share(sizes)
    rng = np.random.default_rng([_SEED, n_folds, repeat, fold])
    is_train = _assign([units[i] for i in rest], [strata[i] for i in rest], shares=[share, 1 - share], rng=rng)
    found = {"train": rest[is_train == 1], "dev": rest[is_train == 0], "test": np.flatnonzero(fold_of == fold)}
    if empty := [split for split, indices in found.items() if not len(indices)]:
        where = f"{task.name}: fold {fold + 1} of {n_folds}"
        raise DataError(f"{where} leaves no documents for {empty[0]}; use other splits, or official")
    return found


def _assign(
    units: Sequence[str], strata: Sequence[Counter[str]], *, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """The part of each example (n,), whole units at a time: the largest first, among equals one label after another
    in random order, each to the part that then deviates least from its share of every stratum (chi-square; the size
    counts as much as all other strata).
    """
    members: dict[str, list[int]] = {}
    for i, unit in enumerate(units):
        members.setdefault(unit, []).append(i)
    groups = list(members.values())
    names = sorted(set().union(*strata))
    column = {name: j for j, name in enumerate(names)}
    counts = np.zeros((len(groups), len(names)))  # (units, strata)
    for row, group in zip(counts, groups, strict=True):
        for i in group:
            for name, count in strata[i].items():
                row[column[name]] += count
    weights = 1 / counts.sum(axis=0)
    weights[column[EXAMPLE]] *= max(1, len(names) - 1)
    part_shares = np.asarray(shares)[:, None]  # (parts, 1)
    excess = -part_shares * counts.sum(axis=0)  # (parts, strata)
    by_label = np.where(np.arange(len(names)) == column[EXAMPLE], 0, counts).argmax(axis=1)
    order = rng.permutation(len(groups))
    order = order[np.lexsort((by_label[order], -counts[order, column[EXAMPLE]]))]  # stable
    part_of = np.empty(len(units), np.int64)
    for i in order:
        change = ((2 * excess + counts[i]) * counts[i] * weights / part_shares).sum(axis=1)
        part = int(change.argmin())
        excess[part] += counts[i]
        part_of[groups[i]] = part
    return part_of
