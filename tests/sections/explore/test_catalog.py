"""A store for browsing: runs that differ in their seed alone are one setting, and names tell settings apart."""

import dataclasses

import pytest

from blurbstudy.config import Recipe
from blurbstudy.sections.explore.catalog import (
    describe_techniques,
    encoder_names,
    group_names,
    read_store,
    store_answer,
    store_table,
)
from blurbstudy.stabilizers import Freeze, LayerwiseDecay, Reinitialize, RemoveLayers, stabilize
from blurbstudy.stats.status import RunStatus
from blurbstudy.store.run_store import RunStore

GOOD, BAD = [90, 92, 91, 93], [80, 85, 79, 84]


def test_runs_that_differ_in_their_seed_alone_are_one_setting(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    assert [list(group.runs) for group in catalog.groups] == [[1, 2, 3, 4]] * 2
    assert {group.name for group in catalog.groups} == {"No technique, rate 1e-05", "No technique, rate 2e-05"}
    assert catalog.tasks == ("BioASQ",) and catalog.encoders == ("BERT",)


def test_predictions_are_read_only_when_they_are_asked_for(make_catalog):
    (group,) = make_catalog({"Baseline": GOOD}).groups
    assert all(run.predictions == {} for run in group.runs.values())
    assert all(record.predictions["test"] for record in make_catalog({"Baseline": GOOD}).records(group))


def test_settings_are_filtered_by_task_encoder_and_words(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    assert len(catalog.filter(task="BioASQ", encoder="BERT")) == 2
    assert [group.name for group in catalog.filter(words="RATE 2e-05")] == ["No technique, rate 2e-05"]
    assert catalog.filter(task="GAD") == catalog.filter(words="nothing of the kind") == []


def test_runs_are_judged_by_their_training_loss_and_on_dev(make_catalog):
    (group,) = (catalog := make_catalog({"Baseline": [90, 30, None]})).groups
    statuses = [judgement.status for judgement in catalog.judgements(group).values()]
    assert statuses == [RunStatus.SHOWN, RunStatus.NOT_TRAINED, RunStatus.DIVERGED]
    assert catalog.n_collapsed(group) == 2


def test_a_torn_record_is_told_and_the_others_are_shown(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    run_id = catalog.store.ids()[0]
    catalog.store._record_path(run_id).write_text("{")
    again = read_store(catalog.store)
    assert sum(len(group.runs) for group in again.groups) == 3
    assert any(run_id in note for note in store_table(again).notes)
    assert store_answer(again).sentences[-1] == "Omitted, unreadable: 1 record."


def test_an_empty_store_is_a_sentence_with_a_remedy(tmp_path):
    catalog = read_store(RunStore(tmp_path), remedy="Fill it by: blurbstudy run.")
    said = "This run store has no runs yet. Fill it by: blurbstudy run."
    assert store_table(catalog).text == store_answer(catalog).sentences[0] == said


@pytest.mark.parametrize(
    ("techniques", "words"),
    [
        ([], "No technique"),
        ([Freeze(1)], "Layer freeze 1"),
        ([Freeze("embeddings")], "Layer freeze embeddings"),
        ([LayerwiseDecay(0.8)], "Layerwise decay 0.8"),
        ([LayerwiseDecay(0.8, "electra")], "Layerwise decay 0.8 as electra"),
        ([Reinitialize(1, pooler=False)], "Layer reinit 1 without pooler"),
        ([RemoveLayers(2), Freeze(1)], "Layer removal 2 + Layer freeze 1"),
    ],
)
def test_techniques_are_named_with_their_settings(techniques, words):
    assert describe_techniques(stabilize(Recipe(), *techniques)) == words


def test_names_say_what_differs_and_nothing_else():
    recipes = {"a": Recipe(epochs=5), "b": Recipe(epochs=1), "c": Recipe(epochs=5, bias_correction=False)}
    assert group_names(recipes) == {
        "a": "No technique, 5 epochs", "b": "No technique, 1 epoch", "c": "No technique, 5 epochs, no bias correction",
    }  # fmt: skip
    assert group_names({"a": Recipe(epochs=5)}) == {"a": "No technique"}


def test_no_two_settings_of_a_task_share_a_name():
    base = Recipe()
    other = {
        "epochs": 3,
        "learning_rate": 1e-3,
        "batch_size": 8,
        "warmup_ratio": 0.2,
        "dropout": 0.2,
        "weight_decay": 0.1,
        "adam_beta1": 0.8,
        "adam_beta2": 0.98,
        "adam_epsilon": 1e-8,
        "max_grad_norm": 0.0,
        "bias_correction": False,
        "max_length": 64,
        "tag_scheme": "io",
        "segment_ids": "single",
        "head": "gelu",
        "checkpoint_selection": "best_dev",
        "n_evaluations": 1,
        "train_on_dev": True,
        "center_scores": True,
        "stabilizers": {"freeze": {"layers": 1}},
        "class_weights": {"yes": 2.0},
        "focal_gamma": 2.0,
        "threshold": "dev",
        "early_stopping": 3,
    }
    assert set(other) == {field.name for field in dataclasses.fields(Recipe)}
    recipes = {"base": base} | {
        name: base.replace(
            **{name: value}, **({"checkpoint_selection": "best_dev"} if name == "early_stopping" else {})
        )
        for name, value in other.items()
    }
    assert len(set(group_names(recipes).values())) == len(recipes)


def test_encoders_of_one_name_are_told_apart(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    records = catalog.records(catalog.groups[0])
    config = records[1].config
    twin = dataclasses.replace(config, encoder_fingerprint="f" * 20)
    names = encoder_names([records[0], dataclasses.replace(records[1], config=twin)])
    assert names == {"e" * 20: "BERT (eeeeee)", "f" * 20: "BERT (ffffff)"}
