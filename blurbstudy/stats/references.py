"""A task with the gold labels of its splits: trivial scores, resampling units, and replicates of a run's score."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import StudyError
from ..metrics import METRICS, is_correlated, score
from ..store.custom_tasks import stored_task
from ..store.folds import fold_gold
from ..store.run_store import Gold, RunStore
from ..tasks import Task, split_tags, trivial_predictions
from ..training.run_record import RunRecord
from .published_scores.reference import has_published, read_published
from .resampling import unit_sums
from .split_scores import Reference, SplitScore, is_unscored

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
# Kind of metadata: the secret by which a store that was published orders its units. Terms are published in that order,
# which does not tell which unit is which. The store's own bootstraps draw units by it too, so both print equal numbers.
UNIT_ORDER = "unit-order"
NEEDS_DATA = "needs predictions and gold labels, which published records leave out; make it where the data are"

__all__ = [
    "NEEDS_DATA",
    "GoldReference",
    "Reference",
    "SplitScore",
    "is_constant",
    "is_unscored",
    "load_gold",
    "load_references",
    "mention_list_key",
    "with_gold",
]


@dataclass(frozen=True, kw_only=True)
class GoldReference(Reference):
    """A task with the gold labels of its splits."""

    task: Task
    data: str  # fingerprint of the task's files
    gold: Mapping[str, Gold]  # train, dev, and test where there is one
    mention_list: Mapping[str, float] = field(default_factory=dict)  # entities: split -> F1 of train's mentions
    fold_key: tuple[int, int, int] = (0, 0, 0)  # number of folds, fold and repeat; no folds: the official split
    unit_order: str = ""  # the secret by which units are ordered; '': by name
    _folds: dict[tuple[int, int, int], GoldReference] = field(default_factory=dict, repr=False, compare=False)

    def fold(self, n_folds: int, fold: int, repeat: int) -> GoldReference:
        key = (n_folds, fold, repeat)
        if key not in self._folds:
            gold = fold_gold(self.task, self.gold, n_folds=n_folds, fold=fold, repeat=repeat)
            self._folds[key] = replace(self, gold=gold, mention_list={}, fold_key=key, _folds={})
        return self._folds[key]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.gold)

    def n_examples(self, split: str) -> int:
        return len(self.gold[split].gold)

    def scored(self, record: RunRecord, split: str) -> SplitScore:
        return with_gold(self.of_run(record)).score_of(record.predictions[split], split=split)

    def score_of(self, predicted: Sequence[str | float], *, split: str) -> SplitScore:
        truth, sums = self.gold[split].gold, self.unit_sums(predicted, split=split)
        correlation = self.task.metric == "pearson"
        return SplitScore(
            metric=self.task.metric,
            score=self.score(truth, predicted)
            if correlation
            else float(METRICS[self.task.metric].from_sums(sums.sum(axis=0))),
            resampling=self.resampling(split),
            is_defined=not correlation or is_correlated([float(v) for v in truth], [float(v) for v in predicted]),
            sums=sums,
        )

    def trivial(self, split: str) -> SplitScore:
        return self.score_of(self.trivial_predictions(split), split=split)

    def trivial_label(self) -> str:
        (guess,) = trivial_predictions(self.task, self.gold["train"].gold, self.gold["test"].gold[:1])
        return str(guess)

    def varies(self, split: str) -> bool:
        return not is_constant(self.gold[split].gold, self.task)

    def with_metric(self, metric: str) -> GoldReference:
        return replace(self, task=replace(self.task, metric=metric), _folds={})

    def trivial_predictions(self, split: str) -> list[str | float]:
        """Predictions of the trivial baseline; of a correlation, whose score they leave at 0, the mean of train."""
        return trivial_predictions(self.task, self.gold["train"].gold, self.gold[split].gold)

    def score(self, truth: Sequence[str | float], predicted: Sequence[str | float]) -> float:
        """The task's metric, as a fraction."""
        return score(self.task.metric, truth, predicted, positives=self.task.positive_labels)

    def units(self, split: str) -> tuple[str, ...]:
        """The resampling unit of each example, by a name that sorts them in the order of terms."""
        truth = self.gold[split]
        if self._in_blocks(split):
            names = tuple(f"{index // BLOCK:06d}" for index in range(len(truth.ids)))
        else:
            names = truth.units
        return _shuffled(names, f"{self.unit_order} {self.task.name}") if self.unit_order else names

    def unit_numbers(self, split: str) -> np.ndarray:
        known = np.unique(np.concatenate([np.asarray(self.units(name)) for name in self.gold]))
        return np.searchsorted(known, np.unique(np.asarray(self.units(split))))

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

    def n_units(self, split: str) -> int:
        return len(set(self.units(split)))

    def unit_sums(self, predicted: Sequence[str | float], *, split: str) -> np.ndarray:
        """The metric's additive terms by unit: (units, terms)."""
        task, truth = self.task, self.gold[split].gold
        return unit_sums(task.metric, tuple(truth), tuple(predicted), self.units(split), tuple(task.positive_labels))

    def check(self, record: RunRecord) -> None:
        """Reject a record of another task or other data.
        Raises StudyError: its task, data or number of predictions differ.
        """
        super().check(record)
        reference = self.of_run(record)
        for split, predicted in record.predictions.items():
            if predicted is not None and len(predicted) not in (0, reference.n_examples(split)):
                raise StudyError(
                    f"run {record.id} has {len(predicted)} predictions for {reference.n_examples(split)} examples of "
                    f"{self.task.name} ({split}); delete its record and run again"
                )


