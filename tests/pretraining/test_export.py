"""An exported encoder loads in transformers with the same outputs and has a model card."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from blurbstudy.models import Encoder, load_checkpoint, pack, random_checkpoint, seed_for
from blurbstudy.pretraining import OBJECTIVES, TrainingOptions, get_objective, pretrain, pretrainer, pretraining_config
from blurbstudy.pretraining.export import model_card, publish

from .conftest import TINY

TEXT = ("Zorvatinib binds qrx1.", "Zorvatinib blocks qrx2.")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_transformers_gives_the_same_outputs(pretrained_with, name):
    folder, _ = pretrained_with(name)
    inputs = AutoTokenizer.from_pretrained(folder)(*TEXT, return_tensors="pt")
    checkpoint = load_checkpoint(folder)
    encoder = Encoder(checkpoint.architecture)
    for weight_name, parameter in encoder.named_weights().items():
        parameter.data[0].copy_(checkpoint.weights[weight_name])
    ids, segments = (inputs[name][0].numpy() for name in ("input_ids", "token_type_ids"))
    with torch.no_grad():
        reference = AutoModel.from_pretrained(folder).eval()
        theirs = reference(**inputs)
        ours = encoder(pack([[(ids, segments)]], n_heads=checkpoint.architecture.n_heads))[0]
    assert type(reference).__name__ == ("ElectraModel" if name == "electra" else "BertModel")
    np.testing.assert_allclose(ours, theirs.last_hidden_state[0], atol=1e-5)
    if name != "bert":
        assert not any("pooler" in weight for weight in checkpoint.weights)
        return
    weight, bias = checkpoint.weights["pooler.dense.weight"], checkpoint.weights["pooler.dense.bias"]
    np.testing.assert_allclose(torch.tanh(ours[0] @ weight.T + bias), theirs.pooler_output[0], atol=1e-5)


def test_single_sequences_export_the_initial_embedding_of_segment_1(pretrained_with):
    folder, done = pretrained_with("single-sequence")
    checkpoint = load_checkpoint(folder)
    start = random_checkpoint(checkpoint.architecture, seed=seed_for(done.seed, "pretraining", "encoder")).weights
    exported, initial = (weights["embeddings.token_type_embeddings"] for weights in (checkpoint.weights, start))
    assert torch.equal(exported[1], initial[1]) and not torch.equal(exported[0], initial[0])


def test_an_electra_checkpoint_has_only_the_discriminator(pretrained_with):
    folder, _ = pretrained_with("electra")
    names = load_file(folder / "model.safetensors")
    assert all(name.startswith(("embeddings.", "encoder.layer.")) for name in names)
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["ElectraModel"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_card_describes_the_objective(pretrained_with, name):
    folder, done = pretrained_with(name)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert done.objective.title in card and done.objective.notes in card


def test_the_pooler_was_trained(pretrained):
    folder, _ = pretrained
    assert load_checkpoint(folder).weights["pooler.dense.bias"].abs().max() > 0


def test_the_tokenizer_has_the_maximum_length(pretrained):
    folder, done = pretrained
    assert AutoTokenizer.from_pretrained(folder).model_max_length == done.config.max_positions


def test_the_card_has_corpus_tokens_settings_curve_and_limitations(pretrained):
    folder, done = pretrained
    card = (folder / "README.md").read_text(encoding="utf-8")
    for text in (
        "corpus.jsonl",
        done.corpus["fingerprint"],
        f"{done.curve[-1]['tokens']:,} tokens",
        "| learning_rate | 0.005 |",
        "| step | tokens | train loss |",
        "## Limitations",
        "blurb",
        "next-sentence",
    ):
        assert text.lower() in card.lower(), text
    assert "{" not in card


def settings_in(card: str) -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in card.split("| setting |")[1].splitlines() if line.count("|") == 3]
    return {row[0]: row[1] for row in rows[1:]}


def test_the_card_has_the_effective_settings_and_the_actual_vocabulary_size(pretrained_with, pretrained):
    folder, done = pretrained
    bert = settings_in((folder / "README.md").read_text(encoding="utf-8"))
    entries = load_checkpoint(folder).architecture.vocab_size
    assert entries < done.config.vocab_size and bert["vocab_size"] == str(entries)
    assert "batch_size" in bert and not {"batch_tokens", "generator_size", "electra_segments"} & set(bert)
    electra = settings_in((pretrained_with("electra")[0] / "README.md").read_text(encoding="utf-8"))
    assert {"generator_size", "discriminator_weight", "electra_segments"} <= set(electra)
    budget = replace(done, config=replace(done.config, batch_tokens=400))
    budget_settings = settings_in(model_card(budget, load_checkpoint(folder).architecture))
    assert budget_settings["batch_tokens"] == "400" and "batch_size" not in budget_settings


def test_exporting_removes_partial_folders(pretrained, tmp_path):
    folder, done = pretrained
    (tmp_path / ".unfinished-killed").mkdir()
    (tmp_path / ".unfinished-killed" / "model.safetensors").write_bytes(b"half")
    checkpoint = load_checkpoint(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    publish(done, checkpoint.weights, checkpoint.architecture, tokenizer, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system does not show the names of open files")
def test_files_are_flushed_before_the_checkpoints_are_deleted(tiny_corpus, tmp_path, monkeypatch):
    config, flushed, fsync = pretraining_config(TINY | {"steps": 2}), [], os.fsync

    def synced(handle):
        flushed.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def delete(out):
        assert {"model.safetensors", "config.json", "README.md", "pretraining.json", "out"} <= set(flushed)
        flushed.append("deleted")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(pretrainer, "delete_checkpoints", delete)
    pretrain(
        get_objective("bert"),
        config,
        corpus=tiny_corpus / "corpus.jsonl",
        out=tmp_path / "out",
        options=TrainingOptions(device="cpu"),
    )
    assert flushed[-1] == "deleted"


def test_a_vocabulary_whose_padding_is_not_first_is_exported_with_its_id(tiny_corpus, tmp_path):
    entries = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]", *"abcdefghijklmnopqrstuvwxyz0123456789."]
    entries += [f"##{entry}" for entry in entries[5:]]
    (tmp_path / "vocab.txt").write_text("\n".join(entries) + "\n")
    config = pretraining_config(TINY | {"steps": 2})
    pretrain(
        get_objective("bert"),
        config,
        corpus=tiny_corpus / "corpus.jsonl",
        out=tmp_path / "out",
        vocabulary=tmp_path / "vocab.txt",
        options=TrainingOptions(device="cpu"),
    )
    assert AutoModel.from_pretrained(tmp_path / "out").config.pad_token_id == 4
    assert AutoTokenizer.from_pretrained(tmp_path / "out").pad_token_id == 4


def test_the_record_has_the_curve_and_settings(pretrained):
    folder, done = pretrained
    record = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    assert record["curve"] == done.curve
    assert record["config"] == done.config.to_dict()
    assert record["objective"] == "bert" and record["seed"] == 1


def test_exporting_deletes_weights_left_by_a_killed_process(pretrained, tmp_path):
    """The killed export had another shard size: its weights are there, its record is not."""
    folder, done = pretrained
    checkpoint, tokenizer = load_checkpoint(folder), AutoTokenizer.from_pretrained(folder)
    args = (done, checkpoint.weights, checkpoint.architecture, tokenizer, tmp_path / "out")
    for shard_bytes in (25_000, 0, 40_000, 25_000):
        publish(*args, shard_bytes=shard_bytes)
        (tmp_path / "out" / "pretraining.json").unlink()
        names = sorted(file.name for file in (tmp_path / "out").glob("model*"))
        assert ("model.safetensors" in names) == (shard_bytes == 0) and (len(names) == 1) == (shard_bytes == 0)
        assert load_checkpoint(tmp_path / "out").fingerprint
