"""What a cell of a table says: mean, spread, worst, failures, two intervals; and how two cells compare (design: seeds
and test examples are two uncertainties, and a collapsed run is a result).

A cell is a set of runs that differ in their seed. Where its runs are of several tasks, a seed's score is the mean over
the tasks (question answering: PubMedQA and BioASQ), or a weighted one (BLURB score: over groups, then within each).
Where they are of several encoders that differ in their pretraining seed alone (clusters), a seed is a pair, of
pretraining and of fine-tuning; see `crossed_seeds` for how the two are crossed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import StudyError
from ..training.run_record import RunRecord
from .cells import (
    RunsByTask,
    bootstrap_draws,
    bootstrap_means,
    common_seeds,
    example_interval_of,
    group_by_task,
    seed_failure,
    seed_score,
)
from .collapse import GoldReference
from .crossed_seeds import STUDENT, Seed, VarianceParts, mean_over_seeds
from .intervals import Interval, bootstrap_p, percentile_interval, wilson_interval


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """A cell in numbers; scores are fractions. Means are over the runs that have a score (`n_scored` of `n`): a run
    that diverged has none, a collapsed one has, and counts.
    """

    tasks: tuple[str, ...]
    split: str  # whose scores these are
    n: int  # seeds; with clusters, pairs of a pretraining and a fine-tuning seed
    n_scored: int  # seeds with a score
    mean: float | None
    sd: float | None  # over seeds, n - 1 in the denominator; None below two
    worst: float | None
    best: float | None
    trivial: float  # score of the majority label of train; 0 for a correlation
    failed: int  # seeds failed on dev, in any of the tasks
    failed_rate: float | None
    failed_interval: Interval | None  # 95%, Wilson
    failed_on_test: int  # the same definition on test; 0 where there is no test set
    reasons: Mapping[str, int]  # reason of failure on dev -> seeds
    seed_interval: Interval | None  # 95% of the mean over seeds
    seed_method: str  # how, for the caption
    example_interval: Interval | None  # 95% over test examples, of the mean over these seeds; None: undefined
    example_method: str  # how, for the caption
    seeds: tuple[Seed, ...]
    scores: tuple[float | None, ...]  # one per seed
    failures: tuple[str | None, ...]  # one per seed: reason on dev, or None
    run_ids: tuple[str, ...]
    variance: VarianceParts | None = None  # with clusters
    min_score: float = 0.0  # score that there can be; of correlations -1

    @property
    def clipped_seed_interval(self) -> Interval | None:
        """The part of the interval over seeds that holds scores: Student's, of two seeds, can reach far beyond."""
        if self.seed_interval is None:
            return None
        return max(self.min_score, self.seed_interval[0]), min(1.0, self.seed_interval[1])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One cell minus another, paired by seed, and by test example within the draws of a bootstrap."""

    n_pairs: int  # seeds scored in both
    difference: float | None  # mean of the paired differences; positive: the first cell is better
    sd: float | None  # of the paired differences
    seed_interval: Interval | None  # 95% unless asked otherwise, of the paired differences
    seed_method: str  # how, for the reader
    p_seeds: float | None  # two-sided, by the same t; correct a table's with `holm`
    example_interval: Interval | None  # 95%, paired bootstrap over units; None below two
    p_examples: float | None  # two-sided, of the same bootstrap
    seeds: tuple[Seed, ...]
    differences: tuple[float, ...] = ()  # one per pair


def summarize(
    records: Sequence[RunRecord],
    references: Mapping[str, GoldReference],
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
    cell = group_by_task(records, references, clusters or {}, weights)
    seeds = common_seeds(cell)
    scores = [seed_score(cell, references, seed=seed, split=split) for seed in seeds]
    scored = [value for value in scores if value is not None]
    failures = [seed_failure(cell, references, seed=seed, split="dev") for seed in seeds]
    tested = seeds if all("test" in references[task].gold for task in cell) else []
    on_test = [seed_failure(cell, references, seed=seed, split="test") for seed in tested]
    n_failed = sum(reason is not None for reason in failures)
    good_seeds = [seed for seed, value in zip(seeds, scores, strict=True) if value is not None]
    over_seeds = mean_over_seeds(dict(zip(good_seeds, scored, strict=True)))
    example_interval, example_method = example_interval_of(cell, references, seeds=good_seeds, split=split)
    return CellSummary(
        tasks=tuple(cell),
        split=split,
        n=len(seeds),
        n_scored=len(scored),
        mean=over_seeds.mean,
        sd=float(np.std(scored, ddof=1)) if len(scored) > 1 else None,
        worst=min(scored, default=None),
        best=max(scored, default=None),
        trivial=sum(cell.weight(task) * references[task].trivial_score(split) for task in cell),
        failed=n_failed,
        failed_rate=n_failed / len(seeds) if seeds else None,
        failed_interval=wilson_interval(n_failed, len(seeds)),
        failed_on_test=sum(reason is not None for reason in on_test),
        reasons=dict(Counter(reason for reason in failures if reason is not None)),
        seed_interval=over_seeds.interval,
        seed_method=over_seeds.method,
        example_interval=example_interval,
        example_method=example_method,
        variance=over_seeds.parts,
        min_score=-1.0 if any(references[task].task.metric == "pearson" for task in cell) else 0.0,
        seeds=tuple(seeds),
        scores=tuple(scores),
        failures=tuple(failures),
        run_ids=tuple(cell[task][seed].id for task in cell for seed in seeds),
    )


def compare(
    first: Sequence[RunRecord],
    second: Sequence[RunRecord],
    references: Mapping[str, GoldReference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two cells on the same tasks, pairing runs by their seed (and by the pretraining seed, with `clusters`).

    Args:
        confidence: of both intervals; higher where several comparisons are to hold at once.

    Raises:
        StudyError: the cells are of different tasks, or one is empty.
    """
    return interaction(
        (first, second), (), references, split=split, clusters=clusters, weights=weights, confidence=confidence
    )


