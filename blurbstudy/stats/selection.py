"""The score of the best of several runs, corrected for having been chosen by that score (Tsamardinos, Greasidou and
Borboudakis 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics import METRICS
from .cells import MIN_COUNTING_UNITS
from .references import GoldReference
from .resampling import bootstrap_counts
from .status import count_units

MIN_LEFT_OUT = 3  # units; draws that leave out fewer that count are not scored
_PART = 250  # draws that are scored at once, which keeps memory low


def out_of_bag_score(
    candidates: Sequence[Sequence[str | float]], reference: GoldReference, *, split: str = "dev"
) -> tuple[float | None, str]:
    """Expected score, on other examples, of the run that is best on a split, a fraction; or None and why.

    The best score is too high, since it was chosen for being high. So units are drawn with replacement, the run that is
    best on those drawn is scored on those that were not, and the mean is taken over RESAMPLES draws.

    Args:
        candidates: predictions on the split of every run that could have been chosen.
    """
    if len(candidates) < 2:
        return None, "nothing was selected among seeds"
    sums = np.stack([reference.unit_sums(predicted, split=split) for predicted in candidates])  # (runs, units, terms)
    counting = max(reference.n_counting_units(predicted, split=split) for predicted in candidates)
    if counting < MIN_COUNTING_UNITS:
        return None, f"{split} has {count_units(counting, reference, split)} that count, too few to leave some out"
    in_bag = np.stack([reference.bootstrap_scores(predicted, split=split) for predicted in candidates])  # (runs, draws)
    chosen = in_bag.argmax(axis=0)
    left_out = bootstrap_counts(sums.shape[1]) == 0  # (draws, units)
    counts = (sums != 0).any(axis=2)  # (runs, units)
    total, n = 0.0, 0
    for start in range(0, len(chosen), _PART):
        draws = left_out[start : start + _PART].astype(np.float64)
        best = chosen[start : start + _PART]
        rows = np.arange(len(best))
        scored = (draws @ counts.T.astype(np.float64))[rows, best] >= MIN_LEFT_OUT
        scores = METRICS[reference.task.metric].from_sums((draws @ sums)[best, rows])
        total, n = total + float(scores[scored].sum()), n + int(scored.sum())
    return (total / n, "") if n else (None, f"{split} has too few examples to leave some out")
