"""The runs of a cell on resampled splits: one per fold of every repeat, and scores by repeat.

A repeat scores every example of a task once, so a repeat is to resampled splits what a seed is to the official one: its
score is the mean over its folds (of correlations, of Fisher's z). With s the score of a fold of n units and s(-i) its
score without unit i, the pseudo-value of unit i is n s - (n - 1) s(-i) (Tukey 1958); every unit has one per repeat, and
the variance of their mean is that of the score over other examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...errors import StudyError
from ...training.run_record import RunRecord
from ..cells import counted_score
from ..crossed_seeds import Seed
from ..panels import ContrastGroup, ScoredTask
from ..references import Reference, SplitScore, is_unscored
from ..resampling import Resampling, jackknife_scores
from ..scale import Scale
from ..split_scores import replicates_of_errors

MIN_UNITS = 2  # of a test fold, for pseudo-values


@dataclass(frozen=True, kw_only=True)
class ResampledCell:
    """Runs on the folds of one task that differ in fold, repeat and seed alone."""

    reference: Reference  # of the official split
    n_folds: int
    runs: Mapping[Seed, Mapping[int, RunRecord]]  # repeat, from 1 -> fold -> run; with clusters, (cluster, repeat)
    counts_unscored: bool = False  # runs that diverged count as the trivial baseline

    @property
    def scale(self) -> Scale:
        """What scores are averaged on."""
        return Scale(is_z=self.reference.task.metric == "pearson")

    @cached_property
    def scored(self) -> dict[Seed, list[RunRecord]]:
        """Repeat -> its runs by fold, of repeats with a score on every fold."""
        return {
            seed: [by_fold[fold] for fold in range(self.n_folds)]
            for seed, by_fold in self.runs.items()
            if len(by_fold) == self.n_folds
            and (self.counts_unscored or not any(is_unscored(run, "test") for run in by_fold.values()))
        }

    @property
    def with_trivial_scores(self) -> ResampledCell:
        """The cell for a contrast: runs that diverged count as the trivial baseline, or they would flatter it."""
        return replace(self, counts_unscored=True)

    @cached_property
    def fold_scores(self) -> dict[tuple[Seed, int], float]:
        """(repeat, fold) -> score on the scale, of repeats with a score on every fold."""
        scores = {
            (seed, fold): counted_score(run, self.reference, "test").score
            for seed, by_fold in self.scored.items()
            for fold, run in enumerate(by_fold)
        }
        return dict(zip(scores, self.scale.forward(np.array(list(scores.values()))).tolist(), strict=True))

    @property
    def split_sizes(self) -> dict[str, int]:
        """Split -> examples of the first fold; of other folds they differ by few."""
        first = self.reference.fold(self.n_folds, 0, 0)
        return {split: first.n_examples(split) for split in first.splits}

    @cached_property
    def group(self) -> ContrastGroup:
        """The cell as a group of a contrast, whose seeds are repeats.
        Raises StudyError: a test fold is a single document.
        """
        folds = range(self.n_folds)
        means = {seed: float(np.mean([self.fold_scores[seed, fold] for fold in folds])) for seed in self.scored}
        rows = {seed: self._replicates(seed, mean) for seed, mean in means.items()}
        folds = [self.reference.of_run(run) for run in next(iter(self.scored.values()), [])] or [self.reference]
        n_units = sum(fold.n_units(split) for fold in folds for split in (["test"] if means else fold.splits))
        scored = ScoredTask(
            scores={seed: self.as_score(mean) for seed, mean in means.items()},
            replicates=rows,
            resampling=Resampling(n_units=n_units, jackknife=True),
        )
        name = self.reference.task.name
        return ContrastGroup(tasks={name: scored}, weights={name: 1.0}, resampled=True)

    def as_score(self, value: float) -> float:
        """A value on the scale as a score."""
        return math.tanh(value) if self.scale.is_z else value

    def _replicates(self, seed: Seed, mean: float) -> np.ndarray:
        """(units,): scores whose variance by the rule of the jackknife is that of the mean pseudo-value; units by
        number, which is the same in every repeat.
        Raises StudyError: a test fold is a single document.
        """
        runs = self.scored[seed]
        references = [self.reference.of_run(run) for run in runs]
        scores = [counted_score(run, self.reference, "test") for run in runs]
        for run, scored in zip(runs, scores, strict=True):
            if scored.resampling.n_units < MIN_UNITS:
                raise StudyError(
                    f"run {run.id}: its test fold is one document; use fewer folds than {run.config.n_folds}"
                )
        n_units = sum(scored.resampling.n_units for scored in scores)
        if any(scored.errors for scored in scores):
            errors = np.sum([scored.errors[self.scale.is_z] for scored in scores], axis=0)
            rows = mean + replicates_of_errors(errors, Resampling(n_units=n_units, jackknife=True))
        else:
            share = n_units / self.n_folds
            values = np.concatenate([weighted_values(scored, share, self.scale) for scored in scores])
            numbers = np.concatenate([reference.unit_numbers("test") for reference in references])
            ordered = values[np.argsort(numbers, kind="stable")]
            rows = mean + (ordered.mean() - ordered) / (n_units - 1)
        return np.tanh(rows) if self.scale.is_z else rows


def weighted_values(scored: SplitScore, share: float, scale: Scale) -> np.ndarray:
    """The pseudo-value of each unit of a test fold (units,) on the scale, weighted so that folds count alike.
    `share`: of a fold in the number of units, if all had as many.
    """
    assert scored.sums is not None
    score, n = scale.forward(np.array(scored.score)), len(scored.sums)
    pseudo = n * score - (n - 1) * scale.forward(jackknife_scores(scored.metric, scored.sums))
    return score + share / n * (pseudo - score)


def resampled_cell(
    records: Sequence[RunRecord], references: Mapping[str, Reference], *, clusters: Mapping[str, int]
) -> ResampledCell | None:
    """Runs on resampled splits by repeat and fold; None for runs on the official split.
    `clusters`: encoder fingerprint -> pretraining seed, where the runs are of several encoders.
    Raises StudyError: the runs are of several tasks or numbers of folds, or two are of one fold.
    """
    if not any(record.config.n_folds for record in records):
        return None
    kinds = {(record.config.task, record.config.n_folds) for record in records}
    if len(kinds) > 1:
        raise StudyError("a cell has runs of several tasks or kinds of splits; compare runs on one kind of splits")
    ((task, n_folds),) = kinds
    if task not in references:
        raise StudyError(f"no gold labels for {task}; known: {', '.join(references)}")
    runs: dict[Seed, dict[int, RunRecord]] = {}
    for record in records:
        references[task].check(record)
        config, seed = record.config, record.config.repeat + 1
        by_fold = runs.setdefault((clusters.get(config.encoder_fingerprint, 0), seed) if clusters else seed, {})
        if config.fold in by_fold:
            raise StudyError(f"{task}: two runs of fold {config.fold} of repeat {seed} in one cell")
        by_fold[config.fold] = record
    return ResampledCell(reference=references[task], n_folds=n_folds, runs=dict(sorted(runs.items())))
