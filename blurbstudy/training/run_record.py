"""The record of a run: its configuration, scores, learning curve, predictions and provenance."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..config import JsonMapping, JsonObject, RunConfig, run_config_from_dict

FORMAT = 3  # version of the record's JSON
OPTIONAL = ("threshold", "planned_steps")  # keys of runs that have them only


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One finished or diverged run. Scores are fractions (0.93, not 93); a missing score is None."""

    config: RunConfig
    status: str  # finished | diverged (its loss became NaN or infinite; nothing was scored)
    stopped_at_step: int  # optimizer steps taken
    selected_step: int | None  # step whose weights were scored
    scores: Mapping[str, float | None]  # dev, test (None without a test set)
    curve: Mapping[str, list]  # step, train_loss (mean since the previous entry), dev_score (None with train_on_dev)
    predictions: Mapping[str, list]  # dev, test -> one label (str) or value (float) per example, in file order
    seconds: float  # share of the population's wall-clock time
    peak_bytes: int  # peak memory of its population: of the process (CPU) or the device's allocator (CUDA)
    # Task loss of the last step's weights on train (at most 1,000 sequences, evenly spaced), without dropout; and the
    # smallest loss of a constant output on the same targets; both with class weights and focal factor, if the recipe
    # has them. In nats, or squares of trained units. None: diverged.
    final_loss: float | None = None
    constant_loss: float | None = None
    # Tasks of labels: dev, test -> probabilities per example, in the order of the task's labels (of label sets: of each
    # label), four decimals.
    probabilities: Mapping[str, list] = field(default_factory=dict)
    # If other weights than the last step's were selected: dev -> predictions of the last step's.
    last_predictions: Mapping[str, list] = field(default_factory=dict)
    environment: JsonMapping = field(default_factory=dict)  # device, machine, engine, population, versions, commit
    threshold: float | None = (
        None  # of label sets, where dev chose it: the probability above which a label is predicted
    )
    planned_steps: int | None = None  # with early stopping: the steps of the learning-rate schedule

    @property
    def id(self) -> str:
        return self.config.id

    def without_predictions(self) -> RunRecord:
        return dataclasses.replace(self, predictions={}, probabilities={}, last_predictions={})

    def to_dict(self) -> JsonObject:
        values = dataclasses.asdict(self) | {"config": self.config.to_dict(), "id": self.id, "format": FORMAT}
        return {name: value for name, value in values.items() if name not in OPTIONAL or value is not None}


def run_record_from_dict(values: JsonMapping) -> RunRecord:
    """The inverse of RunRecord.to_dict. Raises ValueError: another format, or the id does not fit the configuration."""
    values = dict(values)
    if values.pop("format", None) != FORMAT:
        raise ValueError(f"a run record of another format than {FORMAT}")
    values.pop("id")
    config = run_config_from_dict(values.pop("config"))
    return RunRecord(config=config, **values)


# The outcome of a run. Seconds, peak memory, provenance and the encoder's display name may differ.
CONTENT = (
    "status",
    "stopped_at_step",
    "selected_step",
    "scores",
    "curve",
    "predictions",
    "final_loss",
    "constant_loss",
    "probabilities",
    "last_predictions",
    "threshold",
)
TOLERANCE = 1e-3  # absolute or relative: other machines add in another order


def run_difference(ours: JsonMapping, theirs: JsonMapping) -> str:
    """The first difference between the outcomes of two records of one run; '' if there is none."""
    for name in CONTENT:
        if (values := _difference(ours.get(name), theirs.get(name))) is not None:
            here, there = (f"{value!r:.60}" for value in values)
            return f"{name} {here} here ({_provenance(ours)}), {there} there ({_provenance(theirs)})"
    return ""


def _provenance(values: JsonMapping) -> str:
    provenance = values.get("environment")
    provenance = provenance if isinstance(provenance, dict) else {}
    return f"{provenance.get('device') or 'unknown device'}, commit {provenance.get('commit') or 'unknown'}"


def _difference(ours: object, theirs: object) -> tuple[object, object] | None:
    """The first two values that differ (floats by more than TOLERANCE)."""
    if isinstance(ours, float) and isinstance(theirs, float):
        return None if math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE) else (ours, theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs: Iterable[tuple[object, object]] = ((ours[name], theirs[name]) for name in ours)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = zip(ours, theirs, strict=True)
    else:
        return None if type(ours) is type(theirs) and ours == theirs else (ours, theirs)
    return next((values for a, b in pairs if (values := _difference(a, b)) is not None), None)
