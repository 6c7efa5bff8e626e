"""Scores over classes agree with scikit-learn, in whole samples and in resampled sums."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn

from blurbstudy.api.score import spearman
from blurbstudy.metrics import METRICS, counts_by_class, score, scores_from_counts

LABELS = ("benign", "malignant", "unclear", "none seen")
ORACLES = {
    "macro_f1": lambda g, p: sklearn.f1_score(g, p, average="macro", zero_division=0),
    "balanced_accuracy": sklearn.balanced_accuracy_score,
    "mcc": sklearn.matthews_corrcoef,
    "kappa": sklearn.cohen_kappa_score,
}


def sample(seed, *, n=60, rare=0.1):
    rng = np.random.default_rng(seed)
    gold = rng.choice(LABELS[:3], size=n, p=[1 - rare - 0.2, rare, 0.2])
    return gold, np.where(rng.random(n) < 0.6, gold, rng.choice(LABELS, size=n))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("seed", range(5))
def test_a_score_is_scikit_learns_whatever_classes_are_listed(name, seed):
    gold, predicted = sample(seed)
    expected = ORACLES[name](gold, predicted)
    assert score(name, gold, predicted) == pytest.approx(expected, abs=1e-12)
    assert score(name, gold, predicted, positives=(*LABELS, "never")) == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", ORACLES)
def test_sums_of_resampled_examples_give_the_score_of_those_examples(name):
    gold, predicted = sample(7)
    terms = METRICS[name].terms(gold, predicted, LABELS)
    draws = np.random.default_rng(0).integers(0, len(gold), size=(20, len(gold)))
    scores = METRICS[name].from_sums(terms[draws].sum(axis=1))
    expected = [ORACLES[name](gold[draw], predicted[draw]) for draw in draws]
    assert scores == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "value"), [("macro_f1", 1), ("balanced_accuracy", 1), ("mcc", 0), ("kappa", 0)])
def test_a_sample_of_one_class_has_a_score_and_no_warning(name, value):
    assert score(name, ["a"] * 5, ["a"] * 5, positives=("a", "b")) == value


def test_of_label_sets_every_label_is_a_class():
    rng = np.random.default_rng(1)
    marks = rng.random((2, 40, 3)) < 0.3
    gold, predicted = ([",".join(np.array(LABELS[:3])[row]) for row in side] for side in marks)
    expected = sklearn.f1_score(marks[0], marks[1], average="macro", zero_division=0)
    assert score("label_macro_f1", gold, predicted, positives=LABELS[:3]) == pytest.approx(expected)
    counts = counts_by_class(gold, predicted, labels=LABELS[:3], sets=True).sum(axis=0)
    by_label = dict(zip(LABELS, map(scores_from_counts, counts), strict=False))
    precision, recall, f1, n = sklearn.precision_recall_fscore_support(marks[0], marks[1], zero_division=0)
    assert [one.f1 for one in by_label.values()] == pytest.approx(list(f1))
    assert [one.precision for one in by_label.values()] == pytest.approx(list(precision))
    assert [one.recall for one in by_label.values()] == pytest.approx(list(recall))
    assert [one.gold for one in by_label.values()] == list(n)


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_scipys_also_with_ties(seed):
    rng = np.random.default_rng(seed)
    gold, predicted = rng.integers(0, 5, 30), rng.normal(size=30).round(1)
    assert spearman(gold, predicted) == pytest.approx(stats.spearmanr(gold, predicted).statistic)
