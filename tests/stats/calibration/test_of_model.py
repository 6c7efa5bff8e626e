"""The calibration of a model for every kind of task, from simulated predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from blurbstudy.inference.calibration import calibration_of
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.records import document_of_words
from blurbstudy.inference.model_directory.card_calibration import markdown
from blurbstudy.inference.predictor import Entity, Prediction, TaggedSentence
from blurbstudy.stats.calibration.of_model import PredictedSplit, calibrate
from blurbstudy.tables.calibration import calibration_html, calibration_lines
from blurbstudy.tasks import get_task

SHARP = 3.0  # factor by which stated log-odds are too large


def split(task, predictions, gold):
    units = tuple(f"{i // 2:05d}" for i in range(len(gold)))  # two examples each
    return PredictedSplit(task=get_task(task), predictions=predictions, gold=gold, units=units, unit_noun="documents")


def labels(n, seed, task="GAD"):
    """One label each, of an overconfident model."""
    names, generator = get_task(task).labels, np.random.default_rng(seed)
    logits = generator.normal(scale=1.5, size=(n, len(names)))
    gold = [str(generator.choice(names, p=row)) for row in softmax(logits, -1)]
    rows = softmax(SHARP * logits, -1)
    predictions = [
        Prediction(
            Document(str(i), ("",)),
            label=names[row.argmax()],
            probabilities=dict(zip(names, row.tolist(), strict=True)),
        )
        for i, row in enumerate(rows)
    ]
    return split(task, predictions, gold)


def label_sets(n, seed):
    """Sets, of a model that is overconfident of all labels but the last, which no text carries or is given."""
    names, generator = get_task("HoC").labels, np.random.default_rng(seed)
    odds = generator.normal(-1.0, 1.5, size=(n, len(names)))
    odds[:, -1] = -20
    carried = generator.random(odds.shape) < expit(odds)
    predictions = [
        Prediction(
            Document(str(i), ("",)),
            labels=tuple(name for name, value in zip(names, row, strict=True) if value > 0),
            probabilities=dict(zip(names, expit(SHARP * row).tolist(), strict=True)),
        )
        for i, row in enumerate(odds)
    ]
    gold = [",".join(name for name, on in zip(names, row, strict=True) if on) for row in carried]
    return split("HoC", predictions, gold)


def entities(n, seed):
    """Sentences A B C with the entity B or B C; right ones have the probability that half the stated log-odds give."""
    generator, predictions, gold = np.random.default_rng(seed), [], []
    for i in range(n):
        odds = generator.normal(1.0, 1.0)
        right, longer = generator.random() < expit(odds), generator.random() < 0.5
        tags = ("O", "B", "I" if longer else "O")
        document = document_of_words(str(i), [["A", "B", "C"]])
        entity = Entity(2, 5 if longer else 3, "disease", "", float(expit(SHARP * odds + 1)))
        predictions.append(Prediction(document, (entity,), (TaggedSentence(document.sentences[0], tags),)))
        gold.append(" ".join(tags) if right else "O O B" if longer else "O B I")
    return split("NCBI-disease", predictions, gold)


@pytest.mark.parametrize("task", ["GAD", "ChemProt"])
def test_labels_have_one_temperature_that_leaves_the_predicted_ones(task):
    dev, test = labels(400, 1, task), labels(600, 2, task)
    found = calibrate(dev, test)
    calibration = calibration_of({"calibration": json.loads(json.dumps(found))})
    assert calibration.method == "temperature" and calibration.maps[""][0] == pytest.approx(SHARP, rel=0.25)
    after = calibration.distributions(test.rows)
    assert (after.argmax(-1) == test.rows.argmax(-1)).all() and after.sum(-1) == pytest.approx(1)
    evaluation = found["test"]
    assert evaluation["after"]["ece"][0] < evaluation["before"]["ece"][0] / 2
    assert evaluation["change"]["ece"][1][1] < 0 and evaluation["change"]["brier"][1][1] < 0
    wrong = np.mean([row.label != gold for row, gold in zip(test.predictions, test.gold, strict=True)])
    assert evaluation["coverage"][0]["error"] == pytest.approx(wrong) and evaluation["units"] == "300 documents"


def test_sets_have_a_temperature_by_label_where_decisions_are_wrong_and_keep_their_sides_of_one_half():
    dev, test = label_sets(300, 3), label_sets(300, 4)
    found = calibrate(dev, test)
    calibration, names = calibration_of({"calibration": found}), get_task("HoC").labels
    assert set(calibration.maps) == set(names[:-1])
    assert [calibration.maps[name][0] for name in names[:-1]] == pytest.approx([SHARP] * 9, rel=0.5)
    assert "; 1 of 10 labels stay as computed: dev tells too little of them" in calibration.describe()
    after = calibration.label_sets(test.rows, names)
    assert (after[:, -1] == test.rows[:, -1]).all()
    assert ((after > 0.5) == (test.rows > 0.5)).all()
    assert found["test"]["change"]["ece"][1][1] < 0
    precision = 1 - found["test"]["coverage"][0]["error"]
    chosen = test.rows > 0.5
    assert precision == pytest.approx((chosen & test.truth).sum() / chosen.sum())
    assert found["test"]["coverage"][0]["found"] == pytest.approx((chosen & test.truth).sum() / test.truth.sum())


@pytest.mark.parametrize(("n", "method"), [(500, "platt"), (2000, "isotonic")])
def test_entities_are_calibrated_as_spans_by_a_map_that_fits_the_size_of_dev(n, method):
    dev, test = entities(n, 5), entities(600, 6)
    found = calibrate(dev, test)
    assert calibration_of({"calibration": found}).method == method
    right = [gold.split() == list(row.sentences[0].tags) for row, gold in zip(test.predictions, test.gold, strict=True)]
    assert found["test"]["coverage"][0]["error"] == pytest.approx(1 - np.mean(right))
    assert found["test"]["change"]["ece"][1][1] < 0
    assert found["test"]["after"]["ece"][0] < 2 * found["test"]["after"]["ece_of_perfect"]


@pytest.mark.parametrize(
    ("make", "few"), [(labels, "predictions"), (label_sets, "decisions on labels"), (entities, "predicted entities")]
)
def test_a_dev_set_that_is_too_small_is_said(make, few):
    found = calibrate(make(4, 7), make(200, 8))
    assert found["fit"] is None and found["reason"].startswith("dev is too small (") and few in found["reason"]
    assert found["test"]["after"] is None and found["test"]["before"]["ece"][0] > 0
    text = markdown({"calibration": found})
    assert "Probabilities are not calibrated: dev is too small" in text and "--raw-confidence" not in text
    assert "calibrated" not in "".join(calibration_lines({"calibration": found})[1:3])


def test_without_a_test_set_the_card_says_that_the_error_is_unknown():
    text = markdown({"calibration": calibrate(labels(400, 1), None)})
    assert "calibrated by temperature " in text and "Its error is not known" in text and "|" not in text


def test_predictions_without_any_entity_have_no_error():
    test = entities(60, 9)
    nothing = [
        Prediction(row.document, (), (TaggedSentence(row.sentences[0].words, ("O", "O", "O")),))
        for row in test.predictions
    ]
    silent = split("NCBI-disease", nothing, list(test.gold))
    found = calibrate(silent, silent)
    assert found["fit"] is None and found["test"] is None and "0 predicted entities" in found["reason"]


def test_card_and_page_show_the_same_numbers_with_intervals():
    found = {"calibration": calibrate(entities(500, 5), entities(600, 6))}
    text, page, lines = markdown(found), calibration_html(found), "\n".join(calibration_lines(found))
    after = found["calibration"]["test"]["after"]
    value, (low, high) = after["ece"]
    number = f"{100 * value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    assert all(number in shown for shown in (text, page.replace("\N{NO-BREAK SPACE}", " "), lines))
    assert "Dev" not in lines and "dev also selected the run" in lines and "![Reliability diagram]" in text
    assert page.count("<circle") == after["bins"] + 1  # one in the legend
    assert text.count("\n| 0.") == len([row for row in found["calibration"]["test"]["coverage"] if row["minimum"]])
