"""How well probabilities rank the examples of a class above the others: the area under the ROC curve (Hanley and McNeil
1982) and average precision, both as in scikit-learn, also of many resamples at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RANKINGS = {"roc_auc": "ROC AUC", "average_precision": "average precision"}  # name -> title


class Ranking:
    """Examples in the order of their probabilities of one class; equal ones share a threshold."""

    def __init__(self, is_positive: Sequence[bool] | np.ndarray, probabilities: Sequence[float] | np.ndarray) -> None:
        values = np.asarray(probabilities, np.float64)
        self._order = np.argsort(-values, kind="stable")
        ranked = values[self._order]
        self._ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # the last example of each threshold
        self._is_positive = np.asarray(is_positive, bool)[self._order]

    def scores(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Key of RANKINGS -> scores (...) of examples that occur with these weights (..., examples); nan where positive
        or negative examples are missing.
        """
        ranked = np.asarray(weights)[..., self._order]
        of_positives = np.cumsum(ranked[..., self._is_positive], axis=-1, dtype=np.float64)
        padded = np.concatenate([np.zeros((*ranked.shape[:-1], 1)), of_positives], axis=-1)
        positive = padded[..., np.cumsum(self._is_positive)[self._ends]]  # predicted so at each threshold
        predicted = np.cumsum(ranked, axis=-1, dtype=np.float64)[..., self._ends]
        negative = predicted - positive
        new_positive, new_negative = (np.diff(side, axis=-1, prepend=0) for side in (positive, negative))
        n_positive, n_negative = positive[..., -1], negative[..., -1]
        pairs = n_positive * n_negative
        won = (new_negative * (positive - new_positive / 2)).sum(axis=-1)  # a tie is half a win
        precision = np.divide(positive, predicted, out=np.zeros_like(positive), where=predicted > 0)
        values = {"roc_auc": (won, pairs), "average_precision": ((new_positive * precision).sum(axis=-1), n_positive)}
        with np.errstate(invalid="ignore", divide="ignore"):
            return {name: np.where(pairs > 0, part / total, np.nan) for name, (part, total) in values.items()}
