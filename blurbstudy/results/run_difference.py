"""In what two records of one run differ: one that was made on two machines is the same, as far as sums allow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

# What came out of a run. Not seconds, peak memory, circumstances, nor the encoder's display name: they may differ.
CONTENT = ("status", "stopped_at_step", "selected_step", "scores", "curve", "predictions")
TOLERANCE = 1e-3  # to which numbers agree, absolutely or relatively: other machines add in another order


def run_difference(own: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In what two records of one run differ; '' where in nothing that counts."""
    for name in CONTENT:
        if (found := _difference(own.get(name), other.get(name))) is not None:
            here, there = (f"{value!r:.60}" for value in found)
            return f"{name} {here} here ({_made_on(own)}), {there} there ({_made_on(other)})"
    return ""


def _made_on(values: Mapping[str, Any]) -> str:
    told = values.get("circumstances")
    told = told if isinstance(told, dict) else {}
    return f"{told.get('device') or 'an unknown device'} by commit {told.get('commit') or 'unknown'}"


def _difference(own: Any, other: Any) -> tuple[Any, Any] | None:
    """The first two values that differ: fractions by more than TOLERANCE, all else at all."""
    if isinstance(own, float) and isinstance(other, float):
        return None if math.isclose(own, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE) else (own, other)
    if isinstance(own, dict) and isinstance(other, dict) and own.keys() == other.keys():
        pairs: Iterable[tuple[Any, Any]] = ((own[name], other[name]) for name in own)
    elif isinstance(own, list) and isinstance(other, list) and len(own) == len(other):
        pairs = zip(own, other, strict=True)
    else:
        return None if type(own) is type(other) and own == other else (own, other)
    return next((found for a, b in pairs if (found := _difference(a, b)) is not None), None)
