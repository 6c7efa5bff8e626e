"""What is kept of one run: its configuration, scores, learning curve, predictions and circumstances."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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
