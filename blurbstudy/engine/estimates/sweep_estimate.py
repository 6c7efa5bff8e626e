"""The expected populations, seconds and memory of a sweep; nothing is trained or profiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...config import RunConfig
from ..populations import plan_populations
from ..sources.sources import Sources
from .flops import CostModel
from .measurements import MeasurementCache, profile_key
from .memory import PROCESS_BYTES, Footprint, upper_bound_bytes


@dataclass(frozen=True, kw_only=True)
class SweepEstimate:
    """What a sweep is expected to take."""

    seconds: float = 0.0
    populations: int = 0
    workers: int = 1  # side by side
    process_bytes: int = 0  # of the largest process, or of the GPU: as profiled, else an upper bound


def estimate_sweep(
    configs: Sequence[RunConfig],
    *,
    sources: Sources,
    device: str,
    workers: int,
    population: int = 0,
    cache: MeasurementCache | None = None,
) -> SweepEstimate:
    """The estimate of a sweep.

    Args:
        device: cpu | cuda.
        workers: processes side by side.
        population: size of the largest population; 0: the default.
    """
    if not configs:
        return SweepEstimate()
    cache = cache or MeasurementCache()
    populations = plan_populations(configs, sources=sources, device=device, workers=workers, max_members=population)
    workers = min(workers, len(populations))
    costs = CostModel(sources, device, cache)
    return SweepEstimate(
        seconds=sum(map(costs.seconds, configs)) / workers,
        populations=len(populations),
        workers=workers,
        process_bytes=max(_expected_bytes(p[0], len(p), sources, device, cache) for p in populations),
    )


def _expected_bytes(config: RunConfig, members: int, sources: Sources, device: str, cache: MeasurementCache) -> int:
    key = profile_key(config, sources=sources, device=device)
    footprint = cache.get_dataclass(Footprint, "footprint", key)
    if footprint is not None:
        return footprint.bytes_for(members)
    architecture = sources.encoder_of(config).architecture
    return PROCESS_BYTES + members * upper_bound_bytes(architecture, config)
