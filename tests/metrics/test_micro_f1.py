"""Micro F1 over positive classes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import METRICS, precision_recall_f1, score

micro_f1 = METRICS["micro_f1"].score

CLASSES = {
    "ChemProt": ("false", ("CPR:3", "CPR:4", "CPR:5", "CPR:6", "CPR:9")),
    "DDI": ("DDI-false", ("DDI-mechanism", "DDI-effect", "DDI-advise", "DDI-int")),
    "GAD": ("0", ("1",)),
}


@pytest.mark.parametrize("task", CLASSES)
def test_micro_f1_equals_scikit_learn(task):
    metrics = pytest.importorskip("sklearn.metrics")
    none, positives = CLASSES[task]
    rng = np.random.default_rng(0)
    for _ in range(50):
        gold, predicted = rng.choice([none, none, *positives], (2, rng.integers(1, 60))).tolist()
        predicted = [g if rng.random() < 0.5 else p for g, p in zip(gold, predicted, strict=True)]
        expected = metrics.precision_recall_fscore_support(
            gold, predicted, labels=list(positives), average="micro", zero_division=0
        )
        ours = precision_recall_f1("micro_f1", gold, predicted, positives=positives)
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(expected[:3], abs=1e-12)
        assert micro_f1(gold, predicted, positives=positives) == pytest.approx(expected[2], abs=1e-12)


def test_with_one_positive_class_it_is_the_binary_f1():
    f1_score = pytest.importorskip("sklearn.metrics").f1_score
    gold, predicted = np.random.default_rng(1).choice(["0", "1"], (2, 200)).tolist()
    expected = f1_score(gold, predicted, pos_label="1")
    assert score("micro_f1", gold, predicted, positives=("1",)) == pytest.approx(expected, abs=1e-12)


def test_an_example_right_about_no_relation_changes_nothing():
    terms = METRICS["micro_f1"].terms(["false", "CPR:3", "CPR:3"], ["false", "CPR:4", "CPR:3"], ("CPR:3", "CPR:4"))
    assert terms.tolist() == [[0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1]]


def test_no_positive_on_either_side_scores_0():
    assert micro_f1(["0", "0"], ["0", "0"], positives=("1",)) == 0.0


def test_micro_f1_needs_its_classes():
    with pytest.raises(ParameterError, match=r"micro_f1 needs positive classes; give positives="):
        score("micro_f1", ["0"], ["0"])
