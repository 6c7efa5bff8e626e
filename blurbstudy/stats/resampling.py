"""How a score would vary over other test examples: bootstrap replicates of whole units, or the jackknife where units
are few (Efron and Tibshirani 1993, chapters 6 and 11).

All are deterministic, and replicates depend on the number of units alone: those of two runs on one split are paired.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import check_choice
from ..metrics import METRICS

RESAMPLES = 4000  # draws of a bootstrap
MIN_BOOTSTRAP_UNITS = 40  # variances are by the jackknife below it
_PARTS = (RESAMPLES // 16,) * 16  # drawn and summed in parts, which keeps memory low
_BOOTSTRAP_SEED = 20210909


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How the replicates of a split's scores are made."""

    n_units: int
    jackknife: bool = False  # however many units there are

    @property
    def is_bootstrap(self) -> bool:
        """Bootstrap replicates, or leave-one-unit-out scores."""
        return self.n_units >= MIN_BOOTSTRAP_UNITS and not self.jackknife

    def variance(self, replicates: np.ndarray) -> float:
        """Variance of a statistic over units, from its replicates (replicates,)."""
        return float(self.variances(replicates[None])[0])

    def variances(self, replicates: np.ndarray) -> np.ndarray:
        """Variances (...) of several statistics over units, from their replicates (..., replicates)."""
        if self.is_bootstrap:
            return replicates.var(axis=-1, ddof=1)
        return (self.n_units - 1) * replicates.var(axis=-1)


@functools.lru_cache(maxsize=1024)  # a run takes part in many comparisons
def unit_sums(
    metric: str, gold: tuple, predicted: tuple, units: tuple[str, ...], positives: tuple[str, ...]
) -> np.ndarray:
    """The metric's additive terms, summed by unit: (units, terms). Raises ParameterError: the metric is unknown."""
    check_choice("metric", metric, METRICS)
    names, unit_of = np.unique(np.asarray(units), return_inverse=True)
    terms = METRICS[metric].terms(gold, predicted, positives)
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, unit_of, terms)
    sums.setflags(write=False)  # it is given to every caller
    return sums


def counting_units(sums: np.ndarray) -> np.ndarray:
    """Which units take part in a score (units,): of an F1, those with a gold or a predicted mention."""
    return (sums != 0).any(axis=1)


def jackknife_scores(metric: str, sums: np.ndarray) -> np.ndarray:
    """The metric without each unit in turn: (units,)."""
    return METRICS[metric].from_sums(sums.sum(axis=0) - sums)


def bootstrap_of_sums(metric: str, sums: np.ndarray) -> np.ndarray | None:
    """The metric on RESAMPLES bootstrap draws of whole units: (RESAMPLES,). None below two units: every draw would be
    the sample itself, and its spread 0. `sums`: the metric's additive terms by unit (units, terms).
    """
    return None if len(sums) < 2 else _bootstrap(metric, sums.shape, sums.astype(np.float64).tobytes())


@functools.lru_cache(maxsize=1024)  # 32 kB each, and the terms
def _bootstrap(metric: str, shape: tuple[int, ...], terms: bytes) -> np.ndarray:
    scores = METRICS[metric].from_sums(bootstrap_sums(np.frombuffer(terms).reshape(shape)))
    scores.setflags(write=False)
    return scores


def bootstrap_sums(sums: np.ndarray) -> np.ndarray:
    """The sums of additive terms (units, terms) on bootstrap draws of the units: (RESAMPLES, terms)."""
    counts = np.array_split(bootstrap_counts(len(sums)), len(_PARTS))
    return np.concatenate([part.astype(np.float64) @ sums for part in counts])


@functools.lru_cache(maxsize=4)
def bootstrap_counts(n_units: int) -> np.ndarray:
    """How often each unit is drawn: (RESAMPLES, units) of small integers."""
    generator = np.random.Generator(np.random.PCG64([_BOOTSTRAP_SEED, n_units]))
    shares = np.full(n_units, 1 / n_units)
    return np.concatenate([generator.multinomial(n_units, shares, size=size).astype(np.uint16) for size in _PARTS])


def replicates_from_sums(sums: np.ndarray, from_sums: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Any statistic on replicates of the units, whose variance `Resampling.variance` computes.

    Args:
        sums: (units, terms) additive terms; at least two units.
        from_sums: (..., terms) -> (...).
    """
    if not Resampling(n_units=len(sums)).is_bootstrap:
        return from_sums(sums.sum(axis=0) - sums)
    parts = np.array_split(bootstrap_counts(len(sums)), len(_PARTS))
    return np.concatenate([from_sums(part.astype(np.float64) @ sums) for part in parts])
