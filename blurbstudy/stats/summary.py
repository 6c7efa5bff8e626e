"""What a cell of a table says: how many runs collapsed, the mean of the others, and how sure both are.

A cell is a set of runs that differ in their seed. Where its runs are of several tasks, a seed's score is the mean over
the tasks (question answering: PubMedQA and BioASQ), or a weighted one (BLURB score: over groups, then within each).
Where they are of several encoders that differ in their pretraining seed alone (clusters), a seed is a pair, of
pretraining and of fine-tuning; see `crossed_seeds` for how the two are crossed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import StudyError
from ..metrics import METRICS
from ..training.run_record import RunRecord
from .cells import (
    RunsByTask,
    common_seeds,
    contrast_group,
    example_interval_of,
    group_by_task,
    is_correlation,
    seed_judgement,
    seed_score,
    worst_judgement,
)
from .contrasts import Comparison, contrast
from .counts import Counts
from .crossed_seeds import Seed, VarianceParts, mean_over_seeds
from .intervals import MIN_RUNS, Interval, clip_interval, mixture_interval, wilson_interval
from .references import Reference
from .resampled.folds import ResampledCell, resampled_cell
from .resampled.intervals import NADEAU_BENGIO, ResampledMean, compare_resampled, resampled_mean
from .status import Judgement, RunStatus, judge_run


@dataclass(frozen=True, kw_only=True)
class CellSummary:
    """A cell in numbers; scores are fractions. A run that diverged has no score; other collapsed runs have one."""

    tasks: tuple[str, ...]
    split: str  # whose scores these are
    n: int  # seeds; with clusters, pairs of a pretraining and a fine-tuning seed
    runs: int  # of all tasks
    statuses: Mapping[RunStatus, int]  # status -> runs
    collapsed: int  # runs
    failed: int  # runs that collapsed or are no better than trivial on dev
    collapse_interval: Interval | None  # 95% of the rate of collapse, Wilson; None for several tasks
    n_scored: int  # seeds with a score
    mean: float | None  # over all seeds with a score
    sd: float | None  # over all seeds with a score, n - 1 in the denominator; None below two
    worst: float | None
    best: float | None
    trivial: float  # score of the majority label of train; 0 for a correlation
    mention_list: float | None  # F1 of the list of train's mentions; None for other tasks
    n_noncollapsed: int  # seeds with a score and without a collapsed run
    noncollapsed_mean: float | None
    noncollapsed_sd: float | None
    seed_interval: Interval | None  # 95% of `noncollapsed_mean` over seeds; None below MIN_RUNS, or if all are equal
    seed_method: str  # how, for the caption
    example_interval: Interval | None  # 95% of `noncollapsed_mean` over test examples
    example_method: str  # how, for the caption
    mixture_interval: Interval | None  # 95% of the mean over all runs, if one collapsed; not with clusters
    seeds: tuple[Seed, ...]
    scores: tuple[float | None, ...]  # one per seed
    judgements: tuple[Judgement, ...]  # one per seed: of its worst run
    run_ids: tuple[str, ...]
    variance: VarianceParts | None = None  # with clusters; where every seed has a collapsed run, of all scores
    min_score: float = 0.0  # score that there can be; of correlations -1
    resampled: ResampledMean | None = None  # on resampled splits, where a seed is a repeat and its score a mean

    @property
    def failed_rate(self) -> float | None:
        return self.failed / self.runs if self.runs else None

    @property
    def all_collapsed(self) -> bool:
        return self.runs > 0 and self.n_noncollapsed == 0


def summarize(
    records: Sequence[RunRecord],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
) -> CellSummary:
    """Summarize the runs of a cell: one task, or several of which each seed's mean is taken. Of runs on resampled
    splits, repeats take the place of seeds, and all with a score count.

    Args:
        clusters: encoder fingerprint -> pretraining seed, where the runs are of several encoders.
        weights: of tasks in the mean; none: equal.

    Raises:
        StudyError: no runs, a task without reference, or two runs of one task and seed.
    """
    on_folds = resampled_cell(records, references, clusters=clusters or {})
    if on_folds is not None:
        return _summarize_resampled(on_folds)
    cell = group_by_task(records, references, clusters or {}, weights)
    seeds = common_seeds(cell)
    scores = {seed: seed_score(cell, references, seed=seed, split=split) for seed in seeds}
    scored = {seed: score for seed, score in scores.items() if score is not None}
    judgements = {seed: seed_judgement(cell, references, seed=seed) for seed in seeds}
    runs = [judge_run(by_seed[seed], references[task]).status for task, by_seed in cell.items() for seed in seeds]
    noncollapsed = {seed: score for seed, score in scored.items() if not judgements[seed].status.collapsed}
    over_seeds = mean_over_seeds(noncollapsed)
    example_interval, example_method = example_interval_of(cell, references, seeds=list(noncollapsed), split=split)
    low = min(METRICS[references[task].task.metric].lowest for task in cell)
    trivial = sum(cell.weight(task) * references[task].trivial_score(split) for task in cell)
    n_collapsed = sum(status.collapsed for status in runs)
    collapsed_scores = [score for seed, score in scored.items() if seed not in noncollapsed]
    return CellSummary(
        tasks=tuple(cell),
        split=split,
        n=len(seeds),
        runs=len(runs),
        statuses=dict(Counter(runs)),
        collapsed=n_collapsed,
        failed=sum(status.failed for status in runs),
        collapse_interval=wilson_interval(n_collapsed, len(runs)) if len(cell) == 1 else None,
        n_scored=len(scored),
        mean=float(np.mean(list(scored.values()))) if scored else None,
        sd=_sd(scored),
        worst=min(scored.values(), default=None),
        best=max(scored.values(), default=None),
        trivial=trivial,
        mention_list=_mention_list(cell, references, split),
        n_noncollapsed=len(noncollapsed),
        noncollapsed_mean=over_seeds.mean,
        noncollapsed_sd=_sd(noncollapsed),
        seed_interval=clip_interval(over_seeds.interval, low=low)
        if len(noncollapsed) >= MIN_RUNS and np.ptp(list(noncollapsed.values())) > 0
        else None,
        seed_method=over_seeds.method,
        example_interval=clip_interval(example_interval, low=low),
        example_method=example_method,
        mixture_interval=mixture_interval(
            list(noncollapsed.values()), collapsed_scores, n=len(seeds), trivial=trivial, low=low
        )
        if n_collapsed and not clusters
        else None,
        variance=over_seeds.parts or mean_over_seeds(scored).parts,
        min_score=low,
        seeds=tuple(seeds),
        scores=tuple(scores.values()),
        judgements=tuple(judgements.values()),
        run_ids=tuple(runs_of[seed].id for runs_of in cell.values() for seed in seeds),
    )


def _mention_list(cell: RunsByTask, references: Mapping[str, Reference], split: str) -> float | None:
    scores = [(cell.weight(task), references[task].mention_list.get(split)) for task in cell]
    known = [weight * score for weight, score in scores if score is not None]
    return sum(known) if len(known) == len(cell) else None


def _summarize_resampled(cell: ResampledCell) -> CellSummary:
    """Seeds are repeats; the interval over examples is the joint one, that over seeds Nadeau and Bengio's."""
    records = {seed: list(by_fold.values()) for seed, by_fold in cell.runs.items()}
    judged = {seed: [judge_run(run, cell.reference) for run in runs] for seed, runs in records.items()}
    runs = [judgement.status for judgements in judged.values() for judgement in judgements]
    ((name, scored),) = cell.group.tasks.items()
    resampled, n_collapsed = resampled_mean(cell), sum(status.collapsed for status in runs)
    sd, mean = _sd(scored.scores), resampled.mean if resampled else None
    references = [cell.reference.of_run(run) for of_repeat in records.values() for run in of_repeat]
    return CellSummary(
        tasks=(name,),
        split="test",
        n=len(records),
        runs=len(runs),
        statuses=dict(Counter(runs)),
        collapsed=n_collapsed,
        failed=sum(status.failed for status in runs),
        collapse_interval=wilson_interval(n_collapsed, len(runs)),
        n_scored=len(scored.scores),
        mean=mean,
        sd=sd,
        worst=min(scored.scores.values(), default=None),
        best=max(scored.scores.values(), default=None),
        trivial=float(np.mean([reference.trivial_score("test") for reference in references])),
        mention_list=None,
        n_noncollapsed=len(scored.scores),
        noncollapsed_mean=mean,
        noncollapsed_sd=sd,
        seed_interval=resampled.nadeau_bengio if resampled else None,
        seed_method=NADEAU_BENGIO,
        example_interval=resampled.interval if resampled else None,
        example_method=resampled.method if resampled else "none: no repeat has a score on every fold",
        mixture_interval=None,
        min_score=-1.0 if cell.scale.is_z else 0.0,
        seeds=tuple(records),
        scores=tuple(scored.scores.get(seed) for seed in records),
        judgements=tuple(worst_judgement(judgements) for judgements in judged.values()),
        run_ids=tuple(run.id for of_repeat in records.values() for run in of_repeat),
        resampled=resampled,
    )


