"""The gold labels of one fold of resampled splits, from the stored ones of all splits."""

from __future__ import annotations

from collections.abc import Mapping

from ..tasks import SPLITS, Task
from ..tasks.folds import fold_indices, pooled_names
from .run_store import Gold


def fold_gold(task: Task, gold: Mapping[str, Gold], *, n_folds: int, fold: int, repeat: int) -> dict[str, Gold]:
    """Split -> gold labels of a fold; ids are prefixed by the split that they come from.
    `gold`: of train, dev and, if the task has one, test.
    Raises DataError: the documents are too few for so many folds.
    """
    gold = {split: gold[split] for split in SPLITS if split in gold}
    ids, units = pooled_names(gold)
    labels = [label for split in gold.values() for label in split.gold]
    return {
        split: Gold(
            ids=tuple(ids[i] for i in indices),
            units=tuple(units[i] for i in indices),
            gold=tuple(labels[i] for i in indices),
        )
        for split, indices in fold_indices(task, gold, n_folds=n_folds, fold=fold, repeat=repeat).items()
    }
