"""ELECTRA: generator and discriminator equal transformers', labels are right, gradients reach the right parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from blurbstudy.models.state_dict_names import to_hugging_face
from blurbstudy.pretraining import get_objective, pretraining_config
from blurbstudy.pretraining.objectives.electra import generator_architecture, replace_tokens, sample
from tests.pretraining.conftest import TINY, padded_batch, random_batch

CONFIG = pretraining_config(TINY | {"generator_size": 0.5})
ARCHITECTURE = CONFIG.architecture("electra", 90)
SMALL = generator_architecture(ARCHITECTURE, 0.5)
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.fixture
def model():
    model = get_objective("electra").build_model(ARCHITECTURE, CONFIG, 3)
    with torch.no_grad():  # with the initial weights all logits are near 0
        for parameter in model.parameters():
            parameter.mul_(4)
    return model


@pytest.fixture(scope="module")
def batch():
    return random_batch(ARCHITECTURE.n_heads, masked=range(1, 50, 3))


def loaded(reference, state):
    missing, unexpected = reference.load_state_dict(
        {name: tensor.detach().clone() for name, tensor in state.items()}, False
    )
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return reference.eval()


@pytest.fixture
def generator(model):
    """transformers' generator with the same weights, its embeddings the discriminator's."""
    layers = {
        name.replace("attention.qkv", "qkv").replace("attention.out.", "attention_out."): p[0]
        for name, p in model.generator.named_parameters()
        if not name.startswith("words.")
    }
    weights = {name: t for name, t in model.encoder_weights().items() if name.startswith("embeddings.")}
    weights |= {f"embeddings.{name}" if name.startswith("projection.") else name: t for name, t in layers.items()}
    head, words = "generator_predictions", model.generator.words
    state = {f"electra.{name}": t for name, t in to_hugging_face(weights, SMALL).items()} | {
        f"{head}.dense.weight": words.dense.weight[0],
        f"{head}.dense.bias": words.dense.bias[0],
        f"{head}.LayerNorm.weight": words.norm.weight[0],
        f"{head}.LayerNorm.bias": words.norm.bias[0],
        "generator_lm_head.weight": model.encoder.embeddings.word_embeddings[0],
        "generator_lm_head.bias": words.bias[0],
    }
    return loaded(ElectraForMaskedLM(ElectraConfig(**SMALL.to_config(), **NO_DROPOUT)), state)


@pytest.fixture
def discriminator(model):
    """transformers' discriminator with the same weights."""
    head, detector = "discriminator_predictions", model.detector
    state = {f"electra.{n}": t for n, t in to_hugging_face(model.encoder_weights(), ARCHITECTURE).items()} | {
        f"{head}.dense.weight": detector.dense.weight[0],
        f"{head}.dense.bias": detector.dense.bias[0],
        f"{head}.dense_prediction.weight": detector.out.weight[0],
        f"{head}.dense_prediction.bias": detector.out.bias[0],
    }
    return loaded(ElectraForPreTraining(ElectraConfig(**ARCHITECTURE.to_config(), **NO_DROPOUT)), state)


def test_the_generator_is_narrower_equally_deep_and_shares_the_embeddings(model):
    assert (SMALL.width, SMALL.n_heads, SMALL.intermediate, SMALL.n_layers) == (16, 1, 32, 2)
    assert SMALL.embedding_width == ARCHITECTURE.width
    full = generator_architecture(ARCHITECTURE, 1.0)
    assert (full.width, full.n_heads) == (ARCHITECTURE.width, ARCHITECTURE.n_heads)
    tables = [name for name, _ in model.named_parameters() if name.endswith("_embeddings")]
    assert tables == [
        "encoder.embeddings.word_embeddings",
        "encoder.embeddings.position_embeddings",
        "encoder.embeddings.token_type_embeddings",
    ]


def test_generator_logits_and_loss_equal_those_of_transformers(model, batch, generator):
    inputs = padded_batch(batch)
    theirs = generator(**inputs)
    ours = model.generator(model.encoder.embeddings, batch, dropout=None)
    torch.testing.assert_close(ours, theirs.logits[inputs["labels"] != -100], rtol=1e-4, atol=1e-4)
    loss = model(batch)["word_loss"] / len(batch.labels)
    torch.testing.assert_close(loss, theirs.loss, rtol=1e-4, atol=1e-4)


def test_discriminator_loss_equals_that_of_transformers(model, batch, discriminator):
    with torch.no_grad():
        logits = model.generator(model.encoder.embeddings, batch, dropout=None)
    filled, replaced = replace_tokens(batch, sample(logits.log_softmax(-1), batch.sampling_noise))
    assert int(replaced.sum()) > 0
    inputs = padded_batch(replace(batch, packing=replace(batch.packing, ids=filled)))
    labels = padded_batch(replace(batch, packing=replace(batch.packing, ids=replaced.long()[None])))["input_ids"]
    theirs = discriminator(**inputs | {"labels": labels})
    sums = model(batch)
    torch.testing.assert_close(sums["discriminator_loss"] / batch.packing.counts[0], theirs.loss, rtol=1e-4, atol=1e-5)
    real = inputs["attention_mask"] == 1
    predicted = theirs.logits[real] > 0
    assert int(sums["discriminator_right"]) == int((predicted == (labels[real] == 1)).sum())
    assert int(sums["replaced_found"]) == int((predicted & (labels[real] == 1)).sum())
    assert int(sums["replaced"]) == int(labels.sum())


