"""The four objectives: losses equal transformers', counts and sequences are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

from blurbstudy.errors import ParameterError
from blurbstudy.models import random_checkpoint, seed_for
from blurbstudy.models.state_dict_names import to_hugging_face
from blurbstudy.pretraining import OBJECTIVES, get_objective, pretraining_config
from blurbstudy.pretraining.corpus.corpus import TokenizedCorpus
from blurbstudy.pretraining.objectives.base import METRICS, mean_metrics
from blurbstudy.training.optimizer import MemberHyperparameters, PopulationAdamW
from tests.pretraining.conftest import TINY, padded_batch, random_batch

CONFIG = pretraining_config(TINY)
ARCHITECTURE = CONFIG.architecture("bert", 90)


def untrained(name: str, seed: int = 3):
    objective = get_objective(name)
    return objective.build_model(CONFIG.architecture(objective.family, 90), CONFIG, seed)


def reference_model(model, kind):
    """transformers' model with the same weights; its next-sentence head has label 0 for a true next."""
    config = BertConfig(**ARCHITECTURE.to_config(), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    reference = kind(config)
    state = {f"bert.{name}": t for name, t in to_hugging_face(model.encoder_weights(), ARCHITECTURE).items()}
    head = "cls.predictions.transform"
    state |= {
        f"{head}.dense.weight": model.words.dense.weight[0],
        f"{head}.dense.bias": model.words.dense.bias[0],
        f"{head}.LayerNorm.weight": model.words.norm.weight[0],
        f"{head}.LayerNorm.bias": model.words.norm.bias[0],
        "cls.predictions.bias": model.words.bias[0],
        "cls.predictions.decoder.bias": model.words.bias[0],
        "cls.predictions.decoder.weight": model.encoder.embeddings.word_embeddings[0],
    }
    if model.next_sentence is not None:
        state["cls.seq_relationship.weight"] = model.next_sentence.weight[0].flip(0)
        state["cls.seq_relationship.bias"] = model.next_sentence.bias[0].flip(0)
    missing, unexpected = reference.load_state_dict(
        {name: tensor.detach().clone() for name, tensor in state.items()}, False
    )
    assert not unexpected and all("position_ids" in name for name in missing)
    return reference.eval()


@pytest.fixture(scope="module")
def model():
    return untrained("bert")


@pytest.fixture(scope="module")
def batch():
    return random_batch(ARCHITECTURE.n_heads)


def test_bert_loss_and_gradient_equal_those_of_transformers(batch):
    model = untrained("bert")
    reference = reference_model(model, BertForPreTraining)
    loss = model.loss(model(batch), batch.counts)
    loss.backward()
    theirs = reference(**padded_batch(batch), next_sentence_label=1 - batch.is_next).loss
    theirs.backward()
    assert torch.allclose(loss, theirs, rtol=1e-5)
    # The word table has two uses, as input and as output: its gradient is the sum of both.
    table = reference.bert.embeddings.word_embeddings.weight.grad
    ours = model.encoder.embeddings.word_embeddings.grad[0]
    assert torch.allclose(ours[1:], table[1:], atol=1e-6)  # transformers keeps row 0, [PAD], without gradient as input
    assert torch.allclose(model.pooler.dense.weight.grad[0], reference.bert.pooler.dense.weight.grad, atol=1e-6)


@pytest.mark.parametrize(("name", "segments"), [("no-nsp", 2), ("single-sequence", 1)])
def test_mlm_loss_equals_that_of_transformers(name, segments):
    batch = random_batch(ARCHITECTURE.n_heads, segments=segments)
    model = untrained(name)
    theirs = reference_model(model, BertForMaskedLM)(**padded_batch(batch)).loss
    assert torch.allclose(model.loss(model(batch), batch.counts), theirs, rtol=1e-5)


def test_correct_predictions_are_counted(model, batch):
    sums = model(batch)
    theirs = reference_model(model, BertForPreTraining)(**padded_batch(batch))
    labels = padded_batch(batch)["labels"]
    masked = labels != -100
    assert int(sums["words_right"]) == int((theirs.prediction_logits.argmax(-1)[masked] == labels[masked]).sum())
    assert int(sums["next_right"]) == int((theirs.seq_relationship_logits.argmax(-1) == 1 - batch.is_next).sum())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_batch_without_masked_tokens_has_a_finite_loss(name):
    batch = random_batch(ARCHITECTURE.n_heads, masked=(), segments=1)
    model = untrained(name)
    assert torch.isfinite(model.loss(model(batch), batch.counts))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_of_micro_batches_add_up(name):
    """Gradient accumulation and several processes rely on this."""
    segments = 1 if name == "single-sequence" else 2
    parts = [random_batch(ARCHITECTURE.n_heads, seed=seed, segments=segments) for seed in (1, 2)]
    model = untrained(name)
    sums = [model(part) for part in parts]
    counts = {key: sum(part.counts[key] for part in parts) for key in parts[0].counts}
    together = model.loss({key: sums[0][key] + sums[1][key] for key in sums[0]}, counts)
    assert torch.allclose(sum(model.loss(part, counts) for part in sums), together, rtol=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_all_objectives_share_word_loss_and_accuracy(name):
    model, batch = untrained(name), random_batch(ARCHITECTURE.n_heads, segments=1)
    metrics = mean_metrics({key: float(value.detach()) for key, value in model(batch).items()} | batch.counts)
    assert list(metrics)[:2] == ["word_loss", "word_accuracy"]
    assert set(metrics) <= set(METRICS) and set(model.losses) <= set(metrics)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_biases_and_normalizations_do_not_decay(name):
    model = untrained(name)
    decaying = {id(p.tensor) for p in model.parameters_by_depth() if p.decays}
    for key, parameter in model.named_parameters():
        assert (id(parameter) in decaying) == (not key.endswith("bias") and "norm" not in key), key


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_parameter_is_optimized_once_and_moves(name):
    model = untrained(name)
    named = list(model.parameters_by_depth())
    assert sorted(id(p.tensor) for p in named) == sorted(id(p) for p in model.parameters())
    batch = random_batch(ARCHITECTURE.n_heads, segments=1 if name == "single-sequence" else 2)
    model.loss(model(batch), batch.counts).backward()
    assert [p.name for p in named if p.tensor.grad is None] == []


@pytest.mark.parametrize("name", ["single-sequence", "electra"])
def test_with_one_segment_the_second_embedding_keeps_its_initial_value(name):
    """After steps with strong weight decay, which would shrink it."""
    config = pretraining_config(TINY | {"electra_segments": 1, "weight_decay": 1.0})
    objective = get_objective(name)
    architecture = config.architecture(objective.family, 90)
    model = objective.build_model(architecture, config, 3)
    settings = MemberHyperparameters(
        lr_scales=(1.0,), weight_decay=config.weight_decay, max_grad_norm=1.0, bias_correction=True
    )
    optimizer = PopulationAdamW(list(model.parameters_by_depth()), [settings], beta1=0.9, beta2=0.98, eps=1e-6)
    for step in (1, 2, 3):
        batch = random_batch(ARCHITECTURE.n_heads, seed=step, segments=1)
        model.loss(model(batch), batch.counts).backward()
        optimizer.step([0.05], [step])
    initial = random_checkpoint(architecture, seed=seed_for(3, "pretraining", "encoder")).weights[
        "embeddings.token_type_embeddings"
    ]
    segments = model.encoder_weights()["embeddings.token_type_embeddings"]
    assert segments.shape == initial.shape == (2, TINY["width"])
    assert torch.equal(segments[1], initial[1])
    assert not torch.allclose(segments[0], initial[0], atol=1e-3)


def test_all_objectives_begin_with_the_same_encoder():
    starts = [untrained(name).encoder_weights() for name in OBJECTIVES]
    for name in starts[-1]:
        assert all(torch.equal(start[name], starts[0][name]) for start in starts), name


@pytest.mark.parametrize(
    ("name", "segments", "random"),
    [("bert", 2, True), ("no-nsp", 2, False), ("single-sequence", 1, False), ("electra", 2, False)],
)
def test_objectives_make_the_sequences_of_their_names(name, segments, random):
    rng = np.random.default_rng(5)
    counts = rng.integers(2, 13, size=100)
    sentences = np.concatenate([[0], np.cumsum(rng.integers(3, 12, size=counts.sum()))])
    corpus = TokenizedCorpus(np.arange(sentences[-1], dtype=np.int32), sentences, np.append(0, np.cumsum(counts)))
    sequences = get_objective(name).make_sequences(corpus, np.random.default_rng(1), CONFIG)
    assert len(sequences) > 50
    assert ((sequences.ranges[:, 3] > sequences.ranges[:, 2]) == (segments == 2)).all()
    assert bool((sequences.is_next == 0).any()) == random


def test_electra_can_use_single_sequences():
    config = pretraining_config(TINY | {"electra_segments": 1})
    corpus = TokenizedCorpus(np.arange(40, dtype=np.int32), np.arange(0, 41, 5), np.array([0, 4, 8]))
    sequences = get_objective("electra").make_sequences(corpus, np.random.default_rng(1), config)
    assert len(sequences) and (sequences.ranges[:, 2] == sequences.ranges[:, 3]).all()


def test_an_unknown_objective_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ParameterError, match="'gpt' is unknown; use bert, no-nsp, single-sequence or electra"):
        get_objective("gpt")
    assert all(name == objective.name for name, objective in OBJECTIVES.items())
