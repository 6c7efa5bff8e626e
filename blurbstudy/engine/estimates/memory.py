"""How many runs fit into this machine's memory, from profiles of populations of one and of two members."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ...config import RunConfig
from ...models import Architecture
from ...stabilizers import depth_plan
from ...training.population import population_key
from ..populations import PopulationTrainer, default_population_size
from .measurements import MeasurementCache, profile_key
from .profiling import Profile, profile

MEMORY_FRACTION = 0.85  # of free memory for runs: other programs and fragmentation need the rest
PROCESS_BYTES = 2**29  # of a worker process before it trains: libraries, the text of a task


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Peak bytes of the populations of a class."""

    fixed: int  # for any number of members: on a CPU the process with its libraries
    member: int  # more with each member

    def bytes_for(self, members: int) -> int:
        """Bytes of a population."""
        return self.fixed + members * self.member

    def max_members(self, budget: float) -> int:
        """The largest population within so many bytes, at least 1: whether one fits, training it shows."""
        return max(1, math.floor((budget - self.fixed) / max(1, self.member)))


@dataclass
class Capacity:
    """How many worker processes, and members in each population, one device has memory for."""

    trainer: PopulationTrainer
    workers: int  # requested
    free: int | None = None  # bytes; None: measured
    cache: MeasurementCache = field(default_factory=MeasurementCache)

    def __post_init__(self) -> None:
        self.free = free_bytes(self.trainer.device) if self.free is None else self.free
        self._footprints: dict[str, Footprint | None] = {}
        self._keys: dict[tuple, str] = {}

    def measure(self, configs: Sequence[RunConfig]) -> None:
        """Profile one run of each class, unless the cache has its footprint or it obviously fits."""
        to_profile: dict[str, RunConfig] = {}
        for key, config in {self._key(config): config for config in configs}.items():
            cached = self.cache.get_dataclass(Footprint, "footprint", key)
            if cached:
                self._footprints.setdefault(key, cached)
            elif key not in self._footprints and not self._fits_trivially(config):
                to_profile[key] = config
        if not to_profile:
            return
        for (key, config), usages in zip(
            to_profile.items(), profile(list(to_profile.values()), self.trainer), strict=True
        ):
            architecture = self.trainer.sources.encoder_of(config).architecture
            footprint = _footprint(
                usages,
                min_member=optimizer_state_bytes(architecture, config),
                own_process=self.trainer.device == "cpu",
            )
            self._footprints[key] = footprint
            if footprint:
                self.cache.put("footprint", key, vars(footprint))

    def footprint(self, config: RunConfig) -> Footprint | None:
        """The footprint of the run's class; None if it was not profiled, or a single run does not fit."""
        return self._footprints.get(self._key(config))

    def max_workers(self, configs: Sequence[RunConfig]) -> int:
        """Processes that each have room for one of the largest runs, at most the requested number."""
        if self.free is None:
            return self.workers
        footprints = filter(None, map(self.footprint, configs))
        largest = max((footprint.bytes_for(1) for footprint in footprints), default=1)
        return max(1, min(self.workers, math.floor(MEMORY_FRACTION * self.free / max(1, largest))))

    def max_members(self, config: RunConfig, *, workers: int) -> int:
        """The largest population of runs like this one with `workers` processes side by side."""
        default = default_population_size(self.trainer.sources, config, device=self.trainer.device)
        key = self._key(config)
        if self.free is None or key not in self._footprints:
            return default
        footprint = self._footprints[key]
        return min(default, footprint.max_members(MEMORY_FRACTION * self.free / workers)) if footprint else 1

    def _key(self, config: RunConfig) -> str:
        key = (*population_key(config), config.recipe.checkpoint_selection)
        if key not in self._keys:
            self._keys[key] = profile_key(config, sources=self.trainer.sources, device=self.trainer.device)
        return self._keys[key]

    def _fits_trivially(self, config: RunConfig) -> bool:
        """On a CPU: all processes, by an upper bound, take at most half of their budget. Profiling takes seconds and
        would change nothing.
        """
        if self.free is None:
            return True  # there is nothing to compare a profile with
        if self.trainer.device != "cpu":
            return False
        members = default_population_size(self.trainer.sources, config, device="cpu")
        architecture = self.trainer.sources.encoder_of(config).architecture
        bound = PROCESS_BYTES + members * upper_bound_bytes(architecture, config)
        return self.workers * bound <= MEMORY_FRACTION * self.free / 2


def upper_bound_bytes(shape: Architecture, config: RunConfig) -> int:
    """An upper bound for one member, from its shape alone: every sequence has the maximum length."""
    length = config.recipe.max_length
    # transformers modules pad and keep every head's scores in full; DeBERTa has scores of three kinds.
    factor = 4 if shape.config else 1
    per_token = factor * shape.n_layers * (40 * shape.width + 12 * shape.intermediate + 16 * shape.n_heads * length)
    return 4 * (4 * shape.n_parameters + per_token * config.recipe.batch_size * length)


def optimizer_state_bytes(shape: Architecture, config: RunConfig) -> int:
    """A lower bound for one member: its weights and, unless some are frozen, their gradient and both moments."""
    plan = depth_plan(config.recipe, shape.n_layers)
    return 4 * replace(shape, n_layers=plan.n_layers).n_parameters * (1 if plan.frozen else 4)


def free_bytes(device: str) -> int | None:
    """Free memory of the GPU, or of the machine within its control group; None: unknown."""
    if device != "cpu":
        free, _ = torch.cuda.mem_get_info()
        return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    known = [value for value in (_available(), _cgroup_available()) if value is not None]
    return min(known, default=None)


def _available(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What the kernel can allocate without swapping; half of the installed memory on other systems than Linux."""
    with contextlib.suppress(OSError):
        match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), flags=re.MULTILINE)
        if match:
            return 1024 * int(match[1])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _cgroup_available(membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control groups of this process (a container, a batch job) still allow; None without a limit."""
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return None
    available = []
    for _, controllers, path in lines:
        if controllers == "":  # version 2
            folder, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):  # version 1
            folder, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = folder / path.strip("/")
        for ancestor in (group, *group.parents):
            if ancestor.is_relative_to(folder):
                available.append(_group_available(ancestor, *names))
    return min((value for value in available if value is not None), default=None)


def _group_available(group: Path, limit_file: str, usage_file: str, reclaimable: str) -> int | None:
    try:
        limit = (group / limit_file).read_text().strip()
        if limit == "max" or int(limit) >= 2**60:  # "no limit" in version 2 and version 1
            return None
        used = int((group / usage_file).read_text())
        match = re.search(rf"^{reclaimable} (\d+)$", (group / "memory.stat").read_text(), flags=re.MULTILINE)
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used + (int(match[1]) if match else 0))


def _footprint(usages: Profile, *, min_member: int = 1, own_process: bool) -> Footprint | None:
    """From the memory of one member and of two.

    Args:
        min_member: lower bound for a member: next to the process, the difference of two peaks is mostly noise.
        own_process: every population has a process of its own, whose memory counts too.
    """
    if not usages:
        return None
    growth = [usage.peak - usage.before for usage in usages]
    process = usages[0].before if own_process else 0
    if len(growth) < 2:  # two members did not fit
        return Footprint(fixed=process, member=max(min_member, growth[0]))
    member = max(min_member, growth[1] - growth[0])
    return Footprint(fixed=process + max(0, growth[0] - member), member=member)
