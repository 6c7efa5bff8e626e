"""The fine-tuning loop: it learns, records, selects, fails member by member."""

import json

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import io_ceiling, score
from blurbstudy.models import random_checkpoint
from blurbstudy.tasks import get_task, split_labels
from blurbstudy.training.decoding import gold_of
from blurbstudy.training.run_record import run_record_from_dict
from blurbstudy.training.trainer import train_population


def train(configs, features, checkpoint, **kwargs):
    task = get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device="cpu", **kwargs)


def test_fine_tuning_learns_what_can_be_learned(make_config, similarity, checkpoint):
    (record,) = train([make_config(epochs=20, learning_rate=2e-3)], similarity, checkpoint)
    assert record.status == "finished"
    assert record.scores["dev"] > 0.6
    assert record.curve["train_loss"][-1] < 0.5 * record.curve["train_loss"][0]


def test_a_classifier_learns_labels(make_config, question, checkpoint):
    (record,) = train([make_config(task="BioASQ", epochs=20, learning_rate=2e-3)], question, checkpoint)
    assert set(record.predictions["test"]) <= {"yes", "no"}
    assert record.scores["test"] >= 0.7


@pytest.mark.parametrize("encoder", ["modernbert", "deberta"])
def test_other_encoders_train_under_every_technique(make_config, similarity, request, encoder):
    techniques = [
        {},
        {"freeze": {"layers": "embeddings"}},
        {"layerwise_decay": {"factor": 0.9}},
        {"reinitialize": {"layers": 2}},
        {"remove_layers": {"layers": 1}},
        {"freeze": {"layers": 1}, "reinitialize": {"layers": 1}},
    ]
    configs = [make_config(stabilizers=item, learning_rate=3e-3, epochs=2) for item in techniques]
    configs += [make_config(bias_correction=False, epochs=3, checkpoint_selection="best_dev")]
    for config in configs:
        (record,) = train([config], similarity, request.getfixturevalue(encoder))
        assert record.status == "finished" and record.scores["test"] is not None
        assert record.curve["train_loss"][-1] < record.curve["train_loss"][0]


@pytest.mark.parametrize(("task", "kind"), [("BC5-chem", "tagged"), ("BioASQ", "question")])
def test_other_encoders_learn_what_can_be_learned(make_config, request, modernbert, task, kind):
    features = request.getfixturevalue(kind)
    (record,) = train([make_config(task=task, epochs=15, learning_rate=3e-3)], features, modernbert)
    assert record.scores["test"] > 0.7


@pytest.mark.parametrize("tag_scheme", ["bio", "io"])
def test_labels_of_words_are_learned_and_recorded_as_bio_tags(make_config, tagged, checkpoint, tag_scheme):
    config = make_config(task="BC5-chem", epochs=20, learning_rate=2e-3, tag_scheme=tag_scheme)
    (record,) = train([config], tagged, checkpoint)
    gold = gold_of(tagged["test"], get_task("BC5-chem"))
    predicted = record.predictions["test"]
    assert [len(tags.split()) for tags in predicted] == [len(tags.split()) for tags in gold]
    assert record.scores["test"] == score("entity_f1", gold, predicted)
    # IO cannot tell two mentions that touch: it merges them, and there are many here.
    assert record.scores["test"] > (0.95 if tag_scheme == "bio" else 0.4)
    if tag_scheme == "io":
        assert not any("B B" in tags or "I B" in tags or "O I" in tags for tags in predicted)
        assert record.scores["test"] == pytest.approx(io_ceiling(gold), abs=0.05)


def test_sets_of_labels_are_learned_and_recorded_by_name(make_config, documents, checkpoint):
    config = make_config(task="HoC", epochs=25, learning_rate=3e-3, dropout=0.0)
    (record,) = train([config], documents, checkpoint)
    gold = gold_of(documents["test"], get_task("HoC"))
    assert record.scores["test"] == score("document_f1", gold, record.predictions["test"])
    everything = [",".join(get_task("HoC").labels)] * len(gold)
    assert record.scores["test"] > score("document_f1", gold, everything) + 0.1
    assert {label for labels in record.predictions["test"] for label in split_labels(labels)} <= set(
        get_task("HoC").labels
    )


