"""Probabilities of labels, and what is recorded of the last step where other weights were selected."""

import numpy as np
import pytest
import scipy.special

from blurbstudy.tasks import get_task
from blurbstudy.training.evaluation import label_probabilities
from blurbstudy.training.trainer import train_population

QUESTION, DOCUMENTS = get_task("BioASQ"), get_task("HoC")
FAST = dict(checkpoint_selection="best_dev", epochs=6, n_evaluations=6, learning_rate=1e-2)


def train(configs, features, checkpoint):
    task = get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device="cpu")


def test_probabilities_have_four_decimals_and_their_largest_is_the_prediction():
    outputs = np.random.default_rng(1).normal(0, 3, (400, 2)).astype(np.float32)
    probabilities = label_probabilities(outputs, QUESTION)
    np.testing.assert_allclose(probabilities, scipy.special.softmax(outputs, axis=1), atol=0.5001e-4)
    assert all(float(f"{value:.4f}") == value for value in probabilities.flat)
    near = np.float32([[0.0, 1e-5], [1e-5, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(label_probabilities(near, QUESTION), [[0.5, 0.5001], [0.5, 0.5], [0.5, 0.5]])


def test_a_label_of_a_set_is_predicted_from_above_one_half():
    outputs = np.random.default_rng(1).normal(0, 3, (400, len(DOCUMENTS.labels))).astype(np.float32)
    outputs[:3, 0] = [1e-5, 0, -1e-5]
    probabilities = label_probabilities(outputs, DOCUMENTS)
    np.testing.assert_allclose(probabilities, scipy.special.expit(outputs), atol=1e-4)
    np.testing.assert_array_equal(probabilities > 0.5, outputs > 0)
    assert probabilities[:3, 0].tolist() == [0.5001, 0.5, 0.5]


def test_recorded_probabilities_give_the_recorded_predictions(make_config, question, documents, checkpoint):
    configs = [make_config(task="BioASQ", seed=seed, **FAST) for seed in (1, 2, 3)]
    records = train(configs, question, checkpoint)
    assert any(record.selected_step < record.stopped_at_step for record in records)
    for record in records:
        for split in ("dev", "test"):
            chosen = np.argmax(record.probabilities[split], axis=1)
            assert [QUESTION.labels[i] for i in chosen] == record.predictions[split]
    (record,) = train([make_config(task="HoC", epochs=4, learning_rate=3e-3)], documents, checkpoint)
    for split in ("dev", "test"):
        chosen = np.array(record.probabilities[split]) > 0.5
        assert [",".join(np.array(DOCUMENTS.labels)[row]) for row in chosen] == record.predictions[split]


@pytest.mark.parametrize(("task", "kind"), [("BIOSSES", "similarity"), ("BC5-chem", "tagged")])
def test_scores_and_tags_have_none(make_config, request, checkpoint, task, kind):
    (record,) = train([make_config(task=task, epochs=1)], request.getfixturevalue(kind), checkpoint)
    assert record.probabilities == {}


def test_dev_that_joined_train_has_none(make_config, question, checkpoint):
    (record,) = train([make_config(task="BioASQ", epochs=1, train_on_dev=True)], question, checkpoint)
    assert set(record.probabilities) == {"test"} and record.last_predictions == {}


def test_best_dev_keeps_the_last_steps_predictions_and_loss(make_config, similarity, checkpoint):
    selecting = train([make_config(seed=seed, **FAST) for seed in (1, 2, 3)], similarity, checkpoint)
    last = train(
        [make_config(seed=s, **FAST | {"checkpoint_selection": "last"}) for s in (1, 2, 3)], similarity, checkpoint
    )
    assert {record.selected_step < record.stopped_at_step for record in selecting} == {True, False}
    for record, other in zip(selecting, last, strict=True):
        assert record.final_loss == other.final_loss and other.last_predictions == {}
        if record.selected_step == record.stopped_at_step:
            assert record.last_predictions == {} and record.predictions == other.predictions
        else:
            assert record.last_predictions == {"dev": other.predictions["dev"]}
            assert record.predictions["dev"] != other.predictions["dev"]


def test_a_run_that_diverges_in_its_last_update_has_no_outcome_whatever_was_best(
    make_config, question, checkpoint, monkeypatch
):
    from blurbstudy.training.population import Population

    step = Population.step

    def poisoned(self):
        losses = step(self)
        if self.members[0].step == self.members[0].total_steps:
            self.model.embeddings.word_embeddings.data[0] = float("nan")
        return losses

    monkeypatch.setattr(Population, "step", poisoned)
    (record,) = train([make_config(task="BioASQ", **FAST)], question, checkpoint)
    assert (record.status, record.final_loss, record.constant_loss) == ("diverged", None, None)
    assert record.predictions == record.probabilities == record.last_predictions == {}
    assert record.scores == {"dev": None, "test": None} and record.selected_step is None
