"""The axes of charts: their range, its round numbers, and where a value is on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The range of an axis."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Iterable[float | None], *, least: float = 2.0, otherwise: tuple[float, float]) -> Scale:
        """The range of some values with room at both ends; `otherwise` without any."""
        finite = [value for value in values if value is not None and math.isfinite(value)]
        if not finite:
            return cls(*otherwise)
        room = max(least / 2, 0.07 * (max(finite) - min(finite)))
        return cls(min(finite) - room, max(finite) + room)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)

    def ticks(self, about: int = 5) -> dict[float, str]:
        """Round numbers within the range, with their texts."""
        raw = (self.high - self.low) / about
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9) + (f"{step:e}"[:3] == "2.5"))
        multiples = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return {round(n * step, 10): minus(f"{n * step:,.{decimals}f}") for n in multiples}


def minus(text: str) -> str:
    """With the sign that numbers of tables have."""
    return text.replace("-", "−")
