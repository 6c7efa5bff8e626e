"""Calibrated probabilities: the maps that a model directory keeps, and what they do to the outputs of a model.

Temperature scaling (Guo et al. 2017) divides log-odds by one number, so the most probable label stays. Platt's scaling
(1999) has an offset too. Isotonic regression (Zadrozny and Elkan 2002) is any rising step function. Maps are fitted on
dev (stats.calibration) and kept in the metadata of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import JsonMapping
from ..errors import CheckpointError

TEMPERATURE, PLATT, ISOTONIC = METHODS = ("temperature", "platt", "isotonic")
ALL = ""  # key of the one map of all labels, or of entities
_LEAST = 1e-300  # a probability whose logarithm is finite


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Maps of probabilities, and what they were fitted on."""

    method: str  # one of METHODS
    # ALL, or labels of sets -> numbers: of a temperature (1,), of Platt's scaling slope and offset (2,), of an isotonic
    # regression (knots, 2): probabilities, rising, and what they become.
    maps: Mapping[str, np.ndarray]
    fitted_on: str = ""  # how many of what

    def binary(self, probabilities: Sequence[float] | np.ndarray, label: str = ALL) -> np.ndarray:
        """Of single events: a label of a set, or that a span is a mention."""
        p, numbers = np.asarray(probabilities, np.float64), self.maps.get(label)
        if numbers is None:  # a label without a map
            return p
        if self.method == ISOTONIC:
            return np.interp(p, *numbers.T)
        slope, offset = (1 / numbers[0], 0.0) if self.method == TEMPERATURE else numbers
        odds = slope * (np.log(np.maximum(p, _LEAST)) - np.log(np.maximum(1 - p, _LEAST))) + offset
        return 1 / (1 + np.exp(-np.clip(odds, -700, 700)))

    def label_sets(self, rows: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """(texts, labels) probabilities, each label of its own."""
        return np.stack([self.binary(column, label) for column, label in zip(rows.T, labels, strict=True)], axis=1)

    def distributions(self, rows: np.ndarray) -> np.ndarray:
        """(texts, labels) probabilities that sum to 1, by their temperature."""
        powers = np.log(np.maximum(rows, _LEAST)) / self.maps.get(ALL, np.ones(1))[0]
        powers = np.exp(powers - powers.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    @property
    def temperatures(self) -> list[float]:
        """Of all maps, rising; none of other methods."""
        return sorted(float(numbers[0]) for numbers in self.maps.values()) if self.method == TEMPERATURE else []

    def describe(self) -> str:
        """`temperature 1.37 on 200 dev documents`."""
        if self.method != TEMPERATURE:
            name = "Platt's scaling" if self.method == PLATT else "isotonic regression"
            return f"{name} on {self.fitted_on}"
        values = self.temperatures
        same = ALL in self.maps
        numbers = (
            f"temperature {values[0]:.2f}" if same else f"temperatures {values[0]:.2f} to {values[-1]:.2f}, by label,"
        )
        return f"{numbers} on {self.fitted_on}"

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        maps = {label: numbers.tolist() for label, numbers in self.maps.items()}
        return {"method": self.method, "maps": maps, "fitted_on": self.fitted_on}


def calibration_of(run: JsonMapping) -> Calibration | None:
    """The calibration in the metadata of a run; None without one.

    Raises:
        CheckpointError: it is invalid.
    """
    values = (run.get("calibration") or {}).get("fit")
    if not values:
        return None
    try:
        method, fitted_on = values["method"], str(values["fitted_on"])
        maps = {str(label): np.array(numbers, np.float64) for label, numbers in values["maps"].items()}
        if method not in METHODS or not maps or not all(_is_valid(method, numbers) for numbers in maps.values()):
            raise ValueError(f"{method!r} with {str(values['maps'])[:80]}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"blurbstudy.json: invalid calibration ({error}); restore the complete directory"
        ) from None
    return Calibration(method=method, maps=maps, fitted_on=fitted_on)


def _is_valid(method: str, numbers: np.ndarray) -> bool:
    shapes = {TEMPERATURE: (1,), PLATT: (2,), ISOTONIC: (len(numbers), 2)}
    if numbers.shape != shapes[method] or not numbers.size or not np.isfinite(numbers).all():
        return False
    if method == ISOTONIC:
        return bool(
            (np.diff(numbers[:, 0]) > 0).all()
            and (np.diff(numbers[:, 1]) >= 0).all()
            and numbers.min() >= 0
            and numbers.max() <= 1
        )
    return bool(numbers[0] > 0)
