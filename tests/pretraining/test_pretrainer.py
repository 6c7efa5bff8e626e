"""Pretraining: the loss falls on text never trained on, the same seed gives the same weights, the curve is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from blurbstudy.errors import DataError, StudyError
from blurbstudy.pretraining import get_objective, pretrain, pretraining_config

from .conftest import TINY

BERT = get_objective("bert")


def again(corpus, out, **changes):
    settings = TINY | changes
    seed = settings.pop("seed", 1)
    config = pretraining_config(settings)
    return pretrain(BERT, config, corpus=corpus / "corpus.jsonl", out=out, seed=seed, device="cpu")


def test_loss_falls_on_the_held_out_part(pretrained):
    _, done = pretrained
    untrained = math.log(TINY["vocab_size"])
    losses = [point["word_loss"] for point in done.curve]
    assert losses[-1] < losses[0] < untrained
    assert losses[-1] < 0.6 * untrained


def test_the_curve_ends_at_the_last_step_and_counts_tokens(pretrained):
    _, done = pretrained
    assert [point["step"] for point in done.curve] == [20, 40, 60]
    tokens = [point["tokens"] for point in done.curve]
    assert tokens == sorted(tokens)
    assert tokens[-1] <= 60 * TINY["batch_size"] * TINY["max_length"]


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tiny_corpus, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        again(tiny_corpus, tmp_path / name, steps=5, seed=seed, dropout=0.1)
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != c[name]).any() for name in a)


def test_progress_is_told_at_every_step(tiny_corpus, tmp_path):
    told = []
    config = pretraining_config(TINY | {"steps": 4})
    pretrain(
        BERT, config, corpus=tiny_corpus / "corpus.jsonl", out=tmp_path, device="cpu",
        on_progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_loss_that_is_not_finite_ends_with_the_remedy(tiny_corpus, tmp_path, monkeypatch):
    loss = BERT.model(pretraining_config(TINY).architecture("bert", 100), seed=0).__class__.loss
    monkeypatch.setattr(
        "blurbstudy.pretraining.objectives.MaskedLanguageModel.loss",
        lambda self, found, batch: loss(self, found, batch) * math.nan,
    )
    with pytest.raises(StudyError, match="loss is not finite by step 20; learning_rate=0.005 may be too high"):
        again(tiny_corpus, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_without_next_sentences_no_pooler_is_published(tiny_corpus, tmp_path):
    """A place for objectives to come: the flags of an objective decide."""
    objective = replace(BERT, name="other", random_next=0.0, next_sentence=False)
    config = pretraining_config(TINY | {"steps": 3, "evaluations": 1})
    done = pretrain(objective, config, corpus=tiny_corpus / "corpus.jsonl", out=tmp_path, device="cpu")
    assert set(done.curve[-1]) == {"step", "tokens", "train_loss", "word_loss", "word_accuracy"}
    assert not any(name.startswith("pooler") for name in load_file(tmp_path / "model.safetensors"))


def test_documents_of_one_sentence_give_no_pairs(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"sentences": ["Only one sentence here."]}\n' * 8)
    with pytest.raises(DataError, match="no document of two sentences"):
        again(tmp_path, tmp_path / "out", vocab_size=60)
