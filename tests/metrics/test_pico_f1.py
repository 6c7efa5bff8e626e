"""Word-level macro F1 of PICO classes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import METRICS, pico_terms, score, scores_from_counts

pico_f1 = METRICS["pico_f1"].score

POSITIVES = ("I-PAR", "I-INT", "I-OUT")


def random_pair(rng: np.random.Generator, tags: tuple[str, ...], sentences: int = 20) -> tuple[list[str], list[str]]:
    lengths = rng.integers(1, 12, sentences)
    gold, predicted = ([" ".join(rng.choice(tags, n)) for n in lengths] for _ in range(2))
    return gold, predicted


def flat(labels: list[str]) -> list[str]:
    return [tag for label in labels for tag in label.split()]


@pytest.mark.parametrize("tags", [("O", *POSITIVES), ("O", "I-PAR"), ("O",), POSITIVES])
def test_pico_f1_equals_scikit_learn_also_where_a_class_is_missing(tags):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(40):
        gold, predicted = random_pair(rng, tags)
        options = {"labels": list(POSITIVES), "zero_division": 0}
        expected = metrics.f1_score(flat(gold), flat(predicted), average="macro", **options)
        assert pico_f1(gold, predicted, positives=POSITIVES) == pytest.approx(expected, abs=1e-12)
        by_class = metrics.precision_recall_fscore_support(flat(gold), flat(predicted), **options)
        for c, ours in enumerate(
            map(scores_from_counts, pico_terms(gold, predicted, POSITIVES).sum(axis=0).reshape(-1, 4))
        ):
            theirs = tuple(float(part[c]) for part in by_class)
            assert (ours.precision, ours.recall, ours.f1, ours.gold) == pytest.approx(theirs, abs=1e-12)


def test_resampled_sums_average_classes_within_each_draw():
    gold, predicted = random_pair(np.random.default_rng(1), ("O", *POSITIVES), sentences=6)
    metric = METRICS["pico_f1"]
    terms = metric.terms(gold, predicted, POSITIVES)
    assert terms.shape == (6, 12)
    draws = np.random.default_rng(2).multinomial(6, [1 / 6] * 6, size=20)
    for weights, value in zip(draws, metric.from_sums(draws @ terms), strict=True):
        rows = np.repeat(np.arange(6), weights)
        drawn = [[side[i] for i in rows] for side in (gold, predicted)]
        assert value == pytest.approx(score("pico_f1", *drawn, positives=POSITIVES), abs=1e-12)


def test_pico_f1_needs_its_classes():
    with pytest.raises(ParameterError, match=r"pico_f1 needs positive tags; give positives="):
        score("pico_f1", ["O"], ["O"])


def test_a_sentence_with_another_number_of_tags_is_named_by_its_place():
    with pytest.raises(ParameterError, match="example 0: 1 predicted tags for 2 words"):
        score("pico_f1", ["O O"], ["O"], positives=POSITIVES)
