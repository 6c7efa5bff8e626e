"""Pretraining: the loss falls on held-out text, seeds are reproducible, the curve is complete."""

from __future__ import annotations

import itertools
import math

import pytest
from safetensors.torch import load_file

from blurbstudy.errors import DataError, StudyError
from blurbstudy.pretraining import OBJECTIVES, Callbacks, TrainingOptions, get_objective, pretrain, pretraining_config
from blurbstudy.pretraining.objectives.base import PretrainingModel

from .conftest import TINY

COMMON_METRICS = {"step", "tokens", "train_loss", "word_loss", "word_accuracy"}
MORE_METRICS = {
    "bert": {"next_loss", "next_accuracy"},
    "electra": {"discriminator_loss", "discriminator_accuracy", "replaced_share", "replaced_found"},
}


def run(corpus, out, *, objective="bert", **changes):
    settings = TINY | changes
    seed = settings.pop("seed", 1)
    config = pretraining_config(settings, objective)
    return pretrain(
        get_objective(objective),
        config,
        corpus=corpus / "corpus.jsonl",
        out=out,
        seed=seed,
        options=TrainingOptions(device="cpu"),
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_falls_on_the_held_out_part(pretrained_with, name):
    _, done = pretrained_with(name)
    untrained = math.log(TINY["vocab_size"])
    losses = [point["word_loss"] for point in done.curve]
    assert losses[-1] < losses[0] < untrained
    assert losses[-1] < 0.7 * untrained
    assert done.curve[-1]["train_loss"] < done.curve[0]["train_loss"]


@pytest.fixture(scope="module")
def some_of_mini_blurb(mini_data, tmp_path_factory):
    """A folder with the first 300 documents of mini-BLURB's corpus."""
    folder = tmp_path_factory.mktemp("mini")
    with (mini_data / "corpus.jsonl").open(encoding="utf-8") as lines:
        (folder / "corpus.jsonl").write_text("".join(itertools.islice(lines, 300)), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_falls_on_text_of_mini_blurb(some_of_mini_blurb, tmp_path, name):
    done = run(some_of_mini_blurb, tmp_path, objective=name, vocab_size=400, batch_tokens=300)
    losses = [point["word_loss"] for point in done.curve]
    assert losses[-1] < losses[0] < math.log(400)
    assert set(done.curve[-1]) == COMMON_METRICS | MORE_METRICS.get(name, set())
    assert 0.95 < done.curve[-1]["tokens"] / (60 * 300) < 1.05
    if name == "electra":
        assert 0.05 < done.curve[-1]["replaced_share"] < 0.2
        assert done.curve[-1]["discriminator_loss"] <= done.curve[0]["discriminator_loss"] < math.log(2)


def test_the_curve_ends_at_the_last_step_and_counts_tokens(pretrained):
    _, done = pretrained
    assert [point["step"] for point in done.curve] == [20, 40, 60]
    tokens = [point["tokens"] for point in done.curve]
    assert tokens == sorted(tokens)
    assert tokens[-1] <= 60 * TINY["batch_size"] * TINY["max_length"]


@pytest.mark.parametrize("objective", ["bert", "electra"])
def test_the_same_seed_gives_the_same_weights_and_another_does_not(tiny_corpus, tmp_path, objective):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tiny_corpus, tmp_path / name, objective=objective, steps=5, seed=seed, dropout=0.1)
    a, b, c = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != c[name]).any() for name in a)


def test_progress_is_reported_at_every_step(tiny_corpus, tmp_path):
    calls = []
    config = pretraining_config(TINY | {"steps": 4})
    pretrain(
        get_objective("bert"),
        config,
        corpus=tiny_corpus / "corpus.jsonl",
        out=tmp_path,
        options=TrainingOptions(device="cpu"),
        callbacks=Callbacks(on_step=lambda done, total, tokens: calls.append((done, total, tokens > 0))),
    )
    assert calls == [(step, 4, True) for step in (1, 2, 3, 4)]


def test_a_diverged_loss_is_an_error(tiny_corpus, tmp_path, monkeypatch):
    loss = PretrainingModel.loss
    monkeypatch.setattr(PretrainingModel, "loss", lambda self, sums, counts: loss(self, sums, counts) * math.nan)
    with pytest.raises(StudyError, match="loss diverged at step 1 .*; use a learning_rate below 0.005"):
        run(tiny_corpus, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_documents_of_one_sentence_suffice_only_for_single_sequences(tmp_path):
    lines = [f'{{"sentences": ["Only one sentence here, of {word}."]}}\n' for word in "abcdefghijkl"]
    (tmp_path / "corpus.jsonl").write_text("".join(lines))
    changes = {"vocab_size": 80, "steps": 2, "n_evaluations": 1}
    with pytest.raises(DataError, match="no document of two sentences"):
        run(tmp_path, tmp_path / "out", **changes)
    assert run(tmp_path, tmp_path / "out", objective="single-sequence", **changes).curve[-1]["tokens"] > 0
