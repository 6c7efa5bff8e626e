"""The runs of a cell by task and seed: score and failure of each seed, bootstrap over test examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..errors import StudyError
from ..metrics import is_correlated
from ..training.run_record import RunRecord
from .collapse import GoldReference, failure_reason, is_unscored
from .crossed_seeds import Seed
from .intervals import (
    PERFECT,
    RESAMPLES,
    Interval,
    fisher_interval,
    percentile_interval,
    perfect_score_method,
    wilson_interval,
)


class RunsByTask(dict[str, dict[Seed, RunRecord]]):
    """task -> seed -> run, with the weight of each task."""

    weights: Mapping[str, float] | None = None

    def weight(self, task: str) -> float:
        """The weight of a task in the cell's mean; all weights sum to 1."""
        return 1 / len(self) if self.weights is None else self.weights[task] / sum(self.weights[t] for t in self)


def group_by_task(
    records: Sequence[RunRecord],
    references: Mapping[str, GoldReference],
    clusters: Mapping[str, int],
    weights: Mapping[str, float] | None,
) -> RunsByTask:
    """Group runs by task and seed; with clusters, a seed is the pair of pretraining and fine-tuning seed.

    Raises:
        StudyError: no runs, a task without reference, or two runs of one task and seed.
    """
    if not records:
        raise StudyError("a cell without runs has no summary; leave it out of the table")
    cell = RunsByTask()
    for record in records:
        task, seed = record.config.task, record.config.seed
        if clusters:
            seed = (clusters.get(record.config.encoder_fingerprint, 0), seed)
        if task not in references:
            raise StudyError(f"no gold labels for {task}; known: {', '.join(references)}")
        references[task].check(record)
        if seed in cell.setdefault(task, {}):
            raise StudyError(f"{task}: two runs with seed {seed} in one cell; a cell's runs differ in their seed alone")
        cell[task][seed] = record
    ordered = RunsByTask({task: cell[task] for task in references if task in cell})
    ordered.weights = weights
    return ordered


def common_seeds(cell: RunsByTask) -> list[Seed]:
    """Seeds with which every task has a run."""
    return sorted(set.intersection(*(set(runs) for runs in cell.values())))


def seed_score(cell: RunsByTask, references: Mapping[str, GoldReference], *, seed: Seed, split: str) -> float | None:
    """The mean over the tasks; None if one of them has no score."""
    total = 0.0
    for task, runs in cell.items():
        score = _run_score(runs[seed], references[task], split)
        if score is None:
            return None
        total += cell.weight(task) * score
    return float(total)


def _run_score(record: RunRecord, reference: GoldReference, split: str) -> float | None:
    """The score of the predictions, so that it fits its interval."""
    if is_unscored(record, split):
        return None
    return reference.score(reference.gold[split].gold, record.predictions[split])


def _mean_score(records: Sequence[RunRecord], reference: GoldReference, split: str) -> float:
    scores = (_run_score(record, reference, split) for record in records)
    return float(np.mean([np.nan if score is None else score for score in scores]))


def seed_failure(cell: RunsByTask, references: Mapping[str, GoldReference], *, seed: Seed, split: str) -> str | None:
    """The failure reason of the first task that failed, or None."""
    reasons = (failure_reason(runs[seed], references[task], split=split) for task, runs in cell.items())
    return next((reason for reason in reasons if reason is not None), None)


def example_interval_of(
    cell: RunsByTask, references: Mapping[str, GoldReference], *, seeds: list[Seed], split: str
) -> tuple[Interval | None, str]:
    """95% interval over test examples of the mean over these seeds, and its method."""
    method = " and ".join(dict.fromkeys(references[task].interval_method(split) for task in cell))
    if not seeds:
        return None, method
    if len(cell) == 1 and references[next(iter(cell))].task.metric == "pearson":
        ((task, runs),) = cell.items()
        truth = [float(value) for value in references[task].gold[split].gold]
        if not any(is_correlated(truth, runs[seed].predictions[split]) for seed in seeds):
            return None, method
        mean = _mean_score([runs[seed] for seed in seeds], references[task], split)
        return fisher_interval(mean, len(truth)), method
    interval = percentile_interval(bootstrap_means(cell, references, seeds=seeds, split=split, draws=_example_draws))
    if interval == PERFECT and len(cell) == 1:
        n = references[next(iter(cell))].n_units(split)
        return wilson_interval(n, n), perfect_score_method(method)
    return interval, method


Resampler = Callable[[list[RunRecord], GoldReference, str], np.ndarray | None]  # runs of a task -> (RESAMPLES,)


def bootstrap_means(
    cell: RunsByTask, references: Mapping[str, GoldReference], *, seeds: list[Seed], split: str, draws: Resampler
) -> np.ndarray | None:
    """Bootstrap replicates of the mean over the cell's tasks: (RESAMPLES,); None if a task has too few units.

    Tasks have different examples, so their replicates are shuffled against each other, always in the same way.
    """
    total = np.zeros(RESAMPLES)
    for index, (task, runs) in enumerate(cell.items()):
        scores = draws([runs[seed] for seed in seeds], references[task], split)
        if scores is None:
            return None
        order = np.random.default_rng(index).permutation(RESAMPLES) if index else slice(None)
        total += cell.weight(task) * scores[order]
    return total


def bootstrap_draws(records: list[RunRecord], reference: GoldReference, split: str) -> np.ndarray | None:
    """The mean over runs of their scores on the same resampled units: (RESAMPLES,); None below two units."""
    if reference.n_units(split) < 2:
        return None
    replicates = [reference.bootstrap_scores(record.predictions[split], split=split) for record in records]
    return np.mean([scores for scores in replicates if scores is not None], axis=0)


def _example_draws(records: list[RunRecord], reference: GoldReference, split: str) -> np.ndarray | None:
    """Bootstrap replicates; for a correlation, draws of Fisher's z around the mean: (RESAMPLES,)."""
    if reference.task.metric != "pearson":
        return bootstrap_draws(records, reference, split)
    n = len(reference.gold[split].gold)
    mean = _mean_score(records, reference, split)
    mean = min(max(mean, -1 + 1e-12), 1 - 1e-12)
    normal = np.random.default_rng(n).standard_normal(RESAMPLES)
    return np.tanh(math.atanh(mean) + normal / math.sqrt(max(n - 3, 1)))
