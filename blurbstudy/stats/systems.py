"""What is compared: the runs of a cell, or a system with one set of predictions and no seeds (an off-the-shelf tool).

Every seed of the runs is compared with the system's one score, on the same replicates of the test examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Literal

from ..errors import StudyError
from ..training.run_record import RunRecord
from .cells import contrast_group, group_by_task, replicate_scores
from .contrasts import Comparison, contrast
from .panels import ContrastGroup, ScoredTask
from .references import Reference, SplitScore
from .resampled.folds import resampled_cell
from .status import judge_run
from .summary import CellSummary, summarize


@dataclass(frozen=True, kw_only=True)
class SeededCell:
    """The runs of a cell, with what is needed to summarize them on test."""

    records: Sequence[RunRecord]
    references: Mapping[str, Reference]
    clusters: Mapping[str, int] = field(default_factory=dict)  # encoder fingerprint -> pretraining seed
    weights: Mapping[str, float] | None = None  # of tasks in the mean; None: equal
    status_references: Mapping[str, Reference] | None = None  # if runs are judged by another metric than scored

    @cached_property
    def summary(self) -> CellSummary:
        """Scores by `references`; statuses too, unless there are `status_references`."""
        return summarize(self.records, self.references, clusters=self.clusters, weights=self.weights)

    @cached_property
    def statuses(self) -> CellSummary:
        """The summary whose statuses count."""
        if self.status_references is None:
            return self.summary
        return summarize(self.records, self.status_references, clusters=self.clusters, weights=self.weights)

    @property
    def all_collapsed(self) -> bool:
        return self.statuses.all_collapsed

    @property
    def judged_by(self) -> Mapping[str, Reference]:
        return self.references if self.status_references is None else self.status_references

    @cached_property
    def collapses(self) -> dict[tuple[str, str], dict[str, bool]]:
        """(encoder fingerprint, task) -> run id -> whether the run collapsed."""
        runs: dict[tuple[str, str], dict[str, bool]] = {}
        for record in self.records:
            key = (record.config.encoder_fingerprint, record.config.task)
            runs.setdefault(key, {})[record.id] = judge_run(record, self.judged_by[record.config.task]).status.collapsed
        return runs

    @property
    def tasks(self) -> frozenset[str]:
        return frozenset(record.config.task for record in self.records)

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(record.id for record in self.records)

    @cached_property
    def group(self) -> ContrastGroup:
        on_folds = resampled_cell(self.records, self.references, clusters=self.clusters)
        if on_folds is not None:
            return on_folds.with_trivial_scores.group
        cell = group_by_task(self.records, self.references, self.clusters, self.weights)
        return contrast_group(cell, self.references, split="test")


@dataclass(frozen=True, kw_only=True)
class SingleSystem:
    """A system's scores on the test examples of one task, or of several over which its score is a mean."""

    scored: Mapping[str, SplitScore]  # by task
    references: Mapping[str, Reference]

    @property
    def tasks(self) -> frozenset[str]:
        return frozenset(self.scored)

    @cached_property
    def scores(self) -> dict[str, float]:
        return {task: scored.score for task, scored in self.scored.items()}

    @property
    def score(self) -> float:
        return sum(self.scores.values()) / len(self.scores)

    @property
    def all_collapsed(self) -> bool:
        return False

    @property
    def run_ids(self) -> tuple[str, ...]:
        return ()

    @cached_property
    def group(self) -> ContrastGroup:
        tasks = {
            task: ScoredTask(
                scores={0: scored.score}, replicates={0: replicate_scores(scored)}, resampling=scored.resampling
            )
            for task, scored in self.scored.items()
        }
        return ContrastGroup(tasks=tasks, weights={task: 1 / len(tasks) for task in tasks}, seeded=False)


Cell = SeededCell | SingleSystem


def compare_cells(panels: Sequence[Sequence[Cell]]) -> Comparison:
    """The first cell minus the second; of four, minus the difference of the other two; averaged over panels.
    Raises StudyError: the cells are of different tasks, or none of a panel has seeds.
    """
    cells = [cell for panel in panels for cell in panel]
    for cell in cells[1:]:
        if cell.tasks != cells[0].tasks:
            names = (", ".join(sorted(compared.tasks)) for compared in (cells[0], cell))
            raise StudyError(f"cells of {' and of '.join(names)}; compare cells of the same tasks")
    is_z = all(cells[0].references[task].task.metric == "pearson" for task in cells[0].tasks)
    return contrast([[cell.group for cell in panel] for panel in panels], is_z=is_z)


def collapse_rates(cells: Sequence[SeededCell], *, by: Literal["encoder", "task"]) -> dict[str, float]:
    """Encoder or task -> its rate of collapse: the mean over its tasks, or over its encoders, of theirs."""
    runs: dict[tuple[str, str], dict[str, bool]] = {}
    for cell in cells:
        for key, collapsed in cell.collapses.items():
            runs.setdefault(key, {}).update(collapsed)
    rates: dict[str, list[float]] = {}
    for (encoder, task), collapsed in runs.items():
        rates.setdefault(encoder if by == "encoder" else task, []).append(fmean(collapsed.values()))
    return {unit: fmean(parts) for unit, parts in rates.items()}
