"""The study's definition of a failed run, and the trivial score that a run must beat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import StudyError
from ..metrics import score
from ..store.custom_tasks import stored_task
from ..store.run_store import Gold, RunStore
from ..tasks import Task, split_tags, trivial_predictions
from ..training.run_record import RunRecord
from .intervals import bootstrap_scores, fisher_lower_bound, percentile_lower_bound

DIVERGED = "loss not finite"
CONSTANT = "constant predictions"
NOT_ABOVE_TRIVIAL = "not above the trivial score"

EXAMPLES = {  # kind of task -> what one example is
    "ner": "sentence",
    "pico": "sentence",
    "relation": "sentence",
    "question": "question",
    "document": "document",
    "similarity": "pair",
}


@dataclass(frozen=True, kw_only=True)
class GoldReference:
    """A task with the gold labels of its splits."""

    task: Task
    data: str  # fingerprint of the task's files
    gold: Mapping[str, Gold]  # train, dev, and test where there is one

    def trivial_score(self, split: str) -> float:
        """Score of the trivial baseline on a split: the majority label of train, no mention, or 0 for a correlation."""
        if self.task.metric == "pearson":
            return 0.0
        truth = self.gold[split].gold
        return self.score(truth, trivial_predictions(self.task, self.gold["train"].gold, truth))

    def score(self, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float:
        """The task's metric, as a fraction."""
        return score(self.task.metric, truth, predicted, positives=self.task.positive_labels)

    def resampling_unit(self, split: str) -> str:
        """What the bootstrap resamples, in a word: documents if the split names them, otherwise examples."""
        truth = self.gold[split]
        return EXAMPLES[self.task.task_type] if truth.units == truth.ids else "document"

    def n_units(self, split: str) -> int:
        """Number of resampling units."""
        return len(set(self.gold[split].units))

    def interval_method(self, split: str) -> str:
        """The method of the interval over a split's examples, or why there is none, for a caption."""
        if self.task.metric == "pearson":
            return "Fisher's z"
        unit = self.resampling_unit(split)
        return f"bootstrap over {unit}s" if self.n_units(split) > 1 else f"none: one {unit}"

    def bootstrap_scores(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray | None:
        """The task's metric on bootstrap replicates: (RESAMPLES,); None below two units."""
        truth = self.gold[split]
        task = self.task
        return bootstrap_scores(task.metric, truth.gold, predicted, units=truth.units, positives=task.positive_labels)

    def check(self, record: RunRecord) -> None:
        """Reject a record of another task or other data.

        Raises:
            StudyError: its task, data or number of predictions differ.
        """
        if (record.config.task, record.config.data_fingerprint) != (self.task.name, self.data):
            raise StudyError(
                f"run {record.id} is of {record.config.task} ({record.config.data_fingerprint}), the gold labels of "
                f"{self.task.name} ({self.data}); compare runs on one dataset"
            )
        for split, predicted in record.predictions.items():
            if predicted is not None and len(predicted) not in (0, len(self.gold[split].gold)):
                raise StudyError(
                    f"run {record.id} has {len(predicted)} predictions for {len(self.gold[split].gold)} examples of "
                    f"{self.task.name} ({split}); delete its record and run again"
                )


def load_references(store: RunStore, fingerprints: Mapping[str, str] | Iterable[RunRecord]) -> dict[str, GoldReference]:
    """Task name -> GoldReference from a store, for {task name: data fingerprint} or for the tasks of some records.

    Raises:
        StoreError: gold labels are missing.
        StudyError: the records mix versions of a dataset.
    """
    if isinstance(fingerprints, Mapping):
        data_of = {str(name): data for name, data in fingerprints.items()}
    else:
        pairs = sorted({(record.config.task, record.config.data_fingerprint) for record in fingerprints})
        data_of = dict(pairs)
        if len(data_of) < len(pairs):
            twice = next(task for task, _ in pairs if sum(task == other for other, _ in pairs) > 1)
            raise StudyError(f"the runs on {twice} were made on different data; compare runs on one dataset")
    tasks = {name: stored_task(store, name, data) for name, data in data_of.items()}
    return {
        name: GoldReference(
            task=tasks[name], data=data, gold={split: store.gold(name, data, split) for split in tasks[name].splits}
        )
        for name, data in data_of.items()
    }


def failure_reason(record: RunRecord, reference: GoldReference, *, split: str = "dev") -> str | None:
    """Why a run failed, judged on a split, or None if it did not.

    A run failed if its loss became NaN or infinite, its predictions are constant, or the one-sided 95% lower bound of
    its score (bootstrap over units; Fisher's z for a correlation) does not exceed the trivial score; a single unit has
    no such bound. For runs trained on dev, only the first two are judged, on test.
    """
    reference.check(record)
    if is_unscored(record, "test" if record.config.recipe.train_on_dev else split):
        return DIVERGED
    if split == "dev" and record.config.recipe.train_on_dev:
        return CONSTANT if _is_constant(record.predictions["test"], reference.task) else None
    if _is_constant(record.predictions[split], reference.task):
        return CONSTANT
    if score_lower_bound(record, reference, split=split) <= reference.trivial_score(split):
        return NOT_ABOVE_TRIVIAL
    return None


def is_unscored(record: RunRecord, split: str) -> bool:
    """Whether a run has no score on a split, because its loss or a prediction is NaN or infinite."""
    predicted = record.predictions.get(split)
    return record.status == "diverged" or not predicted or None in predicted


def score_lower_bound(record: RunRecord, reference: GoldReference, *, split: str) -> float:
    """One-sided 95% lower bound of a run's score over examples; minus infinity below two units of a bootstrap."""
    task, truth, predicted = reference.task, reference.gold[split], record.predictions[split]
    if task.metric == "pearson":
        return fisher_lower_bound(score("pearson", truth.gold, predicted), len(truth.gold))
    return percentile_lower_bound(reference.bootstrap_scores(predicted, split=split))


def _is_constant(predicted: Sequence[str | float], task: Task) -> bool:
    if task.output == "token_labels":
        return len({tag for tags in predicted for tag in split_tags(str(tags))}) <= 1
    if task.output == "score":
        return float(np.ptp(predicted)) <= 1e-6 * max(1.0, abs(float(predicted[0])))  # below float32 noise
    return len(set(predicted)) <= 1
