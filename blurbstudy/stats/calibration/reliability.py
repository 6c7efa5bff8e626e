"""Calibration error, Brier score, reliability and risk by coverage, with bootstrap intervals over whole units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...config import JsonObject
from ..intervals import Interval, percentile_interval, wilson_interval
from ..resampling import MIN_BOOTSTRAP_UNITS, replicates_from_sums

MAX_BINS, PER_BIN = 15, 20  # of equal mass: as many as 20 predictions each allow, 15 at most
MINIMUMS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of confidence
MIN_COUNTING_UNITS = 10  # with a prediction; with fewer, an interval would be too narrow
_DRAWS, _SEED = 200, 20170806


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Stated probabilities of events, and whether they happened."""

    probability: np.ndarray  # (n,)
    happened: np.ndarray  # (n,) booleans: a label or span is right
    unit: np.ndarray  # (n,) indices of resampling units
    n_units: int
    predicted: np.ndarray  # (n,) booleans: False of labels of a set that are not predicted

    def sums(self, *terms: np.ndarray) -> np.ndarray:
        """(units, terms) of terms (n,) or (n, k) of each event."""
        columns = np.column_stack(terms).astype(np.float64)
        sums = np.zeros((self.n_units, columns.shape[1]))
        np.add.at(sums, self.unit, columns)
        return sums

    def interval(self, sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Interval | None:
        """95%; None where there are few units, or few with an event."""
        if self.n_units < MIN_BOOTSTRAP_UNITS or (sums != 0).any(axis=1).sum() < MIN_COUNTING_UNITS:
            return None
        return percentile_interval(replicates_from_sums(sums, statistic))

    def shares(self, event: np.ndarray, groups: np.ndarray) -> list[tuple[float, Interval | None]]:
        """The share of each group (n, groups) that has an event (n,), and its 95% interval: Wilson's over the units of
        the group where all or none have it, since every draw would be equal, and the events of a unit are not
        independent; None where few units are in the group.
        """
        among = self.sums(groups)
        hits = self.sums(groups & event[:, None])
        draws = None
        if self.n_units >= MIN_BOOTSTRAP_UNITS:
            with np.errstate(invalid="ignore"):  # draws without an event of the group
                draws = replicates_from_sums(np.concatenate([hits, among], axis=1), _ratios)
        shares: list[tuple[float, Interval | None]] = []
        for column, (k, n, units) in enumerate(zip(hits.sum(0), among.sum(0), (among > 0).sum(0), strict=True)):
            interval = None
            if k in (0, n):
                interval = wilson_interval(int(units) if k else 0, int(units))
            elif draws is not None and units >= MIN_COUNTING_UNITS:
                interval = percentile_interval(draws[np.isfinite(draws[:, column]), column])
            shares.append((float(k / n), interval))
        return shares


def bins_of(probability: np.ndarray) -> np.ndarray:
    """(n,) the bin of each, of equal mass; equal probabilities are in one bin."""
    n_bins = max(1, min(MAX_BINS, len(probability) // PER_BIN))
    edges = np.unique(np.quantile(probability, np.arange(1, n_bins) / n_bins))
    return np.unique(np.searchsorted(edges, probability, side="right"), return_inverse=True)[1]


def _ece(sums: np.ndarray) -> np.ndarray:
    """From (..., bins and 1): differences of stated probability and outcome by bin, and the number of events."""
    return np.abs(sums[..., :-1]).sum(-1) / sums[..., -1]


def _ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def _ratios(sums: np.ndarray) -> np.ndarray:
    return sums[..., : sums.shape[-1] // 2] / sums[..., sums.shape[-1] // 2 :]


def _ece_terms(outcomes: Outcomes) -> np.ndarray:
    bins = bins_of(outcomes.probability)
    in_bin = bins[:, None] == np.arange(bins.max() + 1)
    return outcomes.sums(in_bin * (outcomes.probability - outcomes.happened)[:, None], np.ones(len(bins)))


def _brier_terms(outcomes: Outcomes) -> np.ndarray:
    return outcomes.sums((outcomes.probability - outcomes.happened) ** 2, np.ones(len(outcomes.happened)))


def error_values(outcomes: Outcomes) -> JsonObject:
    """Expected calibration error and Brier score, with their intervals.

    `ece_of_perfect` is the mean ECE of outcomes drawn from the stated probabilities: what bins of so few events show of
    perfect calibration.
    """
    bins, p = bins_of(outcomes.probability), outcomes.probability
    ece, brier = _ece_terms(outcomes), _brier_terms(outcomes)
    generator = np.random.default_rng(_SEED)
    sampled = [np.abs(np.bincount(bins, weights=p - (generator.random(len(p)) < p))).sum() for _ in range(_DRAWS)]
    return {
        "n": len(p),
        "bins": int(bins.max()) + 1,
        "ece": [float(_ece(ece.sum(0))), outcomes.interval(ece, _ece)],
        "ece_of_perfect": float(np.mean(sampled)) / len(p),
        "brier": [float(_ratio(brier.sum(0))), outcomes.interval(brier, _ratio)],
        "reliability": reliability_rows(outcomes),
    }


def changes(before: Outcomes, after: Outcomes) -> JsonObject:
    """ECE and Brier score after minus before, with paired intervals."""
    values: JsonObject = {}
    for name, terms, statistic in (("ece", _ece_terms, _ece), ("brier", _brier_terms, _ratio)):
        sides = terms(before), terms(after)
        cut = sides[0].shape[1]

        def difference(
            sums: np.ndarray, cut: int = cut, of: Callable[[np.ndarray], np.ndarray] = statistic
        ) -> np.ndarray:
            return of(sums[..., cut:]) - of(sums[..., :cut])

        both = np.concatenate(sides, axis=1)
        values[name] = [float(difference(both.sum(0))), after.interval(both, difference)]
    return values


def reliability_rows(outcomes: Outcomes) -> list[JsonObject]:
    """By bin: number of events, mean stated probability, share that happened, and its interval."""
    bins = bins_of(outcomes.probability)
    inside = bins[:, None] == np.arange(bins.max() + 1)
    means = np.bincount(bins, weights=outcomes.probability) / np.bincount(bins)
    return [
        {"n": int(n), "probability": float(mean), "happened": share, "interval": interval}
        for n, mean, (share, interval) in zip(
            inside.sum(0), means, outcomes.shares(outcomes.happened, inside), strict=True
        )
    ]


def coverage_rows(outcomes: Outcomes, *, n_gold: int | None = None) -> list[JsonObject]:
    """By minimum of confidence that some prediction has: the share of predictions that have it, and the share of them
    that is wrong.
    `n_gold`: number of labels or mentions to be found; None: every text has one.
    """
    selected = outcomes.predicted[:, None] & (outcomes.probability[:, None] >= np.array(MINIMUMS))
    selected = selected[:, selected.any(0)]
    right = (selected & outcomes.happened[:, None]).sum(0)
    return [
        {
            "minimum": minimum,
            "kept": int(n),
            "coverage": float(n / outcomes.predicted.sum()),
            "error": error,
            "interval": interval,
            "found": None if n_gold is None else float(n_right / max(n_gold, 1)),
        }
        for minimum, n, n_right, (error, interval) in zip(
            MINIMUMS, selected.sum(0), right, outcomes.shares(~outcomes.happened, selected), strict=False
        )
    ]
