"""Gradient accumulation: split the batch of a step into micro-batches, also among several processes.

Splitting changes neither the sequences nor the masks nor the sampling noise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from ..errors import ParameterError, StudyError
from ..models import pack
from ..models.packing import CPU
from ..training.memory import is_out_of_memory
from .objectives.base import Batch

DEFAULT_MICRO_BATCH_TOKENS = {"cuda": 1 << 15, "cpu": 1 << 16}


def max_micro_batch_tokens(requested: int, device: torch.device) -> int:
    """Return the largest number of tokens per micro-batch: as requested, or the device's default if that is 0."""
    return requested or DEFAULT_MICRO_BATCH_TOKENS[device.type]


@contextlib.contextmanager
def explain_out_of_memory(micro_batch_tokens: int) -> Iterator[None]:
    """Turn an out-of-memory error into a StudyError with a remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise StudyError(
            f"out of memory with micro-batches of {micro_batch_tokens:,} tokens; use smaller ones, such as "
            f"--micro-batch-tokens {max(1, micro_batch_tokens // 2)} (--resume continues from the last checkpoint)"
        ) from None


def n_micro_batches(batch: Batch, *, micro_batch_tokens: int, n_processes: int) -> int:
    """Compute into how many parts a batch is split: a multiple of `n_processes`, at most one per sequence.
    `micro_batch_tokens`: tokens of a part, approximately, since sequences are not cut; 0: no limit.
    Raises ParameterError: there are fewer sequences than processes.
    """
    n_sequences = len(batch.is_next)
    if n_sequences < n_processes:
        raise ParameterError(
            f"a step of {n_sequences} sequences cannot be split among {n_processes} processes; "
            "raise batch_tokens or batch_size, or start fewer processes"
        )
    needed = -(-batch.packing.counts[0] // micro_batch_tokens) if micro_batch_tokens else 1
    return min(-(-max(1, needed) // n_processes) * n_processes, n_sequences)


def split_batch(batch: Batch, n_parts: int, *, n_heads: int, device: torch.device = CPU) -> list[Batch]:
    """Split a batch into `n_parts` parts of about equal size, at most one per sequence; their counts add up."""
    if n_parts == 1:
        return [batch]
    packing = batch.packing
    starts = packing.cls_rows[0].numpy()
    ends = np.append(starts[1:], packing.counts[0])
    ids, segments = packing.ids[0].numpy(), packing.segments[0].numpy()
    sequence_of = np.searchsorted(starts, batch.masked_rows.numpy(), side="right") - 1  # of each masked row
    parts = []
    for part in range(n_parts):
        chosen = np.arange(part, len(starts), n_parts)  # longest first, so that every part has long and short ones
        bounds = zip(starts[chosen], ends[chosen], strict=True)
        packed = pack([[(ids[a:b], segments[a:b]) for a, b in bounds]], n_heads=n_heads, device=device)
        masked = np.flatnonzero(np.isin(sequence_of, chosen))
        index_in_part = np.searchsorted(chosen, sequence_of[masked])
        shift = packed.cls_rows[0].numpy()[index_in_part] - starts[sequence_of[masked]]
        selected = torch.from_numpy(masked)
        parts.append(
            Batch.from_packing(
                packed,
                batch.masked_rows[selected] + torch.from_numpy(shift),
                labels=batch.labels[selected],
                is_next=batch.is_next[torch.from_numpy(chosen)],
                sampling_noise=batch.sampling_noise[selected],
            )
        )
    return parts
