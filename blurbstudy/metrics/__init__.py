"""Metrics: what is measured, one small file each. Scores are fractions (0.93, not 93)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import ParameterError
from .accuracy import accuracy
from .pearson import pearson

__all__ = ["METRICS", "accuracy", "pearson", "score"]

METRICS: dict[str, Callable[[Sequence, Sequence], float]] = {"accuracy": accuracy, "pearson": pearson}


def score(metric: str, gold: Sequence, predicted: Sequence) -> float:
    """The metric of that name over gold and predictions, example by example.

    Raises:
        ParameterError: the metric is unknown, or the two sequences are empty or differ in length.
    """
    if metric not in METRICS:
        raise ParameterError(f"metric={metric!r} is unknown; use {' or '.join(METRICS)}")
    if len(gold) != len(predicted) or not len(gold):
        raise ParameterError(f"{len(predicted)} predictions for {len(gold)} examples; give one each, of at least one")
    return METRICS[metric](gold, predicted)