def test_the_loss_is_the_generator_loss_plus_50_times_the_discriminator_loss(model, batch):
    sums = model(batch)
    words = sums["word_loss"] / len(batch.labels)
    tokens = sums["discriminator_loss"] / batch.packing.counts[0]
    torch.testing.assert_close(model.loss(sums, batch.counts), words + 50 * tokens)


def test_a_sample_equal_to_the_original_counts_as_original(batch):
    samples = batch.labels.clone()
    samples[::2] = (samples[::2] + 1) % 90
    filled, replaced = replace_tokens(batch, samples)
    assert replaced[batch.masked_rows].tolist() == [i % 2 == 0 for i in range(len(samples))]
    assert int(replaced.sum()) == -(-len(samples) // 2)  # and no other token
    rest = np.setdiff1d(np.arange(batch.packing.counts[0]), batch.masked_rows.numpy())
    assert torch.equal(filled[0, rest], batch.packing.ids[0, rest])
    assert torch.equal(filled[0, batch.masked_rows], samples)


def test_a_perfect_generator_replaces_nothing(model, batch, monkeypatch):
    sure = torch.full((len(batch.labels), 90), -50.0).scatter_(1, batch.labels[:, None], 50.0)
    monkeypatch.setattr(model.generator, "forward", lambda *_, **__: sure)
    sums = model(batch)
    assert int(sums["replaced"]) == 0 and int(sums["words_right"]) == len(batch.labels)


def test_samples_follow_the_softmax():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 1.5, 40).astype(np.float32))
    logits[7] = -torch.inf  # never sampled
    n = 40_000
    log_probabilities = logits.log_softmax(-1)
    samples = sample(log_probabilities.expand(n, -1), torch.from_numpy(rng.random(n, dtype=np.float32)))
    counts, p = np.bincount(samples, minlength=40), log_probabilities.exp().numpy()
    assert (np.abs(counts - n * p) <= 4.5 * np.sqrt(n * p * (1 - p))).all()
    assert counts[7] == 0
    ends = sample(log_probabilities.expand(2, -1), torch.tensor([0.0, np.nextafter(np.float32(1), np.float32(0))]))
    assert ends.tolist() == [0, 39]


def test_the_same_batch_gets_the_same_replacements(model, batch):
    first, second = model(batch), model(batch)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_discriminator_loss_has_no_gradient_in_the_generator(model, batch):
    model(batch)["discriminator_loss"].backward()
    assert all(parameter.grad is None for parameter in model.generator.parameters())
    assert all(parameter.grad is not None for parameter in model.encoder.parameters())


def test_generator_loss_has_a_gradient_only_in_generator_and_embeddings(model, batch):
    model(batch)["word_loss"].backward()
    assert all(parameter.grad is not None for parameter in model.generator.parameters())
    shared = {id(parameter) for parameter in model.encoder.embeddings.parameters()}
    for name, parameter in (*model.encoder.named_parameters(), *model.detector.named_parameters()):
        assert (parameter.grad is not None) == (id(parameter) in shared), name


def test_shared_embeddings_get_both_gradients(model, batch):
    gradients = {}
    for name, weights in {"words": (1, 0), "tokens": (0, 50), "both": (1, 50)}.items():
        model.zero_grad()
        sums = model(batch)
        loss = weights[0] * sums["word_loss"] / len(batch.labels)
        (loss + weights[1] * sums["discriminator_loss"] / batch.packing.counts[0]).backward()
        gradients[name] = model.encoder.embeddings.word_embeddings.grad.clone()
    assert gradients["words"].abs().max() > 0 and gradients["tokens"].abs().max() > 0
    torch.testing.assert_close(gradients["both"], gradients["words"] + gradients["tokens"], rtol=1e-3, atol=1e-4)


def test_the_discriminator_learns_which_tokens_were_replaced(model, batch):
    """A discriminator without skill has at best the entropy of the replaced fraction as its loss."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.div_(4)  # back to the initial weights
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(150):
        optimizer.zero_grad()
        (model(batch)["discriminator_loss"] / batch.packing.tokens).backward()
        optimizer.step()
    with torch.no_grad():
        sums = {name: float(value) for name, value in model(batch).items()}
    fraction = sums["replaced"] / batch.packing.tokens
    entropy = -fraction * np.log(fraction) - (1 - fraction) * np.log(1 - fraction)
    assert 0.2 < fraction < 0.5
    assert sums["replaced_found"] > 0.9 * sums["replaced"]
    assert sums["discriminator_loss"] / batch.packing.tokens < 0.5 * entropy


def test_neither_generator_nor_heads_are_exported(model):
    names = set(model.encoder_weights())
    assert not any(name.startswith(("generator", "detector", "pooler")) for name in names)
    assert {name for name in names if name.startswith("layers.1.")}