@functools.lru_cache(maxsize=256)
def _shuffled(names: tuple[str, ...], secret: str) -> tuple[str, ...]:
    """Digests of the names, whose order only the secret tells."""
    return tuple(hashlib.blake2b(name.encode(), key=secret.encode()[:64], digest_size=8).hexdigest() for name in names)


def is_constant(predicted: Sequence[str | float], task: Task) -> bool:
    """Whether all predictions are the same; of tags, whether all words have one tag."""
    if task.output == "token_labels":
        return len({tag for tags in predicted for tag in split_tags(str(tags))}) <= 1
    if task.output == "score":
        values = np.asarray(predicted, np.float64)
        return float(np.ptp(values)) <= 1e-6 * max(1.0, abs(float(values[0])))  # below float32 noise
    return len(set(predicted)) <= 1


def load_references(store: RunStore, fingerprints: Mapping[str, str] | Iterable[RunRecord]) -> dict[str, Reference]:
    """Task name -> reference from a store, for {task name: data fingerprint} or for the tasks of some records: with the
    gold labels, or, of a published store, with what was published of them.

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
    return {name: _load_reference(store, name, data) for name, data in data_of.items()}


def load_gold(store: RunStore, fingerprints: Mapping[str, str] | Iterable[RunRecord]) -> dict[str, GoldReference]:
    """`load_references` for what needs the gold labels and predictions themselves.
    Raises StudyError: the store was published without them.
    """
    return {name: with_gold(reference) for name, reference in load_references(store, fingerprints).items()}


def with_gold(reference: Reference) -> GoldReference:
    """The reference, which must have the gold labels. Raises StudyError: it was published without them."""
    if not isinstance(reference, GoldReference):
        raise StudyError(f"{reference.task.name}: {NEEDS_DATA}")
    return reference


def _load_reference(store: RunStore, name: str, data: str) -> Reference:
    task, mention_list = (
        stored_task(store, name, data),
        store.metadata(MENTION_LISTS, mention_list_key(name, data)) or {},
    )
    if has_published(store):
        return read_published(store, task, data, mention_list=mention_list)
    return GoldReference(
        task=task,
        data=data,
        gold={split: store.gold(name, data, split) for split in task.splits},
        mention_list=mention_list,
        unit_order=(store.metadata(UNIT_ORDER, UNIT_ORDER) or {}).get("secret", ""),
    )


def mention_list_key(task: str, data: str) -> str:
    return f"{task} {data}"
