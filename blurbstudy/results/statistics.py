"""What a cell of a table says: mean, spread, worst, failures, two intervals; and how two cells compare (design: seeds
and test examples are two uncertainties, and a collapsed run is a result).

A cell is a set of runs that differ in their seed. Where its runs are of several tasks, a seed's score is the mean over
the tasks (question answering: PubMedQA and BioASQ), or a weighted one (BLURB score: over groups, then within each).
Where they are of several encoders that differ in their pretraining seed alone (clusters), scores of one encoder go
together: the interval over seeds is of the means of encoders, and the variance is split in two, between encoders and
within them (one-way random effects, by moments: Searle, Casella and McCulloch 1992, chapter 3).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import StudyError
from ..metrics import is_correlated
from ..training.record import RunRecord
from .failure import Reference, failure, is_unscored
from .intervals import (
    RESAMPLES,
    Interval,
    bootstrap_p,
    fisher_interval,
    percentile_interval,
    t_interval,
    t_test,
    wilson_interval,
)

Seed = int | tuple[int, int]  # of fine-tuning, or of pretraining and fine-tuning


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """A cell in numbers; scores are fractions. Means are over the runs that have a score (`n_scored` of `n`): a run
    whose loss left the finite numbers has none, a collapsed one has, and counts.
    """

    tasks: tuple[str, ...]
    split: str  # whose scores these are
    n: int  # seeds
    n_scored: int  # seeds with a score
    mean: float | None
    sd: float | None  # over seeds, n - 1 in the denominator; None below two
    worst: float | None
    best: float | None
    trivial: float  # score of the majority label of train; 0 for a correlation
    failed: int  # seeds failed on dev, in any of the tasks
    failed_rate: float | None
    failed_interval: Interval | None  # 95%, Wilson
    failed_on_test: int  # the same definition on test
    reasons: Mapping[str, int]  # reason of failure on dev -> seeds
    seed_interval: Interval | None  # 95% of the mean over seeds, Student's t
    example_interval: Interval | None  # 95% over test examples, of the mean over these seeds; None: undefined
    example_method: str  # how, for the caption
    seeds: tuple[Seed, ...]
    scores: tuple[float | None, ...]  # one per seed
    failures: tuple[str | None, ...]  # one per seed: reason on dev, or None
    run_ids: tuple[str, ...]
    variance: VarianceParts | None = None  # where there are several pretraining seeds


@dataclass(frozen=True, kw_only=True)
class VarianceParts:
    """Where the spread of scores comes from; standard deviations, as fractions."""

    n_encoders: int  # pretraining seeds
    between: float  # sd of what an encoder's pretraining seed adds; 0 where runs within vary as much
    within: float | None  # sd over fine-tuning seeds of one encoder; None where each has one run


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One cell minus another, paired by seed, and by test example within the draws of a bootstrap."""

    n_pairs: int  # seeds scored in both
    difference: float | None  # mean of the paired differences; positive: the first cell is better
    sd: float | None  # of the paired differences
    seed_interval: Interval | None  # 95%, Student's t on the paired differences
    p_seeds: float | None  # two-sided paired t-test; correct a table's with `holm`
    example_interval: Interval | None  # 95%, paired bootstrap over units; None below two
    p_examples: float | None  # two-sided, of the same bootstrap
    seeds: tuple[Seed, ...]


def summarize(
    records: Sequence[RunRecord],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
) -> CellSummary:
    """Summarize the runs of a cell: one task, or several of which each seed's mean is taken.

    Args:
        clusters: encoder fingerprint -> pretraining seed, where the runs are of several encoders.
        weights: of tasks in the mean; none: equal.

    Raises:
        StudyError: no runs, a task without reference, or two runs of one task and seed.
    """
    cell = _by_task(records, references, clusters or {}, weights)
    seeds = _common_seeds(cell)
    scores = [_seed_score(cell, references, seed=seed, split=split) for seed in seeds]
    scored = [value for value in scores if value is not None]
    failures = [_seed_failure(cell, references, seed=seed, split="dev") for seed in seeds]
    on_test = [_seed_failure(cell, references, seed=seed, split="test") for seed in seeds]
    n_failed = sum(reason is not None for reason in failures)
    good_seeds = [seed for seed, value in zip(seeds, scores, strict=True) if value is not None]
    example_interval, example_method = _example_interval(cell, references, seeds=good_seeds, split=split)
    return CellSummary(
        tasks=tuple(cell),
        split=split,
        n=len(seeds),
        n_scored=len(scored),
        mean=float(np.mean(scored)) if scored else None,
        sd=float(np.std(scored, ddof=1)) if len(scored) > 1 else None,
        worst=min(scored, default=None),
        best=max(scored, default=None),
        trivial=sum(cell.weight(task) * references[task].trivial(split) for task in cell),
        failed=n_failed,
        failed_rate=n_failed / len(seeds) if seeds else None,
        failed_interval=wilson_interval(n_failed, len(seeds)),
        failed_on_test=sum(reason is not None for reason in on_test),
        reasons=dict(Counter(reason for reason in failures if reason is not None)),
        seed_interval=t_interval(_independent(good_seeds, scored)),
        example_interval=example_interval,
        example_method=example_method,
        variance=variance_parts(_grouped(good_seeds, scored)) if clusters else None,
        seeds=tuple(seeds),
        scores=tuple(scores),
        failures=tuple(failures),
        run_ids=tuple(cell[task][seed].id for task in cell for seed in seeds),
    )


