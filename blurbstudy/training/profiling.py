"""A population rehearsed on this machine: a few of its own steps and evaluations, what time and memory they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..config import RunConfig
from ..metrics import score
from ..models import Checkpoint
from ..tasks import Task
from ..tasks.features import Features
from .evaluation import decode, evaluation_groups, packed_group
from .memory import MemoryGrowth
from .population import Population
from .provenance import pick_device, working_clock
from .trainer import Training

LEAST_STEPS, MOST_STEPS = 4, 16  # timed, after one that is not
ENOUGH_SECONDS = 0.4  # of timed steps
TIMED_GROUPS = 3  # batches of an evaluation that are timed, evenly spaced in length

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of a population's parts, all members together, as if nothing else ran."""

    load: float = 0.0  # checkpoint read
    tokenize: float = 0.0  # splits read and tokenized
    build: float  # weights stacked
    step: float  # one optimizer step, mean
    evaluation: Mapping[str, float]  # split -> one evaluation, scored
    tokens: float  # mean sub-words of a step's batch, per member
    peak: int  # most bytes held: of this process (CPU) or of the allocator (CUDA)


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Bytes of this process (CPU) or of the allocator (CUDA)."""

    before: int  # held without the population
    most: int  # held at once with it


def rehearse_time(
    configs: Sequence[RunConfig],
    *,
    features: Mapping[str, Features],
    task: Task,
    checkpoint: Checkpoint,
    device: str = "auto",
) -> Times:
    """Times of the first steps in the members' own order, and of parts of each evaluation."""
    growth = MemoryGrowth(pick_device(device))
    clock = working_clock(growth.device)
    began = clock()
    training = Training(configs, features, task, checkpoint, growth.device)
    build = clock() - began
    return Times(
        build=build,
        step=_step_seconds(training.population, clock),
        evaluation={split: _evaluation_seconds(training, split, clock) for split in training.splits},
        tokens=float(training.population.train.lengths.mean()) * configs[0].recipe.batch_size,
        peak=growth.peak(),
    )


def rehearse_memory(
    configs: Sequence[RunConfig],
    *,
    features: Mapping[str, Features],
    task: Task,
    checkpoint: Checkpoint,
    device: str = "auto",
) -> Peak:
    """Peak over steps on the longest sequences that could meet in a batch, with others between them, and over an
    evaluation of the longest.

    Raises:
        MemoryError, RuntimeError: it does not fit (memory.is_out_of_memory tells these from others).
    """
    given = (configs, features, task, checkpoint, pick_device(device))
    _touch_libraries(Training(*given))
    growth = MemoryGrowth(given[-1])
    training = Training(*given)
    population = training.population
    best = [p for p, config in enumerate(configs) if config.recipe.select == "best_dev"]
    kept = [population.snapshot(place) for place in best]  # as they are held until a better step comes
    by_length, size = np.argsort(-population.train.lengths, kind="stable"), configs[0].recipe.batch_size
    # Gradients and moments are both there from the second step on; batches of other lengths leave holes.
    for batch in (by_length[:size], by_length[-size:], by_length[size // 2 :][:size], by_length[:size]):
        population.step([batch] * len(configs))
    for split, features_of in training.splits.items():
        _evaluate(training, split, [evaluation_groups(features_of)[-1]])
    peak = Peak(before=growth.before, most=growth.peak())
    del kept
    return peak


def _touch_libraries(training: Training) -> None:
    """A step on one sequence each: what is loaded at first use is a process's, and no member's."""
    shortest = np.argsort(training.population.train.lengths, kind="stable")[:1]
    training.population.step([shortest] * training.size)


def companions(config: RunConfig, count: int) -> list[RunConfig]:
    """The run and others like it, of other seeds: `count` in all."""
    return [replace(config, seed=(config.seed + i) % 2**31) for i in range(count)]


def _step_seconds(population: Population, clock: Clock) -> float:
    population.step()  # first touch of memory, first calls of kernels
    spent: list[float] = []
    while len(spent) < LEAST_STEPS or (sum(spent) < ENOUGH_SECONDS and len(spent) < MOST_STEPS):
        began = clock()
        population.step()
        spent.append(clock() - began)
    return float(np.mean(sorted(spent)[:-1]))  # without the slowest, in which something else may have run


def _evaluation_seconds(training: Training, split: str, clock: Clock) -> float:
    """Of a whole evaluation, by the tokens of the batches that are timed."""
    features = training.splits[split]
    groups = evaluation_groups(features)
    chosen = [groups[i] for i in sorted(set(np.linspace(0, len(groups) - 1, TIMED_GROUPS).round().astype(int)))]
    if len(chosen) == len(groups):
        _evaluate(training, split, chosen[:1])  # first touch of memory
    began = clock()
    tokens = _evaluate(training, split, chosen)
    per_token = (clock() - began) / tokens
    began = clock()
    gold = training.gold[split]
    recipe = training.population.members[0].config.recipe
    outputs = np.zeros((len(features.targets), training.population.model.outputs), np.float32)
    decode(outputs, features, training.task, tagging=recipe.tagging)
    score(training.task.metric, gold, gold, positives=training.task.positive_labels)
    scoring = clock() - began
    return per_token * float(features.lengths.sum()) + training.size * scoring


@torch.no_grad()
def _evaluate(training: Training, split: str, groups: Sequence[Sequence[int]]) -> int:
    """Outputs of all members on some batches of a split; -> their tokens, per member."""
    features, model = training.splits[split], training.population.model
    for group in groups:
        _, packing = packed_group(
            features, group, members=training.size, n_heads=model.architecture.n_heads, device=training.device
        )
        with torch.autocast(training.device.type, dtype=torch.bfloat16, enabled=training.population.autocast):
            model(packing.to(training.device)).float().cpu()
    return int(sum(features.lengths[group].sum() for group in groups))
