"""Every metric is reached by its name, adds up over examples, and refuses what cannot be scored."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import COUNTING, METRICS, precision_recall_f1, score
from blurbstudy.tasks import TASKS

TAGS = ["B I O", "O B O", "B B I", "O O O", "I O B"]
GUESSED_TAGS = ["B I O", "O B I", "B I I", "O B O", "I O B"]
CLASSES = ["a", "b", "a", "none", "b"]
GUESSED_CLASSES = ["a", "a", "none", "none", "b"]
SETS = ["a,b", "b", "", "a", "b"]
GUESSED_SETS = ["a", "b,a", "a", "a", ""]
SCORES = [0.0, 1.5, 3.2, 4.0, 2.2]
GUESSED_SCORES = [0.3, 1.1, 2.0, 3.9, 2.9]
EXAMPLES = {  # metric -> gold, predictions, positives
    "accuracy": (CLASSES, GUESSED_CLASSES, ()),
    "pearson": (SCORES, GUESSED_SCORES, ()),
    "entity_f1": (TAGS, GUESSED_TAGS, ()),
    "entity_f1_default": (TAGS, GUESSED_TAGS, ()),
    "relaxed_f1": (TAGS, GUESSED_TAGS, ()),
    "relaxed_f1_one_to_one": (TAGS, GUESSED_TAGS, ()),
    "pico_f1": (TAGS, GUESSED_TAGS, ("B", "I")),
    "micro_f1": (CLASSES, GUESSED_CLASSES, ("a", "b")),
    "document_f1": (SETS, GUESSED_SETS, ()),
    "example_based_f1": (SETS, GUESSED_SETS, ()),
    "label_macro_f1": (SETS, GUESSED_SETS, ("a", "b")),
    **dict.fromkeys(("macro_f1", "balanced_accuracy", "mcc", "kappa"), (CLASSES, GUESSED_CLASSES, ("a", "b", "none"))),
}


def test_a_metric_is_reached_by_its_name():
    assert score("accuracy", ["yes", "no"], ["yes", "yes"]) == 0.5
    assert score("pearson", [1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1.0)
    assert all(metric.name == name and metric.title for name, metric in METRICS.items())
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


def test_every_task_s_metric_is_there():
    assert {task.metric for task in TASKS} <= set(METRICS) == set(EXAMPLES)


@pytest.mark.parametrize("name", METRICS)
def test_weighted_sums_of_terms_score_the_drawn_examples(name):
    gold, predicted, positives = EXAMPLES[name]
    metric = METRICS[name]
    terms = metric.terms(gold, predicted, positives)
    assert terms.dtype == np.float64 and len(terms) == len(gold)
    draws = np.random.default_rng(0).multinomial(len(gold), [1 / len(gold)] * len(gold), size=(3, 40))
    values = metric.from_sums(draws @ terms)
    assert values.shape == (3, 40)
    for weights, value in zip(draws.reshape(-1, len(gold)), values.reshape(-1), strict=True):
        rows = np.repeat(np.arange(len(gold)), weights)
        drawn = score(name, [gold[i] for i in rows], [predicted[i] for i in rows], positives=positives)
        assert value == pytest.approx(drawn, abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_a_score_is_a_plain_float_of_arrays_too(name):
    gold, predicted, positives = EXAMPLES[name]
    value = score(name, np.array(gold), np.array(predicted), positives=positives)
    assert type(value) is float and value == score(name, gold, predicted, positives=positives)
    assert -1 <= value <= 1


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="metric='f1' is unknown; use accuracy, pearson, entity_f1, "):
        score("f1", [1], [1])


@pytest.mark.parametrize("function", [score, precision_recall_f1])
@pytest.mark.parametrize(("gold", "predicted"), [(["O"], []), (["O", "B"], ["O"]), ([], [])])
def test_unequal_or_empty_sequences_are_refused_with_their_lengths(function, gold, predicted):
    with pytest.raises(ParameterError, match=f"{len(predicted)} predictions? for {len(gold)} examples?"):
        function("entity_f1", gold, predicted)


@pytest.mark.parametrize("name", ["accuracy", "pearson", "pico_f1", "example_based_f1"])
def test_a_metric_without_one_precision_says_which_have_one(name):
    gold, predicted, positives = EXAMPLES[name]
    with pytest.raises(ParameterError, match=f"metric='{name}' has no single precision and recall; use entity_f1, "):
        precision_recall_f1(name, gold, predicted, positives=positives)


@pytest.mark.parametrize("name", METRICS)
def test_the_metrics_that_count_have_a_precision_and_their_f1_is_the_score(name):
    gold, predicted, positives = EXAMPLES[name]
    if name in COUNTING:
        found = precision_recall_f1(name, gold, predicted, positives=positives)
        assert found.f1 == pytest.approx(score(name, gold, predicted, positives=positives))
    else:
        with pytest.raises(ParameterError, match=f"use {', '.join(COUNTING)}$"):
            precision_recall_f1(name, gold, predicted, positives=positives)