def test_dev_joins_train_with_the_words_of_its_sentences(make_config, tagged, checkpoint):
    config = make_config(task="BC5-chem", epochs=2, train_on_dev=True)
    (record,) = train([config], tagged, checkpoint)
    assert record.stopped_at_step == 2 * 7  # 56 sentences in batches of 8
    joined = tagged["train"].joined(tagged["dev"])
    complete = [gold_of(part, get_task("BC5-chem")) for part in (tagged["train"], tagged["dev"], joined)]
    assert complete[2] == complete[0] + complete[1]
    last = len(joined) - 1
    np.testing.assert_array_equal(joined.word_starts_of(last), tagged["dev"].word_starts_of(len(tagged["dev"]) - 1))


def test_the_recorded_scores_are_those_of_the_recorded_predictions(make_config, similarity, checkpoint):
    (record,) = train([make_config()], similarity, checkpoint)
    for split in ("dev", "test"):
        assert record.scores[split] == score("pearson", list(similarity[split].targets), record.predictions[split])
    assert record.curve["dev_score"][-1] == record.scores["dev"]


def test_a_record_survives_json(make_config, similarity, checkpoint):
    (record,) = train([make_config()], similarity, checkpoint)
    reloaded = run_record_from_dict(json.loads(json.dumps(record.to_dict(), allow_nan=False)))
    assert reloaded.to_dict() == record.to_dict()


def test_members_of_different_length_are_recorded_in_the_order_asked(make_config, similarity, checkpoint):
    configs = [make_config(seed=seed, epochs=epochs) for seed, epochs in ((1, 4), (2, 1), (3, 2))]
    records = train(configs, similarity, checkpoint)
    assert [record.id for record in records] == [config.id for config in configs]
    assert [record.stopped_at_step for record in records] == [20, 5, 10]
    for config, record in zip(configs, records, strict=True):
        (alone,) = train([config], similarity, checkpoint)
        np.testing.assert_allclose(record.predictions["test"], alone.predictions["test"], rtol=1e-3, atol=1e-4)


def test_a_loss_that_is_not_finite_is_recorded_as_such(make_config, similarity, checkpoint):
    poisoned = random_checkpoint(checkpoint.architecture, seed=1)
    poisoned.weights["layers.0.up.bias"].fill_(float("inf"))
    (failed,) = train([make_config(seed=2)], similarity, poisoned)
    assert (failed.status, failed.scores) == ("diverged", {"dev": None, "test": None})
    assert failed.stopped_at_step == 1 and failed.predictions == failed.last_predictions == {}
    assert failed.final_loss is None and failed.constant_loss is None
    json.dumps(failed.to_dict(), allow_nan=False)


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(("poison", "at"), [(float("nan"), 3), (1e30, 3), (float("nan"), 19)])
def test_one_members_divergence_leaves_the_others_results_alone(
    make_config, similarity, checkpoint, monkeypatch, index, poison, at
):
    from blurbstudy.training.population import Population

    configs = [make_config(seed=seed) for seed in (1, 2, 3)]
    step = Population.step

    def poisoned(self):
        if len(self.members) == 3 and self.members[index].step == at:
            self.model.layers[0].up.bias.data[index] = poison
            self.model.embeddings.word_embeddings.data[index] = poison
        return step(self)

    monkeypatch.setattr(Population, "step", poisoned)
    records = train(configs, similarity, checkpoint)
    monkeypatch.undo()
    for other, record in enumerate(records):
        assert record.status == ("diverged" if other == index else "finished")
    assert records[index].stopped_at_step <= at + 2
    healthy = (index + 1) % 3
    (alone,) = train([configs[healthy]], similarity, checkpoint)
    np.testing.assert_allclose(records[healthy].predictions["test"], alone.predictions["test"], rtol=1e-3, atol=1e-4)