def _sd(scores: Mapping[Seed, float]) -> float | None:
    return float(np.std(list(scores.values()), ddof=1)) if len(scores) > 1 else None


def compare(
    panels: Sequence[Sequence[Sequence[RunRecord]]],
    references: Mapping[str, Reference],
    *,
    split: str = "test",
    clusters: Mapping[str, int] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Comparison:
    """The first cell minus the second; of four, minus the difference of the other two; averaged over panels.
    `panels`: each of two or four cells of runs on the same tasks, such as one panel per encoder.
    Raises StudyError: the cells are of different tasks, or one is empty.
    """
    on_folds = [[resampled_cell(rows, references, clusters=clusters or {}) for rows in panel] for panel in panels]
    if all(cell is not None for panel in on_folds for cell in panel):
        return compare_resampled([[cell for cell in panel if cell is not None] for panel in on_folds])
    cells = [[group_by_task(records, references, clusters or {}, weights) for records in panel] for panel in panels]
    first = cells[0][0]
    for cell in (cell for panel in cells for cell in panel):
        if set(first) != set(cell):
            raise StudyError(f"cells of {', '.join(first)} and of {', '.join(cell)}; compare cells of the same tasks")
    groups = [[contrast_group(cell, references, split=split) for cell in panel] for panel in cells]
    return contrast(groups, is_z=is_correlation(first, references))


def collapse_strata(
    pairs: Sequence[tuple[Sequence[RunRecord], Sequence[RunRecord]]],
    references: Mapping[str, Reference],
    *,
    clusters: Mapping[str, int] | None = None,
) -> list[Counts]:
    """Collapsed runs of two conditions by encoder and task, for `compare_rates`; where the two sides of a pair are of
    different encoders, by pretraining seed and task, and what follows holds for these encoders.

    Args:
        pairs: runs of either condition; several pairs for several encoders or tasks. A run in several counts once.
        clusters: encoder fingerprint -> pretraining seed.
    """
    strata: dict[tuple, tuple[dict[str, bool], dict[str, bool]]] = {}  # -> run id -> collapsed, of either side
    for pair in pairs:
        encoders = tuple(frozenset(record.config.encoder_fingerprint for record in records) for records in pair)
        for side, records in enumerate(pair):
            for record in records:
                encoder, task = record.config.encoder_fingerprint, record.config.task
                of = encoder if encoders[0] == encoders[1] else (*encoders, (clusters or {}).get(encoder, 0))
                stratum = strata.setdefault((of, task, record.config.n_folds), ({}, {}))
                stratum[side][record.id] = judge_run(record, references[task]).status.collapsed
    return [
        Counts(sum(first.values()), len(first), sum(second.values()), len(second)) for first, second in strata.values()
    ]
