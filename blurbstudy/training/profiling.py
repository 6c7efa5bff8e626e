"""Memory profiling: a few steps and one evaluation of a population with its longest sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..config import RunConfig
from ..models import Checkpoint
from ..tasks import Task
from ..tasks.features import Features
from .decoding import evaluation_groups
from .evaluation import packed_group
from .memory import PeakMemory
from .provenance import pick_device
from .trainer import PopulationTraining


@dataclass(frozen=True, kw_only=True)
class MemoryUsage:
    """Bytes of this process (CPU) or of the allocator (CUDA)."""

    before: int  # without the population
    peak: int  # with it


def profile_memory(
    configs: Sequence[RunConfig],
    *,
    features: Mapping[str, Features],
    task: Task,
    checkpoint: Checkpoint,
    device: str = "auto",
) -> MemoryUsage:
    """Peak memory over steps on the longest sequences that could share a batch, alternating with others, and over an
    evaluation of the longest.
    """
    used_device = pick_device(device)

    def build() -> PopulationTraining:
        return PopulationTraining(configs, features=features, task=task, checkpoint=checkpoint, device=used_device)

    _warm_up(build())
    memory = PeakMemory(used_device)
    training = build()
    population = training.population
    best = [index for index, config in enumerate(configs) if config.recipe.checkpoint_selection == "best_dev"]
    snapshots = [population.snapshot(index) for index in best]  # as training keeps them until a better step comes
    by_length, size = np.argsort(-population.train.lengths, kind="stable"), configs[0].recipe.batch_size
    # Gradients and moments both exist from the second step on; batches of other lengths leave holes in the heap.
    for batch in (by_length[:size], by_length[-size:], by_length[size // 2 :][:size], by_length[:size]):
        population.step([batch] * len(configs))
    for split, split_features in training.splits.items():
        _evaluate(training, split, evaluation_groups(split_features)[-1])
    usage = MemoryUsage(before=memory.before, peak=memory.peak())
    del snapshots
    return usage


def clones(config: RunConfig, count: int) -> list[RunConfig]:
    """The run and others that differ only in the seed: `count` in total."""
    return [replace(config, seed=(config.seed + i) % 2**31) for i in range(count)]


def _warm_up(training: PopulationTraining) -> None:
    """One step on one sequence per member: what libraries load at first use belongs to the process, not to a member."""
    shortest = np.argsort(training.population.train.lengths, kind="stable")[:1]
    training.population.step([shortest] * training.size)


@torch.no_grad()
def _evaluate(training: PopulationTraining, split: str, group: Sequence[int]) -> None:
    """Outputs of all members on one batch of a split."""
    features, model = training.splits[split], training.population.model
    _, batch = packed_group(
        features, group, members=training.size, n_heads=model.architecture.n_heads, device=training.device
    )
    with torch.autocast(training.device.type, dtype=torch.bfloat16, enabled=training.population.autocast):
        model(batch.to(training.device)).float().cpu()
