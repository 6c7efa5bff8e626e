"""Random numbers per member: seeds derived from names, and dropout masks that do not depend on the other members."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

UINT16_RANGE = 1 << 16  # values of 16 random bits
# 8 bits would round a rate of 0.1 to 0.1016; torch's own dropout mask costs about ten times as much on a CPU.


def seed_for(*parts: object) -> int:
    """A 63-bit seed from any printable parts, as in `seed_for(3, "order", 2)`; equal parts give equal seeds."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


class DropoutStream:
    """Dropout masks of one optimizer step, drawn for each member from its own stream.

    A member draws only for its own tokens and sequences, in the order of the network's dropout sites, so its masks do
    not depend on the other members.

    Args:
        seeds: one per member for this step: `seed_for(member seed, "dropout", step)`.
        rate: probability of dropping a value.
    """

    def __init__(self, seeds: Sequence[int], rate: float, *, device: torch.device | str = "cpu") -> None:
        self.device, self.seeds, self.rate = torch.device(device), tuple(seeds), rate
        # A CPU multiplies fastest by its operands' own type, a GPU by the type that takes least memory.
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bool
        dropped = round(rate * UINT16_RANGE)
        self.threshold = dropped - UINT16_RANGE // 2  # of a signed 16-bit value
        self.scale = UINT16_RANGE / (UINT16_RANGE - dropped)  # factor on the values that are not dropped
        if self.device.type == "cpu":
            self._numpy_generators = [np.random.SFC64(seed) for seed in seeds]
        else:
            self._torch_generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]

    def mask(self, member: int, shape: Sequence[int], *, out: Tensor | None = None) -> Tensor:
        """0 where dropped, else 1, of `dtype` (in `out`, if given). The caller multiplies by `scale`."""
        count = int(np.prod(shape))
        values = self._random_int16((count + 3) // 4, member)[:count].view(*shape)
        if out is None:
            out = torch.empty(values.shape, device=self.device, dtype=self.dtype)
        return torch.ge(values, self.threshold, out=out)

    def _random_int16(self, count_of_4: int, member: int) -> Tensor:
        """(4 * count_of_4,) int16."""
        if self.device.type == "cpu":
            return torch.from_numpy(self._numpy_generators[member].random_raw(count_of_4).view(np.int16))
        bits = torch.empty(count_of_4, dtype=torch.int64, device=self.device)
        # The full range: without a lower bound torch leaves the sign bit 0, and every fourth value would be dropped
        # twice as often.
        return bits.random_(-(2**63), None, generator=self._torch_generators[member]).view(torch.int16)
