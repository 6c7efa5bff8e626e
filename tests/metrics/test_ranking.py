"""ROC AUC and average precision agree with scikit-learn, with ties and on resamples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn

from blurbstudy.metrics import RANKINGS, Ranking

ORACLES = {"roc_auc": sklearn.roc_auc_score, "average_precision": sklearn.average_precision_score}


def whole(marks, probabilities):
    return Ranking(marks, probabilities).scores(np.ones(len(marks)))


def sample(seed, *, n=50, decimals=16):
    rng = np.random.default_rng(seed)
    marks = rng.random(n) < 0.3
    return marks, np.round(np.clip(0.3 * marks + rng.random(n) * 0.7, 0, 1), decimals)


@pytest.mark.parametrize("decimals", [16, 4, 1, 0])
@pytest.mark.parametrize("name", RANKINGS)
def test_a_score_is_scikit_learns_whatever_ties_there_are(name, decimals):
    for seed in range(10):
        marks, probabilities = sample(seed, decimals=decimals)
        assert whole(marks, probabilities)[name] == pytest.approx(ORACLES[name](marks, probabilities), abs=1e-12)


def test_weights_score_the_resampled_examples_many_draws_at_once():
    marks, probabilities = sample(3, decimals=1)
    draws = np.random.default_rng(0).integers(0, len(marks), size=(20, len(marks)))
    weights = np.stack([np.bincount(draw, minlength=len(marks)) for draw in draws])
    found = Ranking(marks, probabilities).scores(weights)
    for name, oracle in ORACLES.items():
        assert found[name] == pytest.approx([oracle(marks[draw], probabilities[draw]) for draw in draws], abs=1e-12)


@pytest.mark.parametrize("mark", [True, False])
def test_examples_of_one_side_alone_have_no_score(mark):
    assert all(map(math.isnan, whole([mark] * 4, [0.1, 0.2, 0.3, 0.4]).values()))
