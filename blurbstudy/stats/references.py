"""A task with the gold labels of its splits: trivial scores, resampling units, and replicates of a run's score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..config import fold_of
from ..errors import StudyError
from ..metrics import score
from ..store.custom_tasks import stored_task
from ..store.folds import fold_gold
from ..store.run_store import Gold, RunStore
from ..tasks import Task, trivial_predictions
from ..training.run_record import RunRecord
from .resampling import Resampling, bootstrap_scores, counting_units, jackknife_scores, unit_sums

EXAMPLES = {  # kind of task -> what one example is
    "ner": "sentence",
    "pico": "sentence",
    "relation": "sentence",
    "question": "question",
    "document": "document",
    "similarity": "pair",
}
# Tasks whose sentences come from abstracts that their files do not mark. Sentences of one abstract are alike, so blocks
# of consecutive ones are resampled: 4,797 test sentences of BC5-chem are from 500 abstracts.
UNMARKED_DOCUMENTS = ("BC5-chem", "BC5-disease", "NCBI-disease")
BLOCK = 10  # sentences
MIN_BLOCKS = 10  # in fewer, sentences are the units
MENTION_LISTS = "mention-lists"  # kind of metadata: scores of the list of train's mentions


@dataclass(frozen=True, kw_only=True)
class GoldReference:
    """A task with the gold labels of its splits."""

    task: Task
    data: str  # fingerprint of the task's files
    gold: Mapping[str, Gold]  # train, dev, and test where there is one
    mention_list: Mapping[str, float] = field(default_factory=dict)  # entities: split -> F1 of train's mentions
    fold_key: tuple[int, int, int] = (0, 0, 0)  # number of folds, fold and repeat; no folds: the official split
    _folds: dict[tuple[int, int, int], GoldReference] = field(default_factory=dict, repr=False, compare=False)

    def fold(self, n_folds: int, fold: int, repeat: int) -> GoldReference:
        """The gold labels of a fold of resampled splits, from those of the official one."""
        key = (n_folds, fold, repeat)
        if key not in self._folds:
            gold = fold_gold(self.task, self.gold, n_folds=n_folds, fold=fold, repeat=repeat)
            self._folds[key] = replace(self, gold=gold, mention_list={}, fold_key=key, _folds={})
        return self._folds[key]

    def of_run(self, record: RunRecord) -> GoldReference:
        """The gold labels that a run is scored against: of the official split, or of its fold."""
        key = fold_of(record.config)
        return self if key == self.fold_key else self.fold(*key)

    def trivial_score(self, split: str) -> float:
        """Score of the trivial baseline on a split: the majority label of train, no mention, or 0 for a correlation."""
        if self.task.metric == "pearson":
            return 0.0
        return self.score(self.gold[split].gold, self.trivial_predictions(split))

    def trivial_predictions(self, split: str) -> list[str | float]:
        """Predictions of the trivial baseline; of a correlation, whose score they leave at 0, the mean of train."""
        return trivial_predictions(self.task, self.gold["train"].gold, self.gold[split].gold)

    def score(self, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float:
        """The task's metric, as a fraction."""
        return score(self.task.metric, truth, predicted, positives=self.task.positive_labels)

    def units(self, split: str) -> tuple[str, ...]:
        """The resampling unit of each example."""
        truth = self.gold[split]
        if self._in_blocks(split):
            return tuple(f"{index // BLOCK:06d}" for index in range(len(truth.ids)))
        return truth.units

    def _in_blocks(self, split: str) -> bool:
        truth = self.gold[split]
        unmarked = self.task.name in UNMARKED_DOCUMENTS and truth.units == truth.ids
        return unmarked and len(truth.ids) >= BLOCK * MIN_BLOCKS

    def resampling_unit(self, split: str) -> str:
        """What is resampled, in words: documents if the split names them, else examples, or blocks of sentences."""
        truth = self.gold[split]
        if self._in_blocks(split):
            return f"block of {BLOCK} sentences"
        return EXAMPLES[self.task.task_type] if truth.units == truth.ids else "document"

    def resampling_units(self, split: str) -> str:
        """`resampling_unit` in the plural."""
        unit = self.resampling_unit(split)
        return unit.replace("block", "blocks") if unit.startswith("block") else f"{unit}s"

    def n_units(self, split: str) -> int:
        """Number of resampling units."""
        return len(set(self.units(split)))

    def unit_sums(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray:
        """The metric's additive terms by unit: (units, terms)."""
        task, truth = self.task, self.gold[split].gold
        return unit_sums(task.metric, tuple(truth), tuple(predicted), self.units(split), tuple(task.positive_labels))

    def n_counting_units(self, predicted: Sequence[str | float], *, split: str) -> int:
        """Number of units that take part in a score; see `counting_units`."""
        return int(counting_units(self.unit_sums(predicted, split=split)).sum())

    def bootstrap_scores(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray | None:
        """The task's metric on bootstrap replicates: (RESAMPLES,); None below two units."""
        task, truth = self.task, self.gold[split].gold
        return bootstrap_scores(task.metric, truth, predicted, units=self.units(split), positives=task.positive_labels)

    def resampling(self, split: str) -> Resampling:
        """How `replicates` are made on this split."""
        return Resampling(n_units=self.n_units(split))

    def replicates(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray | None:
        """The score on replicates of the split, whose variance `resampling` computes; None below two units."""
        if self.n_units(split) < 2:
            return None
        if self.resampling(split).is_bootstrap:
            return self.bootstrap_scores(predicted, split=split)
        return jackknife_scores(self.task.metric, self.unit_sums(predicted, split=split))

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
        gold = self.of_run(record).gold
        for split, predicted in record.predictions.items():
            if predicted is not None and len(predicted) not in (0, len(gold[split].gold)):
                raise StudyError(
                    f"run {record.id} has {len(predicted)} predictions for {len(gold[split].gold)} examples of "
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
            task=tasks[name],
            data=data,
            gold={split: store.gold(name, data, split) for split in tasks[name].splits},
            mention_list=store.metadata(MENTION_LISTS, mention_list_key(name, data)) or {},
        )
        for name, data in data_of.items()
    }


def mention_list_key(task: str, data: str) -> str:
    """Key of a task's metadata of the kind MENTION_LISTS."""
    return f"{task} {data}"


def is_unscored(record: RunRecord, split: str) -> bool:
    """Whether a run has no score on a split, because its loss or a prediction is NaN or infinite."""
    predicted = record.predictions.get(split)
    return record.status == "diverged" or not predicted or None in predicted
