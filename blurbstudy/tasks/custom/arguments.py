"""Checks of the arguments of a custom task, which a YAML file gives as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ParameterError
from ...metrics import METRICS
from ..formats.standoff import DISCONTINUOUS_POLICIES

_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}  # also as YAML's text


def number(value: Any) -> float | None:
    """A number, also from text (YAML), or None."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def choose_metric(name: str | None, kind: str, *, fitting: Sequence[str]) -> str:
    """The named metric if it fits the task type, or the default one."""
    if name is None:
        return fitting[0]
    if name not in fitting:
        known = "" if name in METRICS else " is unknown and"
        raise ParameterError(f"metric={str(name)!r}{known} does not fit kind {kind}; use {' or '.join(fitting)}")
    return name


def check_number(name: str, value: object, low: float, high: float) -> float:
    """A number within bounds, or a ParameterError."""
    parsed = number(value)
    if parsed is None or not low <= parsed <= high:
        raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
    return parsed


def check_bounds(bounds: object) -> tuple[float, float] | None:
    """The lowest and highest score, or None."""
    if bounds is None:
        return None
    numbers = [number(bound) for bound in bounds] if isinstance(bounds, (list, tuple)) else []
    low, high = numbers if len(numbers) == 2 else (None, None)
    if low is None or high is None or not low < high:
        raise ParameterError(f"bounds={bounds!r} must be the lowest and the highest score; write bounds: [0, 5]")
    return low, high


def check_discontinuous(policy: object) -> str:
    """The policy for discontinuous entities, or a ParameterError."""
    if policy not in DISCONTINUOUS_POLICIES:
        raise ParameterError(f"discontinuous={str(policy)!r} is unknown; use {' or '.join(DISCONTINUOUS_POLICIES)}")
    return policy


def check_mismatched(trust: object, skip: object) -> str:
    """The policy for entities whose text is not the document's, or a ParameterError."""
    chosen = []
    for name, value in {"trust_offsets": trust, "skip_mismatched": skip}.items():
        if (flag := _BOOLEANS.get(str(value).lower())) is None:
            raise ParameterError(f"{name}={value!r} is neither true nor false; write {name}: true")
        chosen += [name.partition("_")[0]] * flag
    if len(chosen) > 1:
        raise ParameterError("trust_offsets and skip_mismatched exclude each other; choose one")
    return chosen[0] if chosen else "refuse"


def check_separator(separator: object) -> str:
    """The separator of labels in one column, or a ParameterError."""
    if not isinstance(separator, str) or not separator:
        raise ParameterError(f"separator={separator!r} must be a non-empty text; write separator: ';'")
    return separator