def compare(
    first: Sequence[RunRecord],
    second: Sequence[RunRecord],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare two cells on the same tasks, pairing runs by their seed (and by the pretraining seed, with `clusters`).

    Raises:
        StudyError: the cells are of different tasks, or one is empty.
    """
    return interaction((first, second), (), references, split=split, clusters=clusters, weights=weights)


def interaction(
    first: tuple[Sequence[RunRecord], Sequence[RunRecord]],
    second: tuple[Sequence[RunRecord], Sequence[RunRecord]] | tuple[()],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Comparison:
    """The difference between two cells, less the difference between two others where there are others.

    Raises:
        StudyError: the cells are of different tasks, or one is empty.
    """
    cells = [_by_task(records, references, clusters or {}, weights) for records in (*first, *second)]
    signs = (1, -1, -1, 1)[: len(cells)]
    for cell in cells[1:]:
        if set(cells[0]) != set(cell):
            raise StudyError(
                f"cells of {', '.join(cells[0])} and of {', '.join(cell)}; compare cells of the same tasks"
            )
    pairs = {}
    for seed in sorted(set.intersection(*(set(_common_seeds(cell)) for cell in cells))):
        found = [_seed_score(cell, references, seed=seed, split=split) for cell in cells]
        if None not in found:
            pairs[seed] = sum(sign * score for sign, score in zip(signs, found, strict=True))
    seeds, differences = list(pairs), _independent(list(pairs), list(pairs.values()))
    if not pairs:
        return Comparison(
            n_pairs=0, difference=None, sd=None, seed_interval=None, p_seeds=None, example_interval=None,
            p_examples=None, seeds=(),
        )  # fmt: skip
    draws = [_mean_draws(cell, references, seeds=seeds, split=split, draws=_bootstrap_draws) for cell in cells]
    lacking = any(one is None for one in draws)
    drawn = None if lacking else sum(sign * one for sign, one in zip(signs, draws, strict=True))
    return Comparison(
        n_pairs=len(pairs),
        difference=float(np.mean(differences)),
        sd=float(np.std(differences, ddof=1)) if len(differences) > 1 else None,
        seed_interval=t_interval(differences),
        p_seeds=t_test(differences),
        example_interval=percentile_interval(drawn),
        p_examples=bootstrap_p(drawn),
        seeds=tuple(seeds),
    )


class Cell(dict[str, dict[Seed, RunRecord]]):
    """task -> seed -> run, and the weight of each task."""

    weights: Mapping[str, float] | None = None

    def weight(self, task: str) -> float:
        """Of a task in the cell's mean; all sum to 1."""
        return 1 / len(self) if self.weights is None else self.weights[task] / sum(self.weights[t] for t in self)


def variance_parts(groups: Sequence[Sequence[float]]) -> VarianceParts | None:
    """Splits the variance of scores, grouped by encoder; None for fewer than two groups.

    With a groups of sizes n_i, N in all: within = MSW, between = (MSB - MSW) / n0, n0 = (N - sum n_i^2 / N) / (a - 1),
    cut off at 0. One run per group: all of it counts as between.
    """
    groups = [np.asarray(group) for group in groups if len(group)]
    a, total = len(groups), sum(map(len, groups))
    if a < 2:
        return None
    grand = sum(group.sum() for group in groups) / total
    msb = sum(len(group) * (group.mean() - grand) ** 2 for group in groups) / (a - 1)
    if total == a:
        return VarianceParts(n_encoders=a, between=math.sqrt(msb), within=None)
    msw = sum(((group - group.mean()) ** 2).sum() for group in groups) / (total - a)
    n0 = (total - sum(len(group) ** 2 for group in groups) / total) / (a - 1)
    return VarianceParts(n_encoders=a, between=math.sqrt(max(0.0, (msb - msw) / n0)), within=math.sqrt(msw))


def _grouped(seeds: Sequence[Seed], values: Sequence[float]) -> list[list[float]]:
    """By pretraining seed."""
    groups: dict[int, list[float]] = {}
    for (pretraining, _), value in zip(seeds, values, strict=True):
        groups.setdefault(pretraining, []).append(value)
    return list(groups.values())


def _independent(seeds: Sequence[Seed], values: Sequence[float]) -> list[float]:
    """One value per seed; with several pretraining seeds, one per pretraining seed: the mean of its runs."""
    if not seeds or isinstance(seeds[0], int):
        return list(values)
    groups = _grouped(seeds, values)
    return [float(np.mean(group)) for group in groups] if len(groups) > 1 else list(values)


def _by_task(
    records: Sequence[RunRecord],
    references: Mapping[str, Reference],
    clusters: Mapping[str, int],
    weights: Mapping[str, float] | None,
) -> Cell:
    if not records:
        raise StudyError("a cell without runs has no summary; leave it out of the table")
    cell = Cell()
    for record in records:
        task, seed = record.config.task, record.config.seed
        if clusters:
            seed = (clusters.get(record.config.encoder, 0), seed)
        if task not in references:
            raise StudyError(f"no gold labels for {task}; known: {', '.join(references)}")
        references[task].check(record)
        if seed in cell.setdefault(task, {}):
            raise StudyError(f"{task}: two runs with seed {seed} in one cell; a cell's runs differ in their seed alone")
        cell[task][seed] = record
    ordered = Cell({task: cell[task] for task in references if task in cell})
    ordered.weights = weights
    return ordered


def _common_seeds(cell: Cell) -> list[Seed]:
    return sorted(set.intersection(*(set(runs) for runs in cell.values())))


def _seed_score(cell: Cell, references: Mapping[str, Reference], *, seed: Seed, split: str) -> float | None:
    scores = {task: _run_score(runs[seed], references[task], split) for task, runs in cell.items()}
    return None if None in scores.values() else float(sum(cell.weight(task) * score for task, score in scores.items()))


def _run_score(record: RunRecord, reference: Reference, split: str) -> float | None:
    """From the predictions, so that a score and its interval cannot come apart."""
    if is_unscored(record, split):
        return None
    return reference.score(reference.gold[split].gold, record.predictions[split])


def _seed_failure(cell: Cell, references: Mapping[str, Reference], *, seed: Seed, split: str) -> str | None:
    """The reason in the first task that failed."""
    reasons = (failure(runs[seed], references[task], split=split) for task, runs in cell.items())
    return next((reason for reason in reasons if reason is not None), None)


def _example_interval(
    cell: Cell, references: Mapping[str, Reference], *, seeds: list[Seed], split: str
) -> tuple[Interval | None, str]:
    method = " and ".join(dict.fromkeys(references[task].interval_method(split) for task in cell))
    if not seeds:
        return None, method
    if len(cell) == 1 and references[next(iter(cell))].task.metric == "pearson":
        ((task, runs),) = cell.items()
        truth = references[task].gold[split].gold
        if not any(is_correlated(truth, runs[seed].predictions[split]) for seed in seeds):
            return None, method
        mean = float(np.mean([_run_score(runs[seed], references[task], split) for seed in seeds]))
        return fisher_interval(mean, len(truth)), method
    return percentile_interval(_mean_draws(cell, references, seeds=seeds, split=split, draws=_example_draws)), method


Draws = Callable[[list[RunRecord], Reference, str], np.ndarray | None]  # runs of a task -> (RESAMPLES,)


def _mean_draws(
    cell: Cell, references: Mapping[str, Reference], *, seeds: list[Seed], split: str, draws: Draws
) -> np.ndarray | None:
    """Draws of the cell's score, the mean over its tasks: (RESAMPLES,); None where one of them has too few units.
    Tasks have examples of their own, so their draws are shuffled against each other, always in the same way.
    """
    total = np.zeros(RESAMPLES)
    for index, (task, runs) in enumerate(cell.items()):
        drawn = draws([runs[seed] for seed in seeds], references[task], split)
        if drawn is None:
            return None
        order = np.random.default_rng(index).permutation(RESAMPLES) if index else slice(None)
        total += cell.weight(task) * drawn[order]
    return total


def _bootstrap_draws(records: list[RunRecord], reference: Reference, split: str) -> np.ndarray | None:
    """Mean over runs of each run's score on the same resampled units: (RESAMPLES,); None below two units."""
    if reference.n_units(split) < 2:
        return None
    return np.mean([reference.resampled(record.predictions[split], split=split) for record in records], axis=0)


def _example_draws(records: list[RunRecord], reference: Reference, split: str) -> np.ndarray | None:
    """As the bootstrap's, but a correlation's by Fisher's z at the mean: (RESAMPLES,)."""
    if reference.task.metric != "pearson":
        return _bootstrap_draws(records, reference, split)
    n = len(reference.gold[split].gold)
    mean = float(np.mean([_run_score(record, reference, split) for record in records]))
    mean = min(max(mean, -1 + 1e-12), 1 - 1e-12)
    normal = np.random.default_rng(n).standard_normal(RESAMPLES)
    return np.tanh(math.atanh(mean) + normal / math.sqrt(max(n - 3, 1)))
