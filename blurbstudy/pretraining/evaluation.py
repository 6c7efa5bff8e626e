"""Scores on the held-out part: sums of losses and right answers, of which every process takes its share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch

from ..models.packing import CPU
from .distributed import Processes
from .gradient_accumulation import divide, parts_needed
from .objectives.base import MEANS, Batch, PretrainingModel, means

SUMMED = tuple(dict.fromkeys(name for pair in MEANS.values() for name in pair))


def share_of(
    batches: Sequence[Batch], processes: Processes, *, micro_batch_tokens: int, n_heads: int, device: torch.device = CPU
) -> list[Batch]:
    """The parts of batches that this process scores; none where there are more processes than sequences."""
    parts: list[Batch] = []
    for batch in batches:
        sharing = min(processes.count, len(batch.is_next))
        needed = parts_needed(batch, micro_batch_tokens=micro_batch_tokens, processes=sharing)
        parts += divide(batch, needed, n_heads=n_heads, device=device)
    return parts[processes.rank :: processes.count]


@torch.no_grad()
def scored(
    model: PretrainingModel,
    parts: Sequence[Batch],
    processes: Processes,
    *,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager],
) -> dict[str, float]:
    """The means of model.MEANS over the parts of all processes."""
    sums: Counter[str] = Counter()
    for part in parts:
        part = part.to(device)
        with autocast():
            found = model(part)
        sums.update({name: float(value) for name, value in found.items()})
        sums.update(part.counts)
    # Under all names, so that a process that scores nothing sends as many numbers as the others; which of them this
    # model has is summed too.
    rows = [[sums[name] for name in SUMMED], [name in sums for name in SUMMED]]
    values, had = processes.summed(torch.tensor(rows, dtype=torch.float64, device=device)).tolist()
    return means({name: value for name, value, some in zip(SUMMED, values, had, strict=True) if some})
