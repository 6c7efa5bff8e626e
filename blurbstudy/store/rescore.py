"""Recomputes scores of imported runs from their predictions and the gold labels."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..config import JsonMapping
from ..errors import ParameterError, StoreError
from ..metrics import METRICS, score
from ..tasks import Task, get_task
from .folds import fold_gold
from .run_store import Gold

TOLERANCE = 1e-6  # the trainer holds values of a regression in float32, a store's gold labels have all digits
CACHED_GOLD = 64  # sets of gold labels in memory
CACHED_PAIRS = 300_000  # (gold label, prediction) pairs whose terms are in memory, at most 1 kB each

ReadGold = Callable[[str, str, str], Gold | None]  # task, data fingerprint, split -> gold labels, or None
ReadTask = Callable[[str, str], Task]  # name, data fingerprint -> task, or an error


class Rescoring:
    """Scores thousands of runs fast: no pair of gold label and prediction is compared twice."""

    def __init__(self, gold: ReadGold, task: ReadTask = lambda name, data: get_task(name)) -> None:
        self._gold = functools.lru_cache(maxsize=CACHED_GOLD)(gold)
        self._task = functools.lru_cache(maxsize=CACHED_GOLD)(task)
        self._terms: dict[tuple[str, tuple[str, ...], str, str], np.ndarray] = {}  # see _pair -> terms of the metric

    def mismatch(self, record: JsonMapping) -> str | None:
        """How a run's stored scores differ from those of its predictions.

        Args:
            record: the values of the run's record.

        Returns:
            '' if they agree; None if the gold labels or the task are not available.
        """
        config, stored, predicted = record["config"], record["scores"], record["predictions"]
        try:
            task = self._task(config["task"], config["data_fingerprint"])
        except (ParameterError, StoreError):
            return None
        splits = [
            split for split in ("dev", "test") if stored.get(split) is not None or record["predictions"].get(split)
        ]
        truths = self._truths(task, config, splits)
        for split in splits:
            if (truth := truths[split]) is None:
                continue
            try:
                recomputed = self._score(task, truth.gold, predicted.get(split) or ())
            except ValueError as error:
                return f"its {split} predictions cannot be scored: {error}"
            if not _agree(stored.get(split), recomputed):
                rounded = None if recomputed is None else round(recomputed, 7)
                return f"its stored {split} score is {stored.get(split)}, its predictions score {rounded}"
        return None if None in truths.values() else ""

    def _truths(self, task: Task, config: JsonMapping, splits: Sequence[str]) -> dict[str, Gold | None]:
        """Split -> gold labels of a run, or None; of a fold, all splits are needed."""
        n_folds, data = config.get("n_folds", 0), config["data_fingerprint"]
        gold = {split: self._gold(task.name, data, split) for split in (task.splits if n_folds else splits)}
        known = {split: truth for split, truth in gold.items() if truth is not None}
        if not n_folds:
            return gold
        if len(known) < len(gold):
            return dict.fromkeys(splits)
        return {**fold_gold(task, known, n_folds=n_folds, fold=config["fold"], repeat=config["repeat"])}

    def _score(self, task: Task, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float | None:
        """The task's metric; None if predictions are missing or not finite.
        Raises ValueError: their number or type differs from the gold labels'.
        """
        if not predicted or None in predicted:
            return None
        if len(predicted) != len(truth):
            raise ValueError(f"there are {len(predicted)} for {len(truth)} examples")
        if len({isinstance(value, str) for value in (*truth, *predicted)}) > 1:
            raise ValueError("some are labels and some are numbers")
        if task.output == "score":
            return score(task.metric, truth, predicted)
        counts = Counter((str(label), str(prediction)) for label, prediction in zip(truth, predicted, strict=True))
        self._cache_terms(task, counts)
        rows = np.stack([self._terms[_pair(task, *pair)] for pair in counts])  # (pairs, k)
        return float(METRICS[task.metric].from_sums(np.array(list(counts.values()), np.float64) @ rows))

    def _cache_terms(self, task: Task, pairs: Mapping[tuple[str, str], int]) -> None:
        """Computes the terms of new pairs."""
        new = [pair for pair in pairs if _pair(task, *pair) not in self._terms]
        if len(self._terms) + len(new) > CACHED_PAIRS:
            self._terms, new = {}, list(pairs)
        if new:
            truth, predicted = zip(*new, strict=True)
            rows = METRICS[task.metric].terms(truth, predicted, task.positive_labels)
            self._terms |= {_pair(task, *pair): row for pair, row in zip(new, rows, strict=True)}


def _pair(task: Task, truth: str, predicted: str) -> tuple[str, tuple[str, ...], str, str]:
    """The key of a pair's terms."""
    return task.metric, task.positive_labels, truth, predicted


def _agree(stored: float | None, recomputed: float | None) -> bool:
    if stored is None or recomputed is None:
        return stored is recomputed
    return math.isclose(stored, recomputed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
