"""What training a population needs beside its configurations: an encoder, tokenized splits, gold labels. No text."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..config import RunConfig, fold_of
from ..errors import DataError
from ..models import Checkpoint, load_checkpoint
from ..store.folds import fold_gold
from ..store.run_store import RunStore
from ..tasks import Task, data_fingerprint
from ..tasks.features import Features
from ..tasks.features_cache import cached_features
from ..tasks.folds import fold_indices
from ..tasks.subsets import subset_indices
from .sources.sources import Sources

Gold = dict[str, tuple[str, ...]]  # split -> gold labels


@dataclass(frozen=True, eq=False)
class PopulationInputs:
    """The inputs of runs that share encoder, data, splits and tokenization."""

    checkpoint: Checkpoint
    task: Task
    features: dict[str, Features]  # train, dev and test
    gold: Gold | None = None  # of raw text, which targets do not express; None for other tasks
    train_subset: np.ndarray | None = None  # indices of the training examples to use; None: all


@dataclass
class InputReader:
    """Reads inputs from the sources' files and the store. The last encoder and its tokenized splits stay loaded."""

    store: RunStore
    sources: Sources
    _checkpoint: tuple[str, Checkpoint] | None = field(default=None, init=False)
    _features: dict[tuple, dict[str, Features]] = field(default_factory=dict, init=False)
    _fold: tuple[tuple, dict[str, Features]] | None = field(default=None, init=False)  # the last, with its key

    def read(self, config: RunConfig) -> PopulationInputs:
        """The inputs of a run, and of all that `population_key` puts into one population with it.

        Raises:
            DataError: the encoder is not pretrained, or files changed since the start.
            CheckpointError: the encoder cannot be read.
        """
        checkpoint = self.checkpoint(config)
        return PopulationInputs(
            checkpoint=checkpoint,
            task=self.sources.task(config.task),
            features=self._tokenize(config, checkpoint),
            gold=self._gold(config),
            train_subset=self.train_subset(config),
        )

    def checkpoint(self, config: RunConfig) -> Checkpoint:
        """The encoder of a run; errors as of `read`."""
        if self._checkpoint is None or self._checkpoint[0] != config.encoder_fingerprint:
            source = self.sources.encoder_of(config)
            if source.path is None:
                raise DataError(f"the encoder {source.name!r} is not pretrained yet; pretrain it before its runs")
            checkpoint = load_checkpoint(source.path)
            if checkpoint.fingerprint != config.encoder_fingerprint:
                raise DataError(f"{source.path}: the encoder {source.name!r} changed since the start; start again")
            self._checkpoint, self._features = (config.encoder_fingerprint, checkpoint), {}
            self._fold = None
        return self._checkpoint[1]

    def train_subset(self, config: RunConfig) -> np.ndarray | None:
        """Indices of the training examples of a run on a share of train; None: all."""
        if config.train_share == 1:
            return None
        task = self.sources.task(config.task)
        train = self.store.gold(task.name, config.data_fingerprint, "train")
        return subset_indices(task, train, share=config.train_share, seed=config.seed)

    def _gold(self, config: RunConfig) -> Gold | None:
        task = self.sources.task(config.task)
        if not task.has_raw_text:
            return None
        gold = {split: self.store.gold(task.name, config.data_fingerprint, split) for split in task.splits}
        n_folds, fold, repeat = fold_of(config)
        if n_folds:
            gold = fold_gold(task, gold, n_folds=n_folds, fold=fold, repeat=repeat)
        return {split: tuple(map(str, labels.gold)) for split, labels in gold.items()}

    def _tokenize(self, config: RunConfig, checkpoint: Checkpoint) -> dict[str, Features]:
        recipe = config.recipe
        key = (config.task, config.data_fingerprint, recipe.max_length, recipe.layout)
        if key not in self._features:
            task, folder = self.sources.task(config.task), Path(self.sources.data_folder or "")
            if data_fingerprint(task, folder) != config.data_fingerprint:
                raise DataError(f"{folder}: the files of {task.name} changed since the start; start again")
            self._features[key] = cached_features(
                task,
                folder,
                checkpoint.tokenizer,
                data=config.data_fingerprint,
                digest=checkpoint.tokenizer_digest(),
                max_length=recipe.max_length,
                segment_ids=recipe.layout,
            )
        return self._features[key] if not config.n_folds else self._of_fold(key, config)

    def _of_fold(self, key: tuple, config: RunConfig) -> dict[str, Features]:
        """The features of a fold of resampled splits, taken from those of all splits."""
        if self._fold is None or self._fold[0] != (key, *fold_of(config)):
            task = self.sources.task(config.task)
            gold = {split: self.store.gold(task.name, config.data_fingerprint, split) for split in task.splits}
            pooled = functools.reduce(Features.joined, (self._features[key][split] for split in task.splits))
            n_folds, fold, repeat = fold_of(config)
            indices = fold_indices(task, gold, n_folds=n_folds, fold=fold, repeat=repeat)
            features = {split: pooled.selected(chosen) for split, chosen in indices.items()}
            self._fold = (key, n_folds, fold, repeat), features
        return self._fold[1]
