"""Micro F1 over the positive classes: five of ChemProt, four of DDI, one of GAD."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ParameterError
from .counts import count_terms, f1_from_counts
from .metric import Metric


def micro_terms(gold: Sequence[str], predicted: Sequence[str], positives: Sequence[str] = ()) -> np.ndarray:
    """COUNTS of each example: (examples, 4). Other classes, such as "false", count only if a positive one is predicted.
    Raises ParameterError: `positives` is empty.
    """
    if not positives:
        raise ParameterError("micro_f1 needs positive classes; give positives=(label, ...)")
    counted = frozenset(positives)
    rows = []
    for truth, guess in zip(gold, predicted, strict=True):
        right = int(truth == guess and truth in counted)
        rows.append((right, int(truth in counted), right, int(guess in counted)))
    return count_terms(rows)


MICRO_F1 = Metric(name="micro_f1", title="micro F1 over positive classes", terms=micro_terms, from_sums=f1_from_counts)
