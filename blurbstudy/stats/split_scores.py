"""What statistics know of predictions on a split (`SplitScore`), and of a task that runs are scored on (`Reference`).

There are two references: `GoldReference` has the gold labels and scores predictions; `PublishedReference` has what was
computed from them where the data are, and neither labels nor predictions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..config import fold_of
from ..errors import StudyError
from ..tasks import Task
from ..training.run_record import RunRecord
from .resampling import Resampling, bootstrap_of_sums, counting_units, jackknife_scores
from .scale import Scale


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitScore:
    """The score of one set of predictions on a split, and how it varies over the resampling units."""

    metric: str
    score: float  # a fraction
    resampling: Resampling
    is_defined: bool = True  # False: a correlation of which one side is constant
    sums: np.ndarray | None = None  # (units, terms): the metric's additive terms by unit
    # Of published correlations, instead of sums: whether on Fisher's z scale -> (k,). The inner product of two runs'
    # vectors is the covariance of their scores over units.
    errors: Mapping[bool, np.ndarray] = field(default_factory=dict)

    @property
    def n_counting_units(self) -> int:
        """Number of units that take part in the score; see `counting_units`."""
        return int(counting_units(self._sums).sum())

    def bootstrap(self) -> np.ndarray | None:
        """The score on bootstrap replicates of the units: (RESAMPLES,); None below two units."""
        return bootstrap_of_sums(self.metric, self._sums)

    def replicates(self, *, is_z: bool = False) -> np.ndarray | None:
        """The score on replicates of the units, whose variance `resampling` computes; None below two units.
        `is_z`: the variance will be taken on Fisher's z scale. Only published correlations depend on it.
        """
        if self.resampling.n_units < 2:
            return None
        if self.errors:
            center = Scale(is_z=is_z).forward(np.array(self.score))
            rows = center + replicates_of_errors(self.errors[is_z], self.resampling)
            return np.tanh(rows) if is_z else rows
        if self.resampling.is_bootstrap:
            return self.bootstrap()
        return jackknife_scores(self.metric, self._sums)

    @property
    def _sums(self) -> np.ndarray:
        if self.sums is None:
            raise StudyError(f"the {self.metric} terms of this split were not published; make the table with the data")
        return self.sums


def replicates_of_errors(errors: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Replicates (2k,) around 0 with the variance |errors|^2 by the resampling's rule; linear in the errors (k,)."""
    k = len(errors)
    scale = (2 * k - 1) / 2 if resampling.is_bootstrap else k / (resampling.n_units - 1)
    return np.concatenate([errors, -errors]) * np.sqrt(scale)


class Reference(ABC):
    """A task that runs are scored on: scores of their records, trivial scores, and resampling units by split."""

    task: Task
    data: str  # fingerprint of the task's files
    mention_list: Mapping[str, float]  # entities: split -> F1 of train's mentions
    fold_key: tuple[int, int, int]  # number of folds, fold and repeat; no folds: the official split

    @abstractmethod
    def fold(self, n_folds: int, fold: int, repeat: int) -> Reference:
        """The reference of a fold of resampled splits, from that of the official one."""

    @property
    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """train, dev, and test where there is one."""

    @abstractmethod
    def n_examples(self, split: str) -> int:
        """Number of examples."""

    @abstractmethod
    def n_units(self, split: str) -> int:
        """Number of resampling units."""

    @abstractmethod
    def unit_numbers(self, split: str) -> np.ndarray:
        """Numbers of the units (units,) in the order of terms; the same unit has one number in every fold."""

    @abstractmethod
    def resampling_unit(self, split: str) -> str:
        """What is resampled, in words: documents if the split names them, else examples, or blocks of sentences."""

    @abstractmethod
    def scored(self, record: RunRecord, split: str) -> SplitScore:
        """The score of a run's predictions on a split of its own (see `of_run`); it must have some."""

    @abstractmethod
    def trivial(self, split: str) -> SplitScore:
        """The trivial baseline: the majority label of train, no mention, or the mean of train."""

    @abstractmethod
    def trivial_label(self) -> str:
        """The label that the trivial baseline predicts, of tasks of labels."""

    @abstractmethod
    def varies(self, split: str) -> bool:
        """Whether the gold labels of a split are not all the same."""

    @abstractmethod
    def with_metric(self, metric: str) -> Reference:
        """The same labels scored by another metric."""

    def published_status(self, record: RunRecord) -> tuple[str, str] | None:
        """The status of a run and its reason, if they were published instead of predictions."""
        return None

    def of_run(self, record: RunRecord) -> Reference:
        key = fold_of(record.config)
        return self if key == self.fold_key else self.fold(*key)

    def trivial_score(self, split: str) -> float:
        """Score of the trivial baseline on a split: the majority label of train, no mention, or 0 for a correlation."""
        return 0.0 if self.task.metric == "pearson" else self.trivial(split).score

    def resampling(self, split: str) -> Resampling:
        """How replicates are made on this split."""
        return Resampling(n_units=self.n_units(split))

    def resampling_units(self, split: str) -> str:
        """`resampling_unit` in the plural."""
        unit = self.resampling_unit(split)
        return unit.replace("block", "blocks") if unit.startswith("block") else f"{unit}s"

    def is_independent(self, split: str) -> bool:
        """Whether every example is a unit of its own."""
        return self.n_units(split) == self.n_examples(split)

    def check(self, record: RunRecord) -> None:
        """Reject a record of another task or other data.
        Raises StudyError: its task, data or number of predictions differ.
        """
        if (record.config.task, record.config.data_fingerprint) != (self.task.name, self.data):
            raise StudyError(
                f"run {record.id} is of {record.config.task} ({record.config.data_fingerprint}), the gold labels of "
                f"{self.task.name} ({self.data}); compare runs on one dataset"
            )


def is_unscored(record: RunRecord, split: str) -> bool:
    """Whether a run has no score on a split, because its loss or a prediction is NaN or infinite."""
    if record.status == "diverged":
        return True
    if not record.predictions:  # a published record
        return record.scores.get(split) is None
    predicted = record.predictions.get(split)
    return not predicted or None in predicted
