"""Evaluation on the held-out documents, shared by all processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch

from ..models.packing import CPU
from .distributed import ProcessGroup
from .gradient_accumulation import n_micro_batches, split_batch
from .objectives.base import METRICS, Batch, PretrainingModel, mean_metrics

ALL_SUMS = tuple(dict.fromkeys(name for pair in METRICS.values() for name in pair))


def local_batches(
    batches: Sequence[Batch], group: ProcessGroup, *, micro_batch_tokens: int, n_heads: int, device: torch.device = CPU
) -> list[Batch]:
    """Split the batches and return the parts of this process; none if there are more processes than sequences."""
    parts: list[Batch] = []
    for batch in batches:
        n_processes = min(group.world_size, len(batch.is_next))
        n_parts = n_micro_batches(batch, micro_batch_tokens=micro_batch_tokens, n_processes=n_processes)
        parts += split_batch(batch, n_parts, n_heads=n_heads, device=device)
    return parts[group.rank :: group.world_size]


@torch.no_grad()
def evaluate(
    model: PretrainingModel,
    batches: Sequence[Batch],
    group: ProcessGroup,
    *,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager],
) -> dict[str, float]:
    """Compute the model's METRICS over the batches of all processes.
    `batches`: this process's part, from `local_batches`.
    """
    sums: Counter[str] = Counter()
    for batch in batches:
        batch = batch.to(device)
        with autocast():
            batch_sums = model(batch)
        sums.update({name: float(value) for name, value in batch_sums.items()})
        sums.update(batch.counts)
    # A process without batches must send as many numbers as the others, so all names are sent, and with each whether
    # this process has it.
    rows = [[sums[name] for name in ALL_SUMS], [name in sums for name in ALL_SUMS]]
    totals, present = group.all_reduce_sum(torch.tensor(rows, dtype=torch.float64, device=device)).tolist()
    return mean_metrics({name: total for name, total, has in zip(ALL_SUMS, totals, present, strict=True) if has})
