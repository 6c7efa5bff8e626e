"""The runs of a cell by task and seed: score and status of each seed, and the interval over test examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import StudyError
from ..training.run_record import RunRecord
from .crossed_seeds import Seed
from .example_interval import MIN_COUNTING_UNITS, example_interval, mean_z
from .intervals import Interval, percentile_interval
from .panels import ContrastGroup, ScoredTask
from .references import Reference, SplitScore, is_unscored
from .resampling import RESAMPLES
from .status import Judgement, RunStatus, judge_run


class RunsByTask(dict[str, dict[Seed, RunRecord]]):
    """task -> seed -> run, with the weight of each task."""

    weights: Mapping[str, float] | None = None

    def weight(self, task: str) -> float:
        """The weight of a task in the cell's mean; all weights sum to 1."""
        return 1 / len(self) if self.weights is None else self.weights[task] / sum(self.weights[t] for t in self)


def group_by_task(
    records: Sequence[RunRecord],
    references: Mapping[str, Reference],
    clusters: Mapping[str, int],
    weights: Mapping[str, float] | None,
) -> RunsByTask:
    """Group runs by task and seed; with clusters, a seed is the pair of pretraining and fine-tuning seed.
    Raises StudyError: no runs, a task without reference, or two runs of one task and seed.
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
        if record.config.n_folds:
            raise StudyError(f"{task}: runs on the official and on resampled splits in one cell; compare runs of one")
        if seed in cell.setdefault(task, {}):
            raise StudyError(f"{task}: two runs with seed {seed} in one cell; a cell's runs differ in their seed alone")
        cell[task][seed] = record
    ordered = RunsByTask({task: cell[task] for task in references if task in cell})
    ordered.weights = weights
    return ordered


def common_seeds(cell: RunsByTask) -> list[Seed]:
    """Seeds with which every task has a run."""
    return sorted(set.intersection(*(set(runs) for runs in cell.values())))


def seed_score(cell: RunsByTask, references: Mapping[str, Reference], *, seed: Seed, split: str) -> float | None:
    """The mean over the tasks; None if one of them has no score."""
    total = 0.0
    for task, runs in cell.items():
        score = run_score(runs[seed], references[task], split)
        if score is None:
            return None
        total += cell.weight(task) * score
    return total


def run_score(record: RunRecord, reference: Reference, split: str) -> float | None:
    """The score of the predictions, so that it fits its interval."""
    if is_unscored(record, split):
        return None
    return reference.scored(record, split).score


def seed_judgement(cell: RunsByTask, references: Mapping[str, Reference], *, seed: Seed) -> Judgement:
    """The judgement of a seed's worst run."""
    return worst_judgement([judge_run(runs[seed], references[task]) for task, runs in cell.items()])


def worst_judgement(judgements: Sequence[Judgement]) -> Judgement:
    """The judgement with the worst status."""
    order = list(RunStatus)
    return min(judgements, key=lambda judgement: order.index(judgement.status))


def is_correlation(cell: RunsByTask, references: Mapping[str, Reference]) -> bool:
    """Whether all scores of a cell are correlations."""
    return all(references[task].task.metric == "pearson" for task in cell)


def contrast_group(cell: RunsByTask, references: Mapping[str, Reference], *, split: str) -> ContrastGroup:
    """A cell of runs as a group of a contrast: every run, collapsed ones included.

    A run that diverged has no score; it counts as the trivial baseline, or it would flatter its cell.
    """
    seeds, tasks, is_z = common_seeds(cell), {}, is_correlation(cell, references)
    for task, runs in cell.items():
        reference = references[task]
        scores = {seed: counted_score(runs[seed], reference, split) for seed in seeds}
        tasks[task] = ScoredTask(
            scores={seed: scored.score for seed, scored in scores.items()},
            replicates={seed: replicate_scores(scored, is_z=is_z) for seed, scored in scores.items()},
            resampling=reference.resampling(split),
        )
    return ContrastGroup(tasks=tasks, weights={task: cell.weight(task) for task in cell})


def counted_score(record: RunRecord, reference: Reference, split: str) -> SplitScore:
    """The score of a run, or that of the trivial baseline if it has none."""
    reference = reference.of_run(record)
    return reference.trivial(split) if is_unscored(record, split) else reference.scored(record, split)


def replicate_scores(scored: SplitScore, *, is_z: bool = False) -> np.ndarray:
    """`SplitScore.replicates`; a single zero below two units, where nothing is decided."""
    replicates = scored.replicates(is_z=is_z)
    return np.zeros(1) if replicates is None else replicates


def example_interval_of(
    cell: RunsByTask, references: Mapping[str, Reference], *, seeds: Sequence[Seed], split: str
) -> tuple[Interval | None, str]:
    """95% interval over test examples of the mean over these seeds, and its method: of one task `example_interval`, of
    several a bootstrap over the units of each.
    """
    units = " and ".join(dict.fromkeys(references[task].resampling_units(split) for task in cell))
    if not seeds:
        return None, "none: no run that did not collapse"
    runs = {task: [references[task].scored(by_seed[seed], split) for seed in seeds] for task, by_seed in cell.items()}
    if len(cell) == 1:
        ((task, scored),) = runs.items()
        return example_interval(scored, references[task], split=split)
    if min(references[task].n_units(split) for task in cell) < MIN_COUNTING_UNITS:
        return None, f"none: fewer than {MIN_COUNTING_UNITS} {units}"
    weights = {task: cell.weight(task) for task in cell}
    draws = _bootstrap_means(runs, weights=weights)
    return percentile_interval(draws), f"bootstrap over {units}"


def _bootstrap_means(runs: Mapping[str, Sequence[SplitScore]], *, weights: Mapping[str, float]) -> np.ndarray:
    """Draws of the mean over tasks: (RESAMPLES,).

    Tasks have different examples, so their draws are shuffled against each other, always in the same way. Those of a
    correlation are normal on Fisher's z scale.
    """
    total = np.zeros(RESAMPLES)
    for index, (task, scored) in enumerate(runs.items()):
        if scored[0].metric == "pearson":
            z, error = mean_z(scored)
            draws = np.tanh(z + error * np.random.default_rng(index).standard_normal(RESAMPLES))
        else:
            rows = [of_run.bootstrap() for of_run in scored]
            draws = np.mean([row for row in rows if row is not None], axis=0)
        order = np.random.default_rng(index).permutation(RESAMPLES) if index else slice(None)
        total += weights[task] * draws[order]
    return total
