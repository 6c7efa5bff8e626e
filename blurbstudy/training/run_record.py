"""What is kept of one run: its configuration, scores, learning curve, predictions and circumstances."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import RunConfig, run_config_from_dict

FORMAT = 1  # of the record's JSON


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One finished or failed run. Scores are fractions (0.93, not 93); a score that does not exist is None."""

    config: RunConfig
    status: str  # finished | not_finite (the loss left the finite numbers; nothing was scored)
    stopped_at_step: int  # optimizer steps taken
    selected_step: int | None  # step whose weights were scored
    scores: Mapping[str, float | None]  # dev, test (None where there is no test set)
    curve: Mapping[str, list]  # step, train_loss (mean since the entry before), dev_score (None under join_dev)
    predictions: Mapping[str, list]  # dev, test -> one label (str) or value (float) per example, in file order
    seconds: float  # share of the population's wall-clock time
    peak_bytes: int  # peak memory of its population: of the process (CPU) or the device's allocator (CUDA)
    circumstances: Mapping[str, Any] = field(default_factory=dict)  # device, population, versions, commit, dropout

    @property
    def id(self) -> str:
        """The run's id; see RunConfig.id."""
        return self.config.id

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        values = dataclasses.asdict(self) | {"config": self.config.to_dict(), "id": self.id, "format": FORMAT}
        return values


def run_record_from_dict(values: Mapping[str, Any]) -> RunRecord:
    """The inverse of RunRecord.to_dict.

    Raises:
        ValueError: another format, or the id does not fit the configuration.
    """
    values = dict(values)
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"a run record of another format than {FORMAT}")
    values.pop("id")
    return RunRecord(**(values | {"config": run_config_from_dict(values["config"])}))


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