def interaction(
    first: tuple[Sequence[RunRecord], Sequence[RunRecord]],
    second: tuple[Sequence[RunRecord], Sequence[RunRecord]] | tuple[()],
    references: Mapping[str, GoldReference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """The difference between two cells, less the difference between two others where there are others.

    Raises:
        StudyError: the cells are of different tasks, or one is empty.
    """
    cells = [group_by_task(records, references, clusters or {}, weights) for records in (*first, *second)]
    for cell in cells[1:]:
        if set(cells[0]) != set(cell):
            raise StudyError(
                f"cells of {', '.join(cells[0])} and of {', '.join(cell)}; compare cells of the same tasks"
            )
    return contrast_groups([seeded_group(cell, references, split=split) for cell in cells], confidence=confidence)


@dataclass(frozen=True, kw_only=True)
class ContrastGroup:
    """One cell of a contrast."""

    scores: Mapping[Seed, float] | float  # per scored seed; a number: the same for every seed
    bootstrap: Callable[[list[Seed]], np.ndarray | None]  # seeds -> bootstrap replicates of their mean, (RESAMPLES,)


def seeded_group(cell: RunsByTask, references: Mapping[str, GoldReference], *, split: str) -> ContrastGroup:
    """A cell of runs as a group of a contrast."""
    scores = {seed: seed_score(cell, references, seed=seed, split=split) for seed in common_seeds(cell)}
    return ContrastGroup(
        scores={seed: score for seed, score in scores.items() if score is not None},
        bootstrap=lambda seeds: bootstrap_means(cell, references, seeds=seeds, split=split, draws=bootstrap_draws),
    )


def contrast_groups(groups: Sequence[ContrastGroup], *, confidence: float = 0.95) -> Comparison:
    """The first group minus the second; of four, minus the difference of the other two."""
    signs = (1, -1, -1, 1)[: len(groups)]
    seeded = [group.scores for group in groups if isinstance(group.scores, Mapping)]
    pairs = {
        seed: sum(
            sign * (group.scores[seed] if isinstance(group.scores, Mapping) else group.scores)
            for sign, group in zip(signs, groups, strict=True)
        )
        for seed in sorted(set.intersection(*map(set, seeded)))
    }
    seeds, differences = list(pairs), list(pairs.values())
    if not pairs:
        return Comparison(
            n_pairs=0,
            difference=None,
            sd=None,
            seed_interval=None,
            seed_method=STUDENT,
            p_seeds=None,
            example_interval=None,
            p_examples=None,
            seeds=(),
        )
    over_seeds = mean_over_seeds(pairs, confidence=confidence)
    replicates = [group.bootstrap(seeds) for group in groups]
    complete = [means for means in replicates if means is not None]
    changes = np.array(signs) @ np.stack(complete) if len(complete) == len(groups) else None
    return Comparison(
        n_pairs=len(pairs),
        difference=over_seeds.mean,
        sd=float(np.std(differences, ddof=1)) if len(differences) > 1 else None,
        seed_interval=over_seeds.interval,
        seed_method=over_seeds.method,
        p_seeds=over_seeds.p,
        example_interval=percentile_interval(changes, confidence=confidence),
        p_examples=bootstrap_p(changes),
        seeds=tuple(seeds),
        differences=tuple(differences),
    )
