"""`finetune` keeps the calibration of a model in its directory, and `predict` applies it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blurbstudy import evaluate
from blurbstudy.api.export_model import export_run
from blurbstudy.api.finetune import fine_tune
from blurbstudy.config import Recipe
from blurbstudy.inference.model_directory.card_calibration import summary
from blurbstudy.inference.model_directory.check import is_unchanged
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.predict_examples import predictions_of_examples
from blurbstudy.inference.predictor import Predictor
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_split


@pytest.fixture
def tune(tmp_path, tiny_encoder):
    def make(task, **recipe):
        settings = dict(epochs=1, learning_rate=1e-3, max_length=48, n_evaluations=1) | recipe
        options = dict(data="mini", device="cpu", progress="silent", log=lambda line: None)
        store = tmp_path / "store"
        return fine_tune(task, str(tiny_encoder), seeds=[1], store=store, recipe=Recipe(**settings), **options)

    return make


def test_a_model_of_labels_is_calibrated_and_its_labels_stay(tune, mini_data, tmp_path):
    result = tune("BioASQ")
    assert result.calibration["fit"]["method"] == "temperature"
    assert "\nprobabilities are calibrated by temperature " in result.text() and "<figure" in result._repr_html_()
    assert (
        json.loads(json.dumps(result.to_dict(), allow_nan=False))["calibration"].items() >= result.calibration.items()
    )
    card = (result.model / "README.md").read_text()
    assert "## Confidence" in card and "are not calibrated" not in card and is_unchanged(result.model)
    assert (result.model / "reliability.svg").read_text().startswith("<svg ")
    directory, task = read_model_directory(result.model), get_task("BioASQ")
    examples = read_split(task, mini_data, split="test")
    raw, calibrated = (
        predictions_of_examples(Predictor(directory, device="cpu", raw_confidence=off), task, examples)
        for off in (True, False)
    )
    assert [one.label for one in raw] == [one.label for one in calibrated]
    temperature = result.calibration["fit"]["maps"][""][0]
    rows = np.array([[list(one.probabilities.values()) for one in side] for side in (raw, calibrated)])
    powers = rows[0] ** (1 / temperature)
    assert rows[1] == pytest.approx(powers / powers.sum(-1, keepdims=True))
    stated = rows[1].max(-1)
    happened = np.array([one.label == example.label for one, example in zip(raw, examples, strict=True)])
    assert result.calibration["test"]["after"]["brier"][0] == pytest.approx(np.mean((stated - happened) ** 2))
    again = tune("BioASQ")
    assert again.calibration == result.calibration and again.sweep.trained == 0
    exported = export_run(RunStore(tmp_path / "store"), result.best.record, tmp_path / "other")
    assert read_model_directory(exported).run["calibration"] == result.calibration


def test_entities_without_a_good_dev_and_scores_are_not_calibrated(tune):
    result = tune("NCBI-disease", epochs=0.1)
    assert result.calibration["fit"] is None and "not calibrated: dev is too small (" in result.text()
    assert "Its probabilities are not calibrated." in (result.model / "README.md").read_text()
    similarity = tune("BIOSSES", head="cosine")
    assert similarity.calibration is None and "calibrat" not in similarity.text()
    card = (similarity.model / "README.md").read_text()
    assert "scores are not probabilities, so they have no calibration" in card and "## Confidence" not in card


def test_probabilities_of_a_weighted_loss_have_a_caveat_beside_their_scores(tune, mini_data):
    result = tune("BioASQ", class_weights="balanced", focal_gamma=2)
    lines = result.text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("ROC AUC"))
    trained = "trained with class_weights balanced and focal_gamma 2"
    assert any(line.startswith(f"caveat: {trained}: prob") for line in lines[at : at + 3])
    assert any(line.startswith("probabilities are ") and trained in line for line in lines)
    caveats = [caveat for caveat in result.to_dict()["caveats"] if caveat["kind"] == "weighted"]
    assert [caveat["split"] for caveat in caveats] == ["dev", "test"] and trained in caveats[0]["text"]
    card = (result.model / "README.md").read_text()
    assert card.count(trained[1:]) == 4  # beside scores of dev and test, of probabilities, and their calibration
    scored = evaluate(result, "BioASQ", data=mini_data, device="cpu")
    assert trained in scored.text() and "weighted" in [caveat.kind for caveat in scored.caveats]


def test_a_temperature_far_from_1_has_a_caveat():
    fit = {"method": "temperature", "maps": {"a": [1.2], "b": [17.5]}, "fitted_on": "60 dev examples"}
    told = summary({"calibration": {"fit": fit}})
    assert told.endswith("; a temperature so far from 1 (17.50) may be a chance of dev: do not rely on it")
    assert "chance" not in summary({"calibration": {"fit": fit | {"maps": {"a": [1.2]}}}})


def test_a_dev_set_that_was_trained_on_fits_nothing(tune):
    assert tune("BioASQ", epochs=0.1, train_on_dev=True).calibration["reason"] == "dev was trained on"
