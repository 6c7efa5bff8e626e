"""Each member's own random numbers: seeds by name, and dropout masks that do not depend on the other members."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

LANES = 1 << 16  # values of a 16-bit lane
# Bytes would round 0.1 to 0.1016; torch's own dropout mask costs about ten times as much on a CPU.


def seed_for(*parts: object) -> int:
    """A 63-bit seed from any printable parts: `seed_for(3, "order", 2)`; equal parts, equal seed."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class DropoutStream:
    """Dropout masks of one optimizer step, drawn for each member from its own stream.

    Every member draws for its own tokens and sequences only, in the order of the network's sites, so its masks are
    the same alone and in company.

    Args:
        seeds: one number per member for this step, from `seed_for(member seed, "dropout", step)`.
        rate: probability of dropping.
    """

    def __init__(self, seeds: Sequence[int], rate: float, *, device: torch.device | str = "cpu") -> None:
        self.device, self.seeds, self.rate = torch.device(device), tuple(seeds), rate
        # A CPU multiplies fastest by what is in its operands' type, a GPU by what takes least memory.
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bool
        dropped = round(rate * LANES)
        self.threshold = dropped - LANES // 2  # of a signed lane
        self.scale = LANES / (LANES - dropped)  # of what is kept
        if self.device.type == "cpu":
            self._cpu = [np.random.SFC64(seed) for seed in seeds]
        else:
            self._device = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]

    def mask(self, member: int, shape: Sequence[int], *, out: Tensor | None = None) -> Tensor:
        """1 where kept, 0 where dropped, of `dtype` (in `out`, where given). The caller multiplies by `scale`."""
        count = int(np.prod(shape))
        lanes = self._lanes(member, (count + 3) // 4)[:count].view(*shape)
        if out is None:
            out = torch.empty(lanes.shape, device=self.device, dtype=self.dtype)
        return torch.ge(lanes, self.threshold, out=out)

    def _lanes(self, member: int, words: int) -> Tensor:
        if self.device.type == "cpu":
            return torch.from_numpy(self._cpu[member].random_raw(words).view(np.int16))
        bits = torch.empty(words, dtype=torch.int64, device=self.device)
        # The full range: without a lower end torch leaves the sign bit 0, and every fourth lane drops twice as often.
        return bits.random_(-(2**63), None, generator=self._device[member]).view(torch.int16)
