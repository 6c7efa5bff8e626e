"""Expected seconds of runs and pretrainings: counted operations over the machine's last measured rate."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...config import RunConfig
from ...models import Architecture
from ...pretraining.encoder_cache import EncoderRequest
from ...training.losses import MAX_LOSS_SEQUENCES
from ...training.population import population_key
from ...training.schedule import evaluation_steps
from ..populations import run_sizes, run_steps
from ..sources.sources import Sources
from .measurements import MeasurementCache, hardware_key

FLOPS_PER_SECOND = 5e10  # of one core or GPU before any measurement
RATE_TOLERANCE = 0.1  # relative change below which the file of measurements is not written again
STEP_OVERHEAD = 2.5e8  # operations that take as long as the fixed cost of a step
WORD_HEAD = 1.3  # cost of pretraining over that of the layers alone
TYPICAL_LENGTH = {  # sub-word tokens of a sequence, by type of task
    "ner": 40,
    "pico": 40,
    "relation": 60,
    "similarity": 80,
    "document": 300,
    "question": 300,
}


@dataclass
class CostModel:
    """Costs of runs from some sources on a device. Rates are measured per device and encoder shape."""

    sources: Sources
    device: str
    cache: MeasurementCache = field(default_factory=MeasurementCache)
    _seconds: dict[tuple, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds(self, config: RunConfig) -> float:
        """Expected seconds of a run on one core or GPU. The same for the life of this object."""
        key = (population_key(config), config.recipe.epochs, config.recipe.n_evaluations)
        if key not in self._seconds:
            self._seconds[key] = self.flops(config) / self.rate(config)
        return self._seconds[key]

    def flops(self, config: RunConfig) -> float:
        """Floating-point operations of a run: its steps, dev and test evaluations, and final loss on train."""
        recipe, sizes = config.recipe, run_sizes(config, sources=self.sources)
        length = min(recipe.max_length, TYPICAL_LENGTH[self.sources.task(config.task).task_type])
        steps = run_steps(config, sources=self.sources)
        points = 0 if recipe.train_on_dev else len(evaluation_steps(recipe.n_evaluations, steps))
        measured = min(MAX_LOSS_SEQUENCES, sizes["train"] + (sizes.get("dev", 0) if recipe.train_on_dev else 0))
        evaluated = points * sizes.get("dev", 0) + sizes.get("test", 0) + measured
        shape = self._shape(config)
        return steps * step_flops(shape, recipe.batch_size * length) + forward_flops(shape, evaluated * length)

    def rate(self, config: RunConfig) -> float:
        """Operations per second, as last measured for the encoder's shape on this device."""
        return self.cache.number("rate", self._rate_key(config)) or FLOPS_PER_SECOND

    def record(self, population: Sequence[RunConfig], seconds: float) -> None:
        """Store the rate at which a population was trained, unless it is about the known one, or runs may have stopped
        early. Safe between threads.
        """
        if any(config.recipe.early_stopping for config in population):
            return
        rate = sum(map(self.flops, population)) / max(seconds, 1e-9)
        with self._lock:
            if not 1 - RATE_TOLERANCE < rate / self.rate(population[0]) < 1 + RATE_TOLERANCE:
                self.cache.put("rate", self._rate_key(population[0]), rate)

    def _rate_key(self, config: RunConfig) -> str:
        return rate_key(self._shape(config), precision=config.precision, device=self.device)

    def _shape(self, config: RunConfig) -> Architecture:
        return self.sources.encoder_of(config).architecture


def rate_key(shape: Architecture, *, precision: str, device: str) -> str:
    """Key of a measured rate: device and encoder shape."""
    hardware = " ".join(str(value) for value in hardware_key(device).values())
    return f"{shape.family} {shape.n_layers} x {shape.width} {precision} {hardware}"


def step_flops(shape: Architecture, tokens: int) -> float:
    """Operations of a step: forward and backward of every token through every layer, and the overhead."""
    return STEP_OVERHEAD + 3 * forward_flops(shape, tokens)


def forward_flops(shape: Architecture, tokens: int) -> float:
    """Operations of a forward pass through the layers, without attention scores."""
    return 2.0 * tokens * shape.n_layers * (4 * shape.width**2 + 2 * shape.width * shape.intermediate)


def pretraining_seconds(
    encoder: EncoderRequest, architecture: Architecture, cache: MeasurementCache | None = None
) -> float:
    """Expected seconds of a pretraining on one core or GPU."""
    settings, shape = encoder.pretraining_config, architecture
    tokens = settings.batch_tokens or settings.batch_size * settings.max_length
    key = rate_key(shape, precision=encoder.precision, device=encoder.device)
    rate = (cache or MeasurementCache()).number("rate", key) or FLOPS_PER_SECOND
    return encoder.steps * WORD_HEAD * step_flops(shape, tokens) / rate