def test_a_member_that_diverges_in_its_last_update_spoils_no_test_score(
    make_config, similarity, checkpoint, monkeypatch
):
    from blurbstudy.training.population import Population

    step = Population.step

    def poisoned(self):
        losses = step(self)
        if self.members[0].step == self.members[0].total_steps:
            self.model.embeddings.word_embeddings.data[0] = float("nan")
        return losses

    monkeypatch.setattr(Population, "step", poisoned)
    records = train([make_config(seed=seed) for seed in (1, 2)], similarity, checkpoint)
    assert [record.status for record in records] == ["diverged", "finished"]
    assert records[0].scores == {"dev": None, "test": None}


def test_best_dev_scores_the_weights_of_the_best_evaluation(make_config, similarity, checkpoint):
    # Fast enough that the last evaluation is not the best of ten for some seed.
    fast = dict(checkpoint_selection="best_dev", epochs=10, n_evaluations=10, learning_rate=1e-2)
    configs = [make_config(seed=seed, **fast) for seed in (1, 2, 3)]
    records = train(configs, similarity, checkpoint)
    for record in records:
        best = int(np.argmax(record.curve["dev_score"]))
        assert record.selected_step == record.curve["step"][best]
        assert record.scores["dev"] == record.curve["dev_score"][best]
        assert record.scores["dev"] == score("pearson", list(similarity["dev"].targets), record.predictions["dev"])
    assert any(record.selected_step < record.stopped_at_step for record in records)


def test_joining_dev_to_train_leaves_no_dev_score(make_config, similarity, checkpoint):
    (record,) = train([make_config(train_on_dev=True)], similarity, checkpoint)
    assert record.scores["dev"] is None and set(record.predictions) == {"test"}
    assert record.stopped_at_step == 4 * 7  # 40 + 16 sequences in batches of 8
    assert record.curve["dev_score"] == [None] * 4


def test_progress_ends_at_the_total_also_where_a_member_fails(make_config, similarity, checkpoint):
    seen = []
    configs = [make_config(seed=1), make_config(seed=2, epochs=1)]
    train(configs, similarity, checkpoint, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (25, 25)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_record_is_handed_out_when_its_run_ends_not_when_the_last_does(make_config, similarity, checkpoint):
    seen = []
    configs = [make_config(seed=1), make_config(seed=2, epochs=1)]
    train(
        configs,
        similarity,
        checkpoint,
        on_record=lambda record: seen.append(record.id),
        on_progress=lambda done, total: seen.append(done),
    )
    # 10 steps of two members, of which the last ends the shorter run; then 15 of the longer one alone
    assert seen.index(configs[1].id) == 4 and seen[-2:] == [configs[0].id, 25]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"stabilizers": {"freeze": {"layers": 14}}}, "freeze=14 exceeds the encoder's 3 layers; use 0 to 3"),
        ({"max_length": 512}, "max_length=512 exceeds the encoder's 48 positions"),
        ({"stabilizers": {"mixout": {}}}, "unknown stabilizer 'mixout'"),
    ],
)
def test_a_recipe_that_does_not_fit_the_encoder_is_refused(make_config, similarity, checkpoint, recipe, message):
    with pytest.raises(ParameterError, match=message):
        train([make_config(**recipe)], similarity, checkpoint)


def test_runs_of_different_shape_are_refused_together(make_config, similarity, checkpoint):
    with pytest.raises(ParameterError, match="batch_size cannot share"):
        train([make_config(), make_config(seed=2, batch_size=4)], similarity, checkpoint)


def test_bfloat16_keeps_float32_weights_and_scores_alike(make_config, similarity, checkpoint):
    kinds = [make_config(precision=p, epochs=20, learning_rate=2e-3) for p in ("float32", "bfloat16")]
    full, half = (train([config], similarity, checkpoint)[0] for config in kinds)
    assert full.id != half.id
    assert half.status == "finished" and full.scores["dev"] > 0.8
    assert half.scores["dev"] == pytest.approx(full.scores["dev"], abs=0.1)
    # Rounded to bfloat16, predictions would repeat themselves.
    assert len(set(half.predictions["test"])) == len(full.predictions["test"])
