"""Mentions of several types, and runs without a test set."""

import dataclasses

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import score
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features
from blurbstudy.tasks.task import head_indices, head_labels
from blurbstudy.training.decoding import decode, gold_of
from blurbstudy.training.trainer import train_population

TYPED = dataclasses.replace(get_task("BC5-chem"), labels=("O", "B-X", "I-X", "B-Y", "I-Y"))
BEGINS, INSIDE = {"X": 1, "Y": 3}, {"X": 2, "Y": 4}


def typed_split(n, seed):
    """Sentences of 3 to 9 words of one sub-word, which tells the tag; mentions of one type never touch."""
    rng = np.random.default_rng(seed)
    ids, indices, targets, offsets, examples = [], [], [], [0], [0]
    for _ in range(n):
        ids.append(2)
        left, before = int(rng.integers(3, 10)), None
        while left:
            kind = rng.choice([item for item in ("X", "Y", None) if item != before or item is None])
            length = min(left, int(rng.integers(1, 3)))
            for i in range(length):
                tag = 0 if kind is None else INSIDE[kind] if i else BEGINS[kind]
                indices.append(len(ids))
                targets.append(tag)
                ids.append(10 + 10 * tag + int(rng.integers(0, 5)))
            left, before = left - length, kind
        ids.append(3)
        offsets.append(len(ids))
        examples.append(len(targets))
    return Features(
        ids=np.array(ids, np.int32),
        segments=np.zeros(len(ids), np.uint8),
        offsets=np.array(offsets),
        targets=np.array(targets),
        word_starts=np.array(indices),
        examples=np.array(examples),
    )


@pytest.fixture(scope="module")
def typed():
    return {split: typed_split(n, seed) for seed, (split, n) in enumerate({"train": 60, "dev": 16, "test": 20}.items())}


def test_io_has_one_output_a_type():
    assert head_labels(TYPED, "io") == ("O", "I-X", "I-Y") and head_indices(TYPED, "io") == (0, 1, 1, 2, 2)
    assert head_labels(TYPED, "bio") == TYPED.labels and head_indices(TYPED, "bio") == (0, 1, 2, 3, 4)
    assert head_indices(get_task("BC5-chem"), "io") == (0, 1, 1)


def test_io_outputs_are_written_as_bio_by_type(typed):
    chosen = [[0, 1, 1, 2, 1], [1, 1, 0], [2]]
    words = [index for item in chosen for index in item]
    features = dataclasses.replace(typed["dev"], examples=np.array([0, 5, 8, 9]))
    outputs = np.eye(3, dtype=np.float32)[words]
    assert decode(outputs, features, TYPED, tag_scheme="io") == ["O B-X I-X B-Y B-X", "B-X I-X O", "B-Y"]


@pytest.mark.parametrize("tag_scheme", ["bio", "io"])
def test_types_are_learned_by_both_taggings(make_config, typed, checkpoint, tag_scheme):
    config = make_config(task="BC5-chem", epochs=20, learning_rate=2e-3, tag_scheme=tag_scheme)
    (record,) = train_population([config], features=typed, task=TYPED, checkpoint=checkpoint, device="cpu")
    gold = gold_of(typed["test"], TYPED)
    assert record.scores["test"] == score("entity_f1", gold, record.predictions["test"]) > 0.95
    assert {tag for tags in record.predictions["test"] for tag in tags.split()} == set(TYPED.labels)


@pytest.mark.parametrize("select", ["last", "best_dev"])
def test_without_a_test_set_a_run_is_the_same_and_scored_on_dev_alone(make_config, typed, checkpoint, select):
    config = make_config(task="BC5-chem", checkpoint_selection=select, learning_rate=2e-3)
    arguments = {"task": TYPED, "checkpoint": checkpoint, "device": "cpu"}
    # The same sequences twice: a test set of others would add rows to the embeddings that have training state.
    features = typed | {"test": typed["dev"]}
    (full,) = train_population([config], features=features, **arguments)
    (record,) = train_population([config], features={s: features[s] for s in ("train", "dev")}, **arguments)
    assert record.status == "finished" and record.selected_step == full.selected_step
    assert record.scores == {"dev": full.scores["dev"], "test": None}
    assert record.predictions == {"dev": full.predictions["dev"]} and record.curve == full.curve


def test_without_a_test_set_a_loss_that_is_not_finite_is_a_failure_too(make_config, typed, checkpoint):
    config = make_config(task="BC5-chem", learning_rate=1.0, max_grad_norm=0.0, warmup_ratio=0.0, epochs=30)
    features = {"train": typed["train"], "dev": typed["dev"]}
    broken = dataclasses.replace(checkpoint, weights={n: w * 1e30 for n, w in checkpoint.weights.items()})
    (record,) = train_population([config], features=features, task=TYPED, checkpoint=broken, device="cpu")
    assert (record.status, record.scores, record.predictions) == ("diverged", {"dev": None, "test": None}, {})


def test_dev_cannot_join_train_where_nothing_would_be_left_to_score(make_config, typed, checkpoint):
    features = {"train": typed["train"], "dev": typed["dev"]}
    with pytest.raises(ParameterError, match="train_on_dev leaves nothing to score without a test set"):
        config = make_config(task="BC5-chem", train_on_dev=True)
        train_population([config], features=features, task=TYPED, checkpoint=checkpoint, device="cpu")
