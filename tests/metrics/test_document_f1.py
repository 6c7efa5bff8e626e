"""Micro F1 of label sets against scikit-learn, and BLUE's example-based F1, which is another number."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy import paths
from blurbstudy.metrics import METRICS, precision_recall_f1, score
from blurbstudy.tasks import get_task, read_split

document_f1 = METRICS["document_f1"].score
example_based_f1 = METRICS["example_based_f1"].score

LABELS = ("inducing angiogenesis", "cell death", "energetics", "immune destruction")


def random_sets(rng: np.random.Generator, documents: int, *, at_least: int = 0) -> np.ndarray:
    """(documents, labels) of 0 and 1."""
    table = (rng.random((documents, len(LABELS))) < 0.35).astype(int)
    table[table.sum(axis=1) < at_least, 0] = 1
    return table


def as_labels(table: np.ndarray) -> list[str]:
    return [",".join(label for label, on in zip(LABELS, row, strict=True) if on) for row in table]


def test_document_f1_equals_scikit_learn_on_label_indicators():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(50):
        gold, predicted = (random_sets(rng, 30) for _ in range(2))
        expected = metrics.precision_recall_fscore_support(gold, predicted, average="micro", zero_division=0)
        ours = precision_recall_f1("document_f1", as_labels(gold), as_labels(predicted))
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(expected[:3], abs=1e-12)
        assert document_f1(as_labels(gold), as_labels(predicted)) == pytest.approx(expected[2], abs=1e-12)


def test_document_f1_counts_the_positives_alone_where_some_are_named():
    f1_score = pytest.importorskip("sklearn.metrics").f1_score
    gold, predicted = (random_sets(np.random.default_rng(seed), 30) for seed in (1, 2))
    expected = f1_score(gold[:, :2], predicted[:, :2], average="micro")
    assert document_f1(as_labels(gold), as_labels(predicted), positives=LABELS[:2]) == pytest.approx(expected)


def test_example_based_f1_equals_scikit_learns_sample_averages_where_all_documents_have_labels():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    for _ in range(50):
        gold, predicted = random_sets(rng, 30, at_least=1), random_sets(rng, 30)
        precision, recall, _, _ = metrics.precision_recall_fscore_support(
            gold, predicted, average="samples", zero_division=0
        )
        expected = 2 * precision * recall / (precision + recall)
        assert example_based_f1(as_labels(gold), as_labels(predicted)) == pytest.approx(expected, abs=1e-12)


def test_example_based_f1_leaves_out_documents_without_gold_labels_and_gives_empty_predictions_precision_0():
    assert example_based_f1(["cell death", ""], ["cell death", "energetics"]) == 1.0
    assert example_based_f1(["cell death", "energetics"], ["cell death", ""]) == 0.5
    assert example_based_f1(["", ""], ["", "energetics"]) == 0.0


def test_the_two_are_different_metrics():
    gold, predicted = ["cell death,energetics,immune destruction", "cell death"], ["cell death", "cell death"]
    assert score("document_f1", gold, predicted) == pytest.approx(2 * 2 / (4 + 2))
    assert score("example_based_f1", gold, predicted) == pytest.approx(2 * (2 / 3) / (1 + 2 / 3))


def test_terms_of_both_add_up_over_documents():
    gold, predicted = (as_labels(random_sets(np.random.default_rng(seed), 8)) for seed in (4, 5))
    for name in ("document_f1", "example_based_f1"):
        terms = METRICS[name].terms(gold, predicted)
        rows = [0, 0, 3, 7, 5]
        expected = score(name, [gold[i] for i in rows], [predicted[i] for i in rows])
        assert METRICS[name].from_sums(terms[rows].sum(axis=0)) == pytest.approx(expected, abs=1e-12)


def test_the_order_of_labels_does_not_matter():
    assert document_f1(["cell death,energetics"], ["energetics,cell death"]) == 1.0


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
def test_53_of_the_real_test_documents_have_no_label():
    gold = [example.label for example in read_split(get_task("HoC"), paths.data_folder(), split="test")]
    assert (len(gold), gold.count("")) == (371, 53)
    assert document_f1(gold, gold) == example_based_f1(gold, gold) == 1.0
