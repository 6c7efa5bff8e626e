"""What a contrast compares: a cell of runs, or a system with one set of predictions (an off-the-shelf tool).

Such a system has no seeds. Beside runs, the difference at a seed is the run's score less the system's, so Student's t
is over the seeds of the runs; both are scored on the same draws of test examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..errors import StudyError
from ..training.run_record import RunRecord
from .cells import by_task
from .collapse import Reference
from .intervals import percentile_lower_bound
from .summary import CellSummary, Comparison, Side, alternating_sum, seeded_side, summarize


@dataclass(frozen=True, kw_only=True)
class CellRuns:
    """A cell's runs with what is needed to summarize them."""

    records: Sequence[RunRecord]
    references: Mapping[str, Reference]
    clusters: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    judged_by: Mapping[str, Reference] | None = None  # where failures are judged by another metric than scores

    @cached_property
    def summary(self) -> CellSummary:
        """The cell in numbers."""
        return summarize(self.records, self.references, clusters=self.clusters, weights=self.weights)

    @cached_property
    def failed(self) -> int:
        """How many runs failed on dev."""
        if self.judged_by is None:
            return self.summary.failed
        return summarize(self.records, self.judged_by, clusters=self.clusters, weights=self.weights).failed

    @property
    def n(self) -> int:
        """How many runs; of several tasks, seeds that have one of each."""
        return self.summary.n

    @property
    def tasks(self) -> frozenset[str]:
        """Whose mean it is."""
        return frozenset(record.config.task for record in self.records)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Where its numbers come from."""
        return self.summary.run_ids

    def side(self, clusters: Mapping[str, int]) -> Side:
        """As a side of a difference, on test; `clusters` are those of all sides."""
        cell = by_task(self.records, self.references, clusters, self.weights)
        return seeded_side(cell, self.references, split="test")


@dataclass(frozen=True, kw_only=True)
class CellOnce:
    """A cell with one set of predictions and no seeds; scores are fractions."""

    score: float
    draws: np.ndarray | None  # (RESAMPLES,), of the test examples that the runs beside it are drawn with
    tasks: frozenset[str]
    trivial: float = 0.0  # of what finds nothing
    n: int = 1
    run_ids: tuple[str, ...] = ()  # it is no run

    @property
    def failed(self) -> int:
        """1 where its score cannot be told from the trivial one: as of a run, but on test, for want of a dev score."""
        return int(percentile_lower_bound(self.draws) <= self.trivial)

    def side(self, clusters: Mapping[str, int]) -> Side:
        """As a side of a difference."""
        return Side(scores=self.score, drawn=lambda _: self.draws)


Cell = CellRuns | CellOnce


def compared(cells: Sequence[Cell]) -> Comparison:
    """The first cell less the second; of four, less the difference of the other two.

    Raises:
        StudyError: the cells are of different tasks, or none of them has seeds.
    """
    for cell in cells[1:]:
        if cell.tasks != cells[0].tasks:
            names = (", ".join(sorted(one.tasks)) for one in (cells[0], cell))
            raise StudyError(f"cells of {' and of '.join(names)}; compare cells of the same tasks")
    if not any(isinstance(cell, CellRuns) for cell in cells):
        raise StudyError("two systems without seeds have no difference over seeds; compare one with a cell of runs")
    clusters = dict(one for cell in cells if isinstance(cell, CellRuns) for one in cell.clusters.items())
    return alternating_sum([cell.side(clusters) for cell in cells])
