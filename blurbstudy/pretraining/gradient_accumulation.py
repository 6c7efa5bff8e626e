"""A step's batch cut into parts: what passes through the model at once (gradient accumulation), and what each of
several processes takes. Sequences, masked words and draws are those of the whole, however it is cut.
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

MOST_TOKENS = {"cuda": 1 << 15, "cpu": 1 << 16}  # at once, where nobody says how many


def most_tokens(asked: int, device: torch.device) -> int:
    """Tokens that pass through the model at once, at most: as many as asked for, or what is right for most devices."""
    return asked or MOST_TOKENS[device.type]


@contextlib.contextmanager
def fitting(micro_batch_tokens: int) -> Iterator[None]:
    """Turns a lack of memory into one line with the remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise StudyError(
            f"the memory does not hold {micro_batch_tokens:,} tokens at once; let fewer through, such as "
            f"--micro-batch-tokens {max(1, micro_batch_tokens // 2)} (the last saved state is whole: add --resume)"
        ) from None


def parts_needed(batch: Batch, *, micro_batch_tokens: int, processes: int) -> int:
    """Into how many parts a batch must be cut: a multiple of `processes`, unless there are too few sequences for that.

    Args:
        micro_batch_tokens: tokens of a part at most, as nearly as whole sequences allow; 0: no bound.

    Raises:
        ParameterError: fewer sequences than processes.
    """
    sequences = len(batch.is_next)
    if sequences < processes:
        raise ParameterError(
            f"a step of {sequences} sequences cannot be shared by {processes} processes; "
            "raise batch_tokens or batch_size, or start fewer processes"
        )
    wanted = -(-batch.packing.counts[0] // micro_batch_tokens) if micro_batch_tokens else 1
    return min(-(-max(1, wanted) // processes) * processes, sequences)


def divide(batch: Batch, parts: int, *, n_heads: int, device: torch.device = CPU) -> list[Batch]:
    """The batch in `parts` parts of about equal size, at most one per sequence; their counts sum to the batch's."""
    if parts == 1:
        return [batch]
    packing = batch.packing
    starts = packing.firsts[0].numpy()
    ends = np.append(starts[1:], packing.counts[0])
    ids, segments = packing.ids[0].numpy(), packing.segments[0].numpy()
    owner = np.searchsorted(starts, batch.positions.numpy(), side="right") - 1  # sequence of each asked word
    divided = []
    for part in range(parts):
        chosen = np.arange(part, len(starts), parts)  # longest first, so that every part has long and short ones
        packed = pack([[(ids[a:b], segments[a:b]) for a, b in zip(starts[chosen], ends[chosen], strict=True)]],
                      n_heads=n_heads, device=device)  # fmt: skip
        asked = np.flatnonzero(np.isin(owner, chosen))
        place = np.searchsorted(chosen, owner[asked])
        shift = packed.firsts[0].numpy()[place] - starts[owner[asked]]
        rows = torch.from_numpy(asked)
        divided.append(
            Batch.of(
                packed,
                batch.positions[rows] + torch.from_numpy(shift),
                answers=batch.answers[rows],
                is_next=batch.is_next[torch.from_numpy(chosen)],
                draws=batch.draws[rows],
            )
        )
    return divided
