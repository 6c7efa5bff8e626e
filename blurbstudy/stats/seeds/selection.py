"""The score of the best of several runs, corrected for having been chosen by that score (Tsamardinos, Greasidou and
Borboudakis 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...metrics import METRICS
from ..example_interval import MIN_COUNTING_UNITS
from ..references import GoldReference
from ..resampling import bootstrap_counts
from ..status import count_units

MIN_LEFT_OUT = 3  # units; draws that leave out fewer that count are not scored
_PART = 250  # draws that are scored at once, which keeps memory low


def out_of_bag_score(candidates: Sequence[Sequence[str | float]], reference: GoldReference) -> tuple[float | None, str]:
    """Expected score, on other examples, of the run that is best on dev, a fraction; or None and why.

    The best score is too high, since it was chosen for being high. So units are drawn with replacement, the run that is
    best on those drawn is scored on those that were not, and the mean is taken over RESAMPLES draws.
    `candidates`: predictions on dev of every run that could have been chosen.
    """
    if len(candidates) < 2:
        return None, "nothing was selected among seeds"
    scored = [reference.score_of(predicted, split="dev") for predicted in candidates]
    sums = np.stack([reference.unit_sums(predicted, split="dev") for predicted in candidates])  # (runs, units, terms)
    counting = max(split_score.n_counting_units for split_score in scored)
    if sums.shape[1] < MIN_COUNTING_UNITS:
        return None, f"dev is {count_units(sums.shape[1], reference, 'dev')}, too few to leave some out"
    if counting < MIN_COUNTING_UNITS:
        return None, f"only {count_units(counting, reference, 'dev')} of dev can be right or wrong"
    score, resamples = METRICS[reference.task.metric].from_sums, bootstrap_counts(sums.shape[1])  # (draws, units)
    counts = (sums != 0).any(axis=2)  # (runs, units)
    scores: list[float] = []
    for start in range(0, len(resamples), _PART):
        bags = resamples[start : start + _PART].astype(np.float64)
        best, draws = score(bags @ sums).argmax(axis=0), np.arange(len(bags))
        left_out = (bags == 0).astype(np.float64)
        enough = (left_out @ counts.T)[draws, best] >= MIN_LEFT_OUT
        scores += score((left_out @ sums)[best, draws])[enough].tolist()
    return (float(np.mean(scores)), "") if scores else (None, "dev has too few examples to leave some out")
