"""When a run has failed: the study's one definition, and the trivial score that a run must beat."""

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
from .intervals import fisher_lower_bound, percentile_lower_bound, resampled_scores

NOT_FINITE = "loss not finite"
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
class Reference:
    """A task with the gold labels of its splits: what predictions are held against."""

    task: Task
    data: str  # fingerprint of the task's files
    gold: Mapping[str, Gold]  # train, dev, and test where there is one

    def trivial(self, split: str) -> float:
        """Score of the trivial baseline on a split: the majority label of train, no entity at all, or 0 for a
        correlation.
        """
        if self.task.metric == "pearson":
            return 0.0
        truth = self.gold[split].gold
        return self.score(truth, trivial_predictions(self.task, self.gold["train"].gold, truth))

    def score(self, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float:
        """The task's metric, as a fraction."""
        return score(self.task.metric, truth, predicted, positives=self.task.positive_labels)

    def unit(self, split: str) -> str:
        """What one draw of the bootstrap takes, in a word: a document where the split's files or ids name documents,
        the example itself where they do not.
        """
        truth = self.gold[split]
        return EXAMPLES[self.task.task_type] if truth.units == truth.ids else "document"

    def n_units(self, split: str) -> int:
        """How many of them a draw takes."""
        return len(set(self.gold[split].units))

    def interval_method(self, split: str) -> str:
        """How the interval over a split's examples is had, or why there is none, for a caption."""
        if self.task.metric == "pearson":
            return "Fisher's z"
        return f"bootstrap over {self.unit(split)}s" if self.n_units(split) > 1 else f"none: one {self.unit(split)}"

    def resampled(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray | None:
        """The task's metric on bootstrap draws of the split's units: (draws,); None below two units."""
        truth = self.gold[split]
        task = self.task
        return resampled_scores(task.metric, truth.gold, predicted, units=truth.units, positives=task.positive_labels)

    def check(self, record: RunRecord) -> None:
        """Refuse a record of another task or other data."""
        if (record.config.task, record.config.data) != (self.task.name, self.data):
            raise StudyError(
                f"run {record.id} is of {record.config.task} ({record.config.data}), the gold labels of "
                f"{self.task.name} ({self.data}); compare runs on one dataset"
            )
        for split, predicted in record.predictions.items():
            if predicted is not None and len(predicted) not in (0, len(self.gold[split].gold)):
                raise StudyError(
                    f"run {record.id} has {len(predicted)} predictions for {len(self.gold[split].gold)} examples of "
                    f"{self.task.name} ({split}); delete its record and run again"
                )


def load_references(store: RunStore, fingerprints: Mapping[str, str] | Iterable[RunRecord]) -> dict[str, Reference]:
    """Task name -> Reference from a store, for {task name: data fingerprint} or for the tasks of some records.

    Raises:
        StoreError: gold labels are missing.
        StudyError: the records mix versions of a dataset.
    """
    if not isinstance(fingerprints, Mapping):
        pairs = sorted({(record.config.task, record.config.data) for record in fingerprints})
        fingerprints = dict(pairs)
        if len(fingerprints) < len(pairs):
            twice = next(task for task, _ in pairs if sum(task == other for other, _ in pairs) > 1)
            raise StudyError(f"the runs on {twice} were made on different data; compare runs on one dataset")
    tasks = {name: stored_task(store, name, data) for name, data in fingerprints.items()}
    return {
        name: Reference(
            task=tasks[name], data=data, gold={split: store.gold(name, data, split) for split in tasks[name].splits}
        )
        for name, data in fingerprints.items()
    }


def failure(record: RunRecord, reference: Reference, *, split: str = "dev") -> str | None:
    """Why a run has failed, judged on a split, or None where it has not.

    It has failed if its loss diverged, its predictions are all the same, or the one-sided 95% lower
    bound of its score (bootstrap over units; Fisher's z for a correlation) does not exceed the trivial score, as
    where one unit alone leaves no such bound. Where dev joined train, the first two alone are judged, on test.
    """
    reference.check(record)
    if is_unscored(record, "test" if record.config.recipe.join_dev else split):
        return NOT_FINITE
    if split == "dev" and record.config.recipe.join_dev:
        return CONSTANT if _is_constant(record.predictions["test"], reference.task) else None
    if _is_constant(record.predictions[split], reference.task):
        return CONSTANT
    if score_lower_bound(record, reference, split=split) <= reference.trivial(split):
        return NOT_ABOVE_TRIVIAL
    return None


def is_unscored(record: RunRecord, split: str) -> bool:
    """Whether a run has no score on a split: its loss, or a prediction, is NaN or infinite."""
    predicted = record.predictions.get(split)
    return record.status == "not_finite" or not predicted or None in predicted


def score_lower_bound(record: RunRecord, reference: Reference, *, split: str) -> float:
    """One-sided 95% lower bound of a run's score over examples; minus infinity below two units of a bootstrap."""
    task, truth, predicted = reference.task, reference.gold[split], record.predictions[split]
    if task.metric == "pearson":
        return fisher_lower_bound(score("pearson", truth.gold, predicted), len(truth.gold))
    return percentile_lower_bound(reference.resampled(predicted, split=split))


def _is_constant(predicted: Sequence[str | float], task: Task) -> bool:
    if task.output == "token_labels":
        return len({tag for tags in predicted for tag in split_tags(str(tags))}) <= 1
    if task.output == "score":
        return float(np.ptp(predicted)) <= 1e-6 * max(1.0, abs(float(predicted[0])))  # float32 noise is no difference
    return len(set(predicted)) <= 1
