"""Which runs are trained together, and training them straight into the store."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..errors import DataError
from ..models import Architecture, Checkpoint, load_checkpoint
from ..store.run_store import RunStore
from ..store.run_weights import keeper
from ..tasks import Task, data_fingerprint, read_split
from ..tasks.features import Features
from ..tasks.features_cache import cached_features
from ..tasks.text.words import word_rule
from ..training import population_key, total_steps, train_population
from ..training.profiling import Peak, Times, rehearse_memory, rehearse_time
from ..training.trainer import Watch
from .sources.sources import Sources, sources_to_dict

SMALL_ENCODER = 3_000_000  # parameters below which a step's overhead shows on a CPU
# Members of small encoders on one core: 4 saved 6% to 36% of the seconds per run between 0.1 M and 0.6 M parameters,
# 8 no more than that (their activations leave the cache); large encoders are fastest alone.
CPU_MEMBERS_SMALL = 4
CUDA_MEMBERS = 32  # past that, more members fill no more of the GPU

Population = list[RunConfig]


def plan_populations(
    configs: Sequence[RunConfig],
    *,
    sources: Sources,
    device: str,
    workers: int,
    members: int | Callable[[RunConfig], int] = 0,
) -> list[Population]:
    """Runs in populations, the longest first. Members of one are as alike in length as can be.

    Args:
        workers: populations trained side by side; small plans are split evenly among them.
        members: largest population, or what tells it of a run like those in it; 0: `most_members`.
    """

    def limit(config: RunConfig) -> int:
        return members(config) if callable(members) else members or most_members(sources, config, device=device)

    groups: dict[Any, Population] = {}
    for config in configs:
        key = (config.task, config.data, config.encoder, population_key(config))
        groups.setdefault(key, []).append(config)
    limits = {key: min(map(limit, _distinct_in_memory(group))) for key, group in groups.items()}
    counts = {key: math.ceil(len(group) / limits[key]) for key, group in groups.items()}
    if sum(counts.values()) < 4 * workers:
        # Few populations: let each group fill all workers, so that none waits for another's giant.
        counts = {key: min(len(groups[key]), math.ceil(n / workers) * workers) for key, n in counts.items()}
    populations = [part for key, group in groups.items() for part in _split(group, counts[key], sources=sources)]
    return sorted(populations, key=lambda population: -population_steps(population, sources=sources))


def most_members(sources: Sources, config: RunConfig, *, device: str) -> int:
    """Members trained together where nobody says how many and memory has room."""
    architecture = Architecture(**sources.encoder_of(config).architecture)
    if architecture.config:
        return 1  # members take turns in transformers' own module: beside others, each would only hold memory
    if device != "cpu":
        return CUDA_MEMBERS
    return CPU_MEMBERS_SMALL if architecture.n_parameters < SMALL_ENCODER else 1


def population_steps(population: Sequence[RunConfig], *, sources: Sources) -> int:
    """Optimizer steps summed over the members."""
    return sum(run_steps(config, sources=sources) for config in population)


def run_steps(config: RunConfig, *, sources: Sources) -> int:
    """Optimizer steps of a run."""
    sizes = sources.sizes[config.task]
    return total_steps(config.recipe, sizes["train"] + (sizes["dev"] if config.recipe.join_dev else 0))


def _distinct_in_memory(group: Population) -> Iterable[RunConfig]:
    """One run for each need of memory in a group: those that keep their best weights need more."""
    return {config.recipe.select: config for config in group}.values()


def _split(group: Population, parts: int, *, sources: Sources) -> Iterator[Population]:
    """Evenly, neighbours in length together."""
    ordered = sorted(group, key=lambda config: -run_steps(config, sources=sources))  # stable: seeds stay in order
    start = 0
    for part in range(parts):
        stop = start + (len(group) - start) // (parts - part)
        yield ordered[start:stop]
        start = stop


class PopulationTrainer:
    """Trains populations one after another and puts their records into the store. The last encoder and the last
    tokenized splits are kept between populations.
    """

    def __init__(self, store: RunStore, *, sources: Sources, device: str, keep_weights: str = "none") -> None:
        self.store, self.sources, self.device, self.keep_weights = store, sources, device, keep_weights
        self._checkpoint: tuple[str, Checkpoint] | None = None
        self._features: dict[Any, dict[str, Features]] = {}

    @property
    def setup(self) -> dict[str, Any]:
        """Plain values from which another process makes a trainer like this one."""
        store = str(self.store.folder.resolve())
        told = {"device": self.device, "keep_weights": self.keep_weights}
        return {"store": store, "sources": sources_to_dict(self.sources), **told}

    def train(
        self,
        population: Population,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        on_step: Watch | None = None,
    ) -> None:
        """Train one population into the store; see `train_population` for who is told what meanwhile.

        Raises:
            StudyError: data or encoder cannot be read, or changed since the runs were planned.
            StoreError: the store cannot be written.
        """
        first = population[0]
        checkpoint = self._load(first)
        if self.sources.encoder_of(first).stand_in:
            raise DataError(f"the encoder {first.encoder_name!r} is only planned; pretrain it before its runs")
        task = self.sources.task(first.task)
        train_population(
            population,
            features=self._tokenized(first, checkpoint),
            task=task,
            checkpoint=checkpoint,
            device=self.device,
            on_progress=on_progress,
            on_record=self.store.put,  # at once: whoever kills this process loses no finished run
            on_step=on_step,
            on_weights=keeper(
                self.store,
                self.keep_weights,
                task=task,
                tokenizer=checkpoint.tokenizer,
                words=lambda: self._words_of_train(task),
            ),
        )

    def rehearse(self, population: Population, *, what: str) -> Times | Peak:
        """What a population takes: time, or memory. Nothing is put into the store.

        Raises:
            as `train`; MemoryError or RuntimeError where it does not fit.
        """
        first = population[0]
        features = self._tokenized(first, self._load(first))
        given = {"task": self.sources.task(first.task), "device": self.device}
        if what == "memory":
            return rehearse_memory(population, features=features, checkpoint=self._load(first), **given)
        # Once more: a first time, files come from the disk.
        self._checkpoint, self._features, began = None, {}, time.process_time()
        checkpoint = self._load(first)
        loaded = time.process_time()
        features = self._tokenized(first, checkpoint)
        spent = {"load": loaded - began, "tokenize": time.process_time() - loaded}
        return replace(rehearse_time(population, features=features, checkpoint=checkpoint, **given), **spent)

    def _load(self, config: RunConfig) -> Checkpoint:
        if self._checkpoint is None or self._checkpoint[0] != config.encoder:
            source = self.sources.encoder_of(config)
            checkpoint = load_checkpoint(source.path)
            if checkpoint.fingerprint != config.encoder and not source.stand_in:
                raise DataError(f"{source.path}: the encoder {source.name!r} changed meanwhile; start again")
            self._checkpoint, self._features = (config.encoder, checkpoint), {}
        return self._checkpoint[1]

    def _words_of_train(self, task: Task) -> str:
        """The rule by which the words of train are split."""
        train = read_split(task, self.sources.data_folder or "", split="train")
        return word_rule(word for example in train for word in example.texts)

    def _tokenized(self, config: RunConfig, checkpoint: Checkpoint) -> dict[str, Features]:
        recipe = config.recipe
        key = (config.task, config.data, recipe.max_length, recipe.layout)
        if key not in self._features:
            task, folder = self.sources.task(config.task), Path(self.sources.data_folder or "")
            if data_fingerprint(task, folder) != config.data:
                raise DataError(f"{folder}: the files of {task.name} changed meanwhile; start again")
            self._features[key] = cached_features(
                task,
                folder,
                checkpoint.tokenizer,
                data=config.data,
                digest=checkpoint.tokenizer_digest(),
                max_length=recipe.max_length,
                segment_ids=recipe.layout,
            )
        return self._features[key]
