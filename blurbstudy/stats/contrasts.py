"""Contrasts between cells of runs and systems with one set of predictions (off-the-shelf tools).

Such a system has no seeds. Its difference from a run is the run's score minus the system's, so Student's t is over the
seeds of the runs; both are scored on the same bootstrap replicates of the test examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import StudyError
from ..training.run_record import RunRecord
from .cells import group_by_task
from .collapse import GoldReference
from .intervals import percentile_lower_bound
from .summary import CellSummary, Comparison, ContrastGroup, contrast_groups, seeded_group, summarize


@dataclass(frozen=True, kw_only=True)
class SeededCell:
    """The runs of a cell, with what is needed to summarize them."""

    records: Sequence[RunRecord]
    references: Mapping[str, GoldReference]
    clusters: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    failure_references: Mapping[str, GoldReference] | None = None  # if failures use another metric than scores

    @cached_property
    def summary(self) -> CellSummary:
        """The cell's summary on test."""
        return summarize(self.records, self.references, clusters=self.clusters, weights=self.weights)

    @cached_property
    def failed(self) -> int:
        """Number of runs that failed on dev."""
        if self.failure_references is None:
            return self.summary.failed
        return summarize(self.records, self.failure_references, clusters=self.clusters, weights=self.weights).failed

    @property
    def n(self) -> int:
        """Number of runs; for several tasks, of seeds with a run on each."""
        return self.summary.n

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks over which the score is a mean."""
        return frozenset(record.config.task for record in self.records)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Ids of the runs."""
        return self.summary.run_ids

    def as_group(self, clusters: Mapping[str, int]) -> ContrastGroup:
        """The cell as a group of a contrast, on test.

        Args:
            clusters: encoder fingerprint -> pretraining seed, of all groups.
        """
        cell = group_by_task(self.records, self.references, clusters, self.weights)
        return seeded_group(cell, self.references, split="test")


@dataclass(frozen=True, kw_only=True)
class SingleSystem:
    """A system with one set of predictions and no seeds; scores are fractions."""

    score: float
    draws: np.ndarray | None  # (RESAMPLES,), on the replicates of the runs it is compared with
    tasks: frozenset[str]
    trivial: float = 0.0  # score of the trivial baseline
    n: int = 1
    run_ids: tuple[str, ...] = ()  # none

    @property
    def failed(self) -> int:
        """1 if its test score is not significantly above the trivial baseline, otherwise 0."""
        return int(percentile_lower_bound(self.draws) <= self.trivial)

    def as_group(self, clusters: Mapping[str, int]) -> ContrastGroup:
        """The system as a group of a contrast."""
        return ContrastGroup(scores=self.score, bootstrap=lambda _: self.draws)


Cell = SeededCell | SingleSystem


def contrast_cells(cells: Sequence[Cell]) -> Comparison:
    """The first cell minus the second; of four, minus the difference of the other two.

    Raises:
        StudyError: the cells are of different tasks, or none of them has seeds.
    """
    for cell in cells[1:]:
        if cell.tasks != cells[0].tasks:
            names = (", ".join(sorted(compared.tasks)) for compared in (cells[0], cell))
            raise StudyError(f"cells of {' and of '.join(names)}; compare cells of the same tasks")
    if not any(isinstance(cell, SeededCell) for cell in cells):
        raise StudyError("two systems without seeds have no difference over seeds; compare one with a cell of runs")
    clusters = dict(item for cell in cells if isinstance(cell, SeededCell) for item in cell.clusters.items())
    return contrast_groups([cell.as_group(clusters) for cell in cells])
