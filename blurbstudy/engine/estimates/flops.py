"""What a run will cost, at once and roughly: as was measured of its class on this machine, or by counting operations.

Steps of a large encoder on long text are no more alike to those of a small one than hours to seconds: progress and time
left are counted in these.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...config import RunConfig
from ...models import Architecture
from ...pretraining.encoder_cache import Wanted
from ...training import population_key
from ...training.profiling import Times
from ..populations import run_steps
from ..sources.sources import Sources
from .measurements import Calibrations, run_class

RATE = 5e10  # operations a second of one core or more, where nothing was measured
OVERHEAD = 5e-3  # seconds of a step, whatever its size
TOKENS = {  # sub-words of a usual sequence, by kind of task, where nothing was measured
    "ner": 40, "pico": 40, "relation": 60, "similarity": 80, "document": 300, "question": 300,
}  # fmt: skip


@dataclass
class Costs:
    """Of runs from some sources on a device."""

    sources: Sources
    device: str
    kept: Calibrations = field(default_factory=Calibrations)
    _steps: dict[tuple, float] = field(default_factory=dict)  # class of runs -> seconds of a step

    def of(self, config: RunConfig) -> float:
        """Seconds of a run's steps, on one core or GPU."""
        key = population_key(config)
        if key not in self._steps:
            self._steps[key] = self._measured(config) or self._counted(config)
        return self._steps[key] * run_steps(config, sources=self.sources)

    def _measured(self, config: RunConfig) -> float | None:
        name = run_class(config, sources=self.sources, device=self.device)
        for workers in (2, 1, *range(3, 65)):
            sizes = self.kept.by_size(Times, "time", f"{name} {workers}")
            if sizes:
                size = max(sizes)
                return sizes[size].step / size
        return None

    def _counted(self, config: RunConfig) -> float:
        recipe = config.recipe
        shape = Architecture(**self.sources.encoder_of(config).architecture)
        tokens = recipe.batch_size * min(recipe.max_length, TOKENS[self.sources.task(config.task).task_type])
        return counted_seconds(shape, tokens)


def counted_seconds(shape: Architecture, tokens: int) -> float:
    """Of a step: forward and backward of every token through every layer."""
    width, inner = shape.width, shape.intermediate
    return OVERHEAD + 6 * tokens * shape.n_layers * (4 * width * width + 2 * width * inner) / RATE


def pretraining_cost(wanted: Wanted, shape: Architecture) -> float:
    """Seconds of a pretraining, by counting; the word head, about as wide as a layer, included."""
    settings = wanted.settings
    tokens = settings.batch_tokens or settings.batch_size * settings.max_length
    return wanted.steps * 1.3 * counted_seconds(shape, tokens)
