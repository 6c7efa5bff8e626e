"""Scores far from 0 are trained as distances from their mean in standard deviations, and predicted as they are."""

from dataclasses import replace

import numpy as np
import pytest

from blurbstudy.metrics import pearson
from blurbstudy.tasks import CustomForm, get_task
from blurbstudy.training.trainer import train_population

from .conftest import make_features

BIOSSES = get_task("BIOSSES")
CENTER, SCALE = 50.0, 25.0
DISTANT = replace(BIOSSES, bounds=(0.0, 100.0), custom=CustomForm(center=CENTER, scale=SCALE))


def test_far_scores_are_trained_as_the_near_ones_that_they_are_a_multiple_of(make_config, checkpoint):
    far = make_features("BIOSSES")
    near = {split: replace(item, targets=item.targets - np.float32(2)) for split, item in far.items()}
    far = {split: replace(item, targets=item.targets * np.float32(SCALE) + CENTER) for split, item in near.items()}
    (a,) = train_population([make_config()], features=near, task=BIOSSES, checkpoint=checkpoint, device="cpu")
    (b,) = train_population([make_config()], features=far, task=DISTANT, checkpoint=checkpoint, device="cpu")
    expected = np.array(a.predictions["test"]) * SCALE + CENTER
    np.testing.assert_allclose(b.predictions["test"], expected, rtol=0, atol=1e-3)
    assert b.scores["test"] == pytest.approx(a.scores["test"], abs=1e-4)
    assert b.curve["train_loss"] == pytest.approx(a.curve["train_loss"], rel=1e-4)


def test_scores_from_0_to_100_are_learned_as_fast_as_those_from_0_to_4(make_config, checkpoint):
    features = {split: replace(item, targets=item.targets * 25) for split, item in make_features("BIOSSES").items()}
    config = make_config(epochs=8, learning_rate=2e-3)
    scored = {}
    for name, task in (("as they are", replace(DISTANT, custom=CustomForm())), ("as distances", DISTANT)):
        (record,) = train_population([config], features=features, task=task, checkpoint=checkpoint, device="cpu")
        scored[name] = np.abs(np.array(record.predictions["test"]) - features["test"].targets).mean()
        r = pearson(features["test"].targets.tolist(), record.predictions["test"])
    assert r > 0.8
    assert scored["as distances"] < 20 < scored["as they are"]  # mean distance from the gold scores
