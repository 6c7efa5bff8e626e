"""How many runs this machine's memory holds at once, measured: the bytes of a population of one member and of two."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ...config import RunConfig
from ...models import Architecture
from ...stabilizers import depth_plan
from ...training import population_key
from ..populations import PopulationTrainer, most_members
from .measurements import Calibrations, run_class
from .profiling import rehearse

SHARE = 0.85  # of free memory that runs may take: the rest is for other programs and for holes between blocks
GIBIBYTE = 2**30
PROCESS_BYTES = GIBIBYTE // 2  # of a worker process before it trains: libraries, the text of a task


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes that a population of a class takes at most."""

    fixed: int  # whatever its members: on a CPU the whole process with its libraries
    member: int  # more with each

    def of(self, members: int) -> int:
        """Bytes of a population."""
        return self.fixed + members * self.member

    def members_within(self, budget: float) -> int:
        """The largest population, at least 1: whether that fits is seen when it is trained."""
        return max(1, math.floor((budget - self.fixed) / max(1, self.member)))


@dataclass
class Capacity:
    """Of one device, for a sweep: how many processes side by side, and how many members in each population."""

    trainer: PopulationTrainer
    workers: int  # asked for
    free: int | None = None  # bytes; None: what the machine says
    kept: Calibrations = field(default_factory=Calibrations)

    def __post_init__(self) -> None:
        self.free = free_bytes(self.trainer.device) if self.free is None else self.free
        self._footprints: dict[str, Footprint | None] = {}
        self._classes: dict[Any, str] = {}

    def measure(self, configs: Sequence[RunConfig], *, all_classes: bool = False) -> None:
        """Measures the classes of these runs, one of each, unless that was done before.

        Args:
            all_classes: also those of which far more than the most members would surely fit.
        """
        wanted: dict[str, RunConfig] = {}
        for name, config in {self._class(config): config for config in configs}.items():
            kept = self.kept.of_form(Footprint, "footprint", name)
            if kept:
                self._footprints.setdefault(name, kept)
            elif name not in self._footprints and (all_classes or not self._is_surely_small(config)):
                wanted[name] = config
        found = rehearse(list(wanted.values()), self.trainer, what="memory")
        for name, peaks in zip(wanted, found, strict=True):
            state = state_bytes(self.trainer.sources.encoder_of(wanted[name]).architecture, wanted[name])
            self._footprints[name] = footprint = _footprint(peaks, least=state)
            if footprint:
                self.kept.put("footprint", name, vars(footprint))

    def footprint(self, config: RunConfig) -> Footprint | None:
        """What was measured for the run's class; None where it was not, or where a single run does not fit."""
        return self._footprints.get(self._class(config))

    def side_by_side(self, configs: Sequence[RunConfig]) -> int:
        """Processes of which each has room for one of the largest runs."""
        if self.free is None:
            return self.workers
        largest = max((found.of(1) for found in map(self.footprint, configs) if found), default=1)
        return max(1, min(self.workers, math.floor(SHARE * self.free / max(1, largest))))

    def members(self, config: RunConfig, *, workers: int) -> int:
        """The largest population of runs like this one, where `workers` are trained side by side."""
        most = most_members(self.trainer.sources, config, device=self.trainer.device)
        name = self._class(config)
        if self.free is None or name not in self._footprints:
            return most
        footprint = self._footprints[name]
        return min(most, footprint.members_within(SHARE * self.free / workers)) if footprint else 1

    def _class(self, config: RunConfig) -> str:
        key = (*population_key(config), config.recipe.select)
        if key not in self._classes:
            self._classes[key] = run_class(config, sources=self.trainer.sources, device=self.trainer.device)
        return self._classes[key]

    def _is_surely_small(self, config: RunConfig) -> bool:
        """On a CPU: whether all processes, generously bounded, take half of what they may. Then measuring, which takes
        seconds, decides nothing.
        """
        if self.free is None:
            return True  # nothing to hold it against
        if self.trainer.device != "cpu":
            return False
        most = most_members(self.trainer.sources, config, device="cpu")
        bound = PROCESS_BYTES + most * bytes_at_most(self.trainer.sources.encoder_of(config).architecture, config)
        return self.workers * bound <= SHARE * self.free / 2


def bytes_at_most(architecture: dict, config: RunConfig) -> int:
    """A generous bound for one member, from its shape alone: every sequence as long as it may be."""
    shape = Architecture(**architecture)
    length = config.recipe.max_length
    # transformers' own modules pad, keep every head's scores in full, and DeBERTa has scores of three kinds.
    more = 4 if shape.config else 1
    per_token = more * shape.n_layers * (40 * shape.width + 12 * shape.intermediate + 16 * shape.n_heads * length)
    return 4 * (4 * shape.n_parameters + per_token * config.recipe.batch_size * length)


def free_bytes(device: str) -> int | None:
    """Memory that can still be taken: of the GPU, or of the machine within its control group; None: not known."""
    if device != "cpu":
        free, _ = torch.cuda.mem_get_info()
        return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    found = [value for value in (_available(), _left_in_group()) if value is not None]
    return min(found, default=None)


def _available(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What the kernel can give without swapping; elsewhere than on Linux half of what is built in."""
    with contextlib.suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), flags=re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return None


def _left_in_group(membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control groups of this process (a container's, a batch job's) still allow; None without a limit."""
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        return None
    left = []
    for _, controllers, path in lines:
        if controllers == "":  # version 2
            folder, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):  # version 1
            folder, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = folder / path.strip("/")
        for place in (group, *group.parents):
            if place.is_relative_to(folder):
                left.append(_left_in(place, *names))
    return min((value for value in left if value is not None), default=None)


def _left_in(group: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    try:
        most = (group / limit).read_text().strip()
        if most == "max" or int(most) >= 2**60:  # how the two versions write: none
            return None
        used = int((group / usage).read_text())
        found = re.search(rf"^{reclaimable} (\d+)$", (group / "memory.stat").read_text(), flags=re.MULTILINE)
    except (OSError, ValueError):
        return None
    return max(0, int(most) - used + (int(found[1]) if found else 0))


def state_bytes(architecture: dict, config: RunConfig) -> int:
    """What a member surely takes: its weights and, where none are frozen, their gradient and both its moments."""
    shape = Architecture(**architecture)
    plan = depth_plan(config.recipe, shape.n_layers)
    return 4 * replace(shape, n_layers=plan.n_layers).n_parameters * (1 if plan.frozen else 4)


def _footprint(peaks: list[dict] | None, *, least: int = 1) -> Footprint | None:
    """From the peaks of one member and of two. On a CPU the process itself counts too, for each has its own; and a
    member that is small beside it, at which the difference of two peaks is mostly noise, is taken for `least`.
    """
    if not peaks:
        return None
    one = peaks[0]["most"] - peaks[0]["before"]
    own = peaks[0]["before"] if peaks[0]["device"] == "cpu" else 0
    if len(peaks) < 2:  # two did not fit
        return Footprint(fixed=own, member=max(least, one))
    member = max(least, peaks[1]["most"] - peaks[1]["before"] - one)
    return Footprint(fixed=own + max(0, one - member), member=member)
