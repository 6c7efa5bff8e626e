"""A published encoder loads in transformers with the same outputs, and its card tells how it came about."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from blurbstudy.models import Encoder, load_checkpoint, pack, random_checkpoint, seed_for
from blurbstudy.pretraining import OBJECTIVES
from blurbstudy.pretraining.publishing import publish

TEXT = ("Zorvatinib binds qrx1.", "Zorvatinib blocks qrx2.")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_transformers_gives_our_outputs(pretrained_with, name):
    folder, _ = pretrained_with(name)
    inputs = AutoTokenizer.from_pretrained(folder)(*TEXT, return_tensors="pt")
    checkpoint = load_checkpoint(folder)
    encoder = Encoder(checkpoint.architecture)
    for own, parameter in encoder.named_weights().items():
        parameter.data[0].copy_(checkpoint.weights[own])
    ids, segments = (inputs[name][0].numpy() for name in ("input_ids", "token_type_ids"))
    with torch.no_grad():
        twin = AutoModel.from_pretrained(folder).eval()
        theirs = twin(**inputs)
        ours = encoder(pack([[(ids, segments)]], n_heads=checkpoint.architecture.n_heads))[0]
    assert type(twin).__name__ == ("ElectraModel" if name == "electra" else "BertModel")
    np.testing.assert_allclose(ours, theirs.last_hidden_state[0], atol=1e-5)
    if name != "bert":
        assert not any("pooler" in weight for weight in checkpoint.weights)
        return
    weight, bias = checkpoint.weights["pooler.dense.weight"], checkpoint.weights["pooler.dense.bias"]
    np.testing.assert_allclose(torch.tanh(ours[0] @ weight.T + bias), theirs.pooler_output[0], atol=1e-5)


def test_the_second_segment_row_of_single_sequences_is_published_as_it_was_drawn(pretrained_with):
    folder, done = pretrained_with("single-sequence")
    checkpoint = load_checkpoint(folder)
    start = random_checkpoint(checkpoint.architecture, seed=seed_for(done.seed, "pretraining", "encoder")).weights
    published, drawn = (weights["embeddings.segments"] for weights in (checkpoint.weights, start))
    assert torch.equal(published[1], drawn[1]) and not torch.equal(published[0], drawn[0])


def test_an_electra_checkpoint_holds_the_discriminator_alone(pretrained_with):
    folder, _ = pretrained_with("electra")
    names = load_file(folder / "model.safetensors")
    assert all(name.startswith(("embeddings.", "encoder.layer.")) for name in names)
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["ElectraModel"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_card_tells_the_objective_and_what_is_left_beside_it(pretrained_with, name):
    folder, done = pretrained_with(name)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert done.objective.title in card and done.objective.leaves in card


def test_the_pooler_was_trained(pretrained):
    folder, _ = pretrained
    assert load_checkpoint(folder).weights["pooler.dense.bias"].abs().max() > 0


def test_the_tokenizer_knows_the_longest_input(pretrained):
    folder, done = pretrained
    assert AutoTokenizer.from_pretrained(folder).model_max_length == done.config.max_positions


def test_the_card_tells_corpus_tokens_settings_curve_and_limits(pretrained):
    folder, done = pretrained
    card = (folder / "README.md").read_text(encoding="utf-8")
    for told in (
        "corpus.jsonl", done.corpus["fingerprint"], f"{done.curve[-1]['tokens']:,} tokens seen",
        "| learning_rate | 0.005 |", "| step | tokens | train loss |", "## Limits", "blurb", "next-sentence",
    ):  # fmt: skip
        assert told.lower() in card.lower(), told
    assert "{" not in card


def test_the_record_beside_it_holds_the_curve(pretrained):
    folder, done = pretrained
    record = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    assert record["curve"] == done.curve
    assert record["config"] == done.config.to_dict()
    assert record["objective"] == "bert" and record["seed"] == 1


def test_weights_of_a_publishing_that_was_killed_do_not_lie_beside_the_new_ones(pretrained, tmp_path):
    """It was divided otherwise: all of its weights are there, the record is not."""
    folder, done = pretrained
    made, tokenizer = load_checkpoint(folder), AutoTokenizer.from_pretrained(folder)
    given = (done, made.weights, made.architecture, tokenizer, tmp_path / "out")
    for shard_bytes in (25_000, 0, 40_000, 25_000):
        publish(*given, shard_bytes=shard_bytes)
        (tmp_path / "out" / "pretraining.json").unlink()
        found = sorted(file.name for file in (tmp_path / "out").glob("model*"))
        assert ("model.safetensors" in found) == (shard_bytes == 0) and (len(found) == 1) == (shard_bytes == 0)
        assert load_checkpoint(tmp_path / "out").fingerprint
