"""Which runs are trained together, and training them into the store."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..config import JsonMapping, JsonObject, RunConfig, fold_of
from ..errors import DataError
from ..models import Checkpoint, load_checkpoint
from ..store.folds import fold_gold
from ..store.run_store import RunStore
from ..store.run_weights import weight_saver
from ..tasks import Task, data_fingerprint, read_split
from ..tasks.features import Features
from ..tasks.features_cache import cached_features
from ..tasks.folds import fold_indices, resampled_sizes
from ..tasks.subsets import subset_indices
from ..tasks.text.words import detect_word_splitter
from ..training.population import population_key
from ..training.profiling import MemoryUsage, profile_memory
from ..training.schedule import total_steps
from ..training.trainer import StepCallback, train_population
from .sources.sources import Sources, sources_from_dict, sources_to_dict

SMALL_ENCODER = 3_000_000  # parameters; below this, the overhead of a step matters on a CPU
# Small encoders on one core: 4 members save 6% to 36% of the seconds per run between 0.1 M and 0.6 M parameters, 8 no
# more (their activations no longer fit into the cache); larger encoders are fastest alone.
MAX_CPU_MEMBERS = 4
MAX_CUDA_MEMBERS = 32  # more members do not use more of the GPU

Population = list[RunConfig]


def plan_populations(
    configs: Sequence[RunConfig],
    *,
    sources: Sources,
    device: str,
    workers: int,
    max_members: int | Callable[[RunConfig], int] = 0,
) -> list[Population]:
    """Divide runs into populations of similar length, the longest first.

    Args:
        workers: populations trained side by side; a small sweep is split evenly among them.
        max_members: size of the largest population, or a function of one of its runs; 0: `default_population_size`.
    """

    def limit(config: RunConfig) -> int:
        if callable(max_members):
            return max_members(config)
        return max_members or default_population_size(sources, config, device=device)

    groups: dict[tuple, Population] = {}
    for config in configs:
        key = (config.task, config.data_fingerprint, config.encoder_fingerprint, population_key(config))
        groups.setdefault(key, []).append(config)
    limits = {key: min(map(limit, _one_per_memory_need(group))) for key, group in groups.items()}
    counts = {key: math.ceil(len(group) / limits[key]) for key, group in groups.items()}
    if sum(counts.values()) < 4 * workers:
        # Few populations: split each group among all workers, so that none waits for another's long population.
        counts = {key: min(len(groups[key]), math.ceil(n / workers) * workers) for key, n in counts.items()}
    populations = [part for key, group in groups.items() for part in _split(group, counts[key], sources=sources)]
    return sorted(populations, key=lambda population: -population_steps(population, sources=sources))


def default_population_size(sources: Sources, config: RunConfig, *, device: str) -> int:
    """The largest population that is useful on the device, if memory suffices."""
    architecture = sources.encoder_of(config).architecture
    if architecture.config:
        return 1  # a transformers module trains its members in turn: a larger population would only take memory
    if device != "cpu":
        return MAX_CUDA_MEMBERS
    return MAX_CPU_MEMBERS if architecture.n_parameters < SMALL_ENCODER else 1


def population_steps(population: Sequence[RunConfig], *, sources: Sources) -> int:
    """Optimizer steps summed over the members."""
    return sum(run_steps(config, sources=sources) for config in population)


def run_steps(config: RunConfig, *, sources: Sources) -> int:
    """Optimizer steps of a run."""
    sizes = run_sizes(config, sources=sources)
    return total_steps(config.recipe, sizes["train"] + (sizes["dev"] if config.recipe.train_on_dev else 0))


def run_sizes(config: RunConfig, *, sources: Sources) -> Mapping[str, int]:
    """Split -> examples of a run; of a fold of resampled splits, as expected."""
    sizes = sources.sizes[config.task]
    return resampled_sizes(sizes, config.n_folds) if config.n_folds else sizes


def _one_per_memory_need(group: Population) -> Iterable[RunConfig]:
    """Runs that keep their best weights need more memory than the others of their group."""
    return {config.recipe.checkpoint_selection: config for config in group}.values()


def _split(group: Population, parts: int, *, sources: Sources) -> Iterator[Population]:
    """Parts of equal size, each of runs of similar length."""
    ordered = sorted(group, key=lambda config: -run_steps(config, sources=sources))  # stable: seeds stay in order
    start = 0
    for part in range(parts):
        stop = start + (len(group) - start) // (parts - part)
        yield ordered[start:stop]
        start = stop


class PopulationTrainer:
    """Trains populations one after another into the store. The last encoder and its tokenized splits stay loaded."""

    def __init__(
        self,
        store: RunStore,
        *,
        sources: Sources,
        device: str,
        keep_weights: str = "none",
        on_step: StepCallback | None = None,
    ) -> None:
        self.store, self.sources, self.device, self.keep_weights = store, sources, device, keep_weights
        self.on_step = on_step
        self._checkpoint: tuple[str, Checkpoint] | None = None
        self._features: dict[tuple, dict[str, Features]] = {}
        self._fold: tuple[tuple, dict[str, Features]] | None = None  # the last fold's features, with their key

    def to_config(self) -> JsonObject:
        """JSON values for `from_config` in another process."""
        return {
            "store": str(self.store.folder.resolve()),
            "sources": sources_to_dict(self.sources),
            "device": self.device,
            "keep_weights": self.keep_weights,
        }

    @classmethod
    def from_config(cls, values: JsonMapping) -> PopulationTrainer:
        """The inverse of `to_config`."""
        return cls(
            RunStore(values["store"]),
            sources=sources_from_dict(values["sources"]),
            device=values["device"],
            keep_weights=values["keep_weights"],
        )

    def train(self, population: Population, *, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Train one population into the store.

        Args:
            on_progress: receives the steps done and the steps of all members, after every step.
        """
        first = population[0]
        checkpoint = self._load(first)
        task = self.sources.task(first.task)
        train_population(
            population,
            features=self._tokenize(first, checkpoint),
            task=task,
            checkpoint=checkpoint,
            device=self.device,
            gold=self._gold(first),
            train_subset=self._train_subset(first),
            on_progress=on_progress,
            on_record=self.store.put,  # at once: killing this process loses no finished run
            on_step=self.on_step,
            on_weights=weight_saver(
                self.store,
                self.keep_weights,
                task=task,
                tokenizer=checkpoint.tokenizer,
                words=lambda: self._word_splitter(task),
            ),
        )

    def profile_memory(self, population: Population) -> MemoryUsage:
        """Memory that training a population takes; nothing is stored.

        Raises:
            StudyError: as `train`.
            MemoryError, RuntimeError: it does not fit (training.memory.is_out_of_memory).
        """
        first = population[0]
        checkpoint = self._load(first)
        return profile_memory(
            population,
            features=self._tokenize(first, checkpoint),
            task=self.sources.task(first.task),
            checkpoint=checkpoint,
            device=self.device,
        )

    def _load(self, config: RunConfig) -> Checkpoint:
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

    def _train_subset(self, config: RunConfig) -> np.ndarray | None:
        """Indices of the training examples of a run on a share of train; None: all."""
        if config.train_share == 1:
            return None
        task = self.sources.task(config.task)
        train = self.store.gold(task.name, config.data_fingerprint, "train")
        return subset_indices(task, train, share=config.train_share, seed=config.seed)

    def _gold(self, config: RunConfig) -> dict[str, tuple[str, ...]] | None:
        """The gold labels of raw text, which targets do not express; None for other tasks."""
        task = self.sources.task(config.task)
        if not task.has_raw_text:
            return None
        gold = {split: self.store.gold(task.name, config.data_fingerprint, split) for split in task.splits}
        n_folds, fold, repeat = fold_of(config)
        if n_folds:
            gold = fold_gold(task, gold, n_folds=n_folds, fold=fold, repeat=repeat)
        return {split: tuple(map(str, labels.gold)) for split, labels in gold.items()}

    def _word_splitter(self, task: Task) -> str:
        """The rule by which the words of train are split."""
        if task.has_raw_text:
            return task.form.words
        train = read_split(task, self.sources.data_folder or "", split="train")
        return detect_word_splitter(word for example in train for word in example.texts)

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
