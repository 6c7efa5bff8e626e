"""Runs that others made, scored anew: is a stored score what the stored predictions score against the gold labels?"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, StoreError
from ..metrics import METRICS, score
from ..tasks import Task, get_task
from .run_store import Gold

AGREES = 1e-6  # the trainer holds values of a regression in float32, a store's gold labels have all digits
GOLD_KEPT = 64  # sets of gold labels in memory
PAIRS_KEPT = 300_000  # pairs of a gold label and a prediction whose terms are in memory: a sentence's tags at most 1 kB

ReadGold = Callable[[str, str, str], Gold | None]  # task, data fingerprint, split -> gold labels, None without them
ReadTask = Callable[[str, str], Task]  # name, data fingerprint -> task; an error where there is none


class Rescoring:
    """Scores thousands of runs: most of them predict what others did, and no pair of gold and prediction is compared
    twice.
    """

    def __init__(self, gold: ReadGold, task: ReadTask = lambda name, data: get_task(name)) -> None:
        self._gold = functools.lru_cache(maxsize=GOLD_KEPT)(gold)
        self._task = functools.lru_cache(maxsize=GOLD_KEPT)(task)
        self._terms: dict[tuple[str, tuple[str, ...], str, str], np.ndarray] = {}  # see _pair -> terms of the metric

    def problem(self, record: Mapping[str, Any]) -> str | None:
        """In what a run's scores are not those of its predictions, given the values of its record.

        Returns:
            '' where they are; None where that cannot be told, for want of gold labels or of the task.
        """
        config, stored, predicted = record["config"], record["scores"], record["predictions"]
        try:
            task = self._task(config["task"], config["data"])
        except (ParameterError, StoreError):
            return None
        splits = [
            split for split in ("dev", "test") if stored.get(split) is not None or record["predictions"].get(split)
        ]
        truths = {split: self._gold(task.name, config["data"], split) for split in splits}
        for split in splits:
            if truths[split] is None:
                continue
            try:
                found = self._score(task, truths[split].gold, predicted.get(split) or ())
            except ValueError as error:
                return f"its {split} predictions cannot be scored: {error}"
            if not _agree(stored.get(split), found):
                shown = None if found is None else round(found, 7)
                return f"its stored {split} score is {stored.get(split)}, its predictions score {shown}"
        return None if None in truths.values() else ""

    def _score(self, task: Task, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float | None:
        """The task's metric; None where predictions are missing or not finite.

        Raises:
            ValueError: they are not as many, or of another kind than the gold labels.
        """
        if not predicted or None in predicted:
            return None
        if len(predicted) != len(truth):
            raise ValueError(f"there are {len(predicted)} for {len(truth)} examples")
        if len({isinstance(value, str) for value in (*truth, *predicted)}) > 1:
            raise ValueError("some are labels and some are numbers")
        if task.output == "score":
            return score(task.metric, truth, predicted)
        counts = Counter(zip(truth, predicted, strict=True))
        self._learn(task, counts)
        rows = np.stack([self._terms[_pair(task, *pair)] for pair in counts])  # (pairs, k)
        return float(METRICS[task.metric].from_sums(np.array(list(counts.values()), np.float64) @ rows))

    def _learn(self, task: Task, pairs: Mapping[tuple[str, str], int]) -> None:
        """Terms of the pairs that were not seen before."""
        new = [pair for pair in pairs if _pair(task, *pair) not in self._terms]
        if len(self._terms) + len(new) > PAIRS_KEPT:
            self._terms, new = {}, list(pairs)
        if new:
            truth, predicted = zip(*new, strict=True)
            rows = METRICS[task.metric].terms(truth, predicted, task.positive_labels)
            self._terms |= {_pair(task, *pair): row for pair, row in zip(new, rows, strict=True)}


def _pair(task: Task, truth: str, predicted: str) -> tuple[str, tuple[str, ...], str, str]:
    """What the terms of a pair depend on."""
    return task.metric, task.positive_labels, truth, predicted


def _agree(stored: float | None, found: float | None) -> bool:
    if stored is None or found is None:
        return stored is found
    return math.isclose(stored, found, rel_tol=AGREES, abs_tol=AGREES)
