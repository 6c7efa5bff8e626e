"""What the keys of a definition may hold; a YAML file gives every value as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ParameterError
from ...metrics import METRICS
from ..standoff import FRAGMENTS


def number(value: Any) -> float | None:
    """A number, also one that a YAML file gives as text; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def metric_of(given: str | None, kind: str, *, fitting: Sequence[str]) -> str:
    """The metric that is given, if it fits a kind of task; else the first that does."""
    if given is None:
        return fitting[0]
    if given not in fitting:
        known = "" if given in METRICS else " is unknown and"
        raise ParameterError(f"metric={str(given)!r}{known} does not fit kind {kind}; use {' or '.join(fitting)}")
    return given


def bounded(name: str, value: Any, low: float, high: float) -> float:
    """A number within bounds."""
    found = number(value)
    if found is None or not low <= found <= high:
        raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
    return found


def bounds_of(given: Any) -> tuple[float, float] | None:
    """The lowest and highest score, where they are given."""
    if given is None:
        return None
    numbers = [number(one) for one in given] if isinstance(given, (list, tuple)) else []
    if len(numbers) != 2 or None in numbers or not numbers[0] < numbers[1]:
        raise ParameterError(f"bounds={given!r} are no lowest and highest score; write bounds: [0, 5]")
    return numbers[0], numbers[1]


def fragments_of(given: Any) -> str:
    """What becomes of entities in several pieces."""
    if given not in FRAGMENTS:
        raise ParameterError(f"discontinuous={str(given)!r} is unknown; use {' or '.join(FRAGMENTS)}")
    return given


def separator_of(given: Any) -> str:
    """What stands between labels in one column."""
    if not isinstance(given, str) or not given:
        raise ParameterError(f"separator={given!r} is no text between labels; write separator: ';'")
    return given
