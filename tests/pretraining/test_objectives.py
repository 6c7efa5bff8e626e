"""BERT's objective: its loss is that of BertForPreTraining in transformers, computed only where words are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForPreTraining

from blurbstudy.errors import ParameterError
from blurbstudy.models import pack
from blurbstudy.models.naming import to_hugging_face
from blurbstudy.pretraining import OBJECTIVES, get_objective, pretraining_config
from blurbstudy.pretraining.objectives import Batch

from .conftest import TINY

ARCHITECTURE = pretraining_config(TINY).architecture("bert", 90)
LENGTHS = (17, 30, 9)


@pytest.fixture(scope="module")
def model():
    return get_objective("bert").model(ARCHITECTURE, seed=3)


@pytest.fixture(scope="module")
def batch() -> Batch:
    rng = np.random.default_rng(0)
    sequences = [(rng.integers(5, 90, n), (np.arange(n) > n // 2).astype(np.int64)) for n in LENGTHS]
    packing = pack([sequences], n_heads=ARCHITECTURE.n_heads)
    positions = torch.tensor([1, 5, 20, 33, 40])
    return Batch(packing, positions, torch.from_numpy(rng.integers(5, 90, 5)), torch.tensor([1, 0, 1]))


@pytest.fixture(scope="module")
def twin(model):
    """transformers' model with the same weights; its next-sentence head says 0 for a true next."""
    sizes = ARCHITECTURE.to_config()
    twin = BertForPreTraining(BertConfig(**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    state = {f"bert.{name}": t for name, t in to_hugging_face(model.encoder_weights(), ARCHITECTURE).items()}
    head = "cls.predictions.transform"
    state |= {
        f"{head}.dense.weight": model.words.dense.weight[0], f"{head}.dense.bias": model.words.dense.bias[0],
        f"{head}.LayerNorm.weight": model.words.norm.weight[0], f"{head}.LayerNorm.bias": model.words.norm.bias[0],
        "cls.predictions.bias": model.words.bias[0], "cls.predictions.decoder.bias": model.words.bias[0],
        "cls.predictions.decoder.weight": model.encoder.embeddings.words[0],
        "cls.seq_relationship.weight": model.next_sentence.weight[0].flip(0),
        "cls.seq_relationship.bias": model.next_sentence.bias[0].flip(0),
    }  # fmt: skip
    missing, unexpected = twin.load_state_dict({name: tensor.detach().clone() for name, tensor in state.items()}, False)
    assert not unexpected and all("position_ids" in name for name in missing)
    return twin.eval()


def padded(batch: Batch) -> dict[str, torch.Tensor]:
    """The batch as transformers takes it; rows in the packing's order."""
    lengths = sorted(LENGTHS, reverse=True)
    out = {name: torch.zeros(3, 30, dtype=torch.int64) for name in ("input_ids", "token_type_ids", "attention_mask")}
    labels, start = torch.full((3, 30), -100), 0
    answers = dict(zip(batch.positions.tolist(), batch.answers.tolist(), strict=True))
    for row, n in enumerate(lengths):
        out["input_ids"][row, :n] = batch.packing.ids[0, start : start + n]
        out["token_type_ids"][row, :n] = batch.packing.segments[0, start : start + n]
        out["attention_mask"][row, :n] = 1
        for place in range(n):
            labels[row, place] = answers.get(start + place, -100)
        start += n
    return out | {"labels": labels, "next_sentence_label": 1 - batch.is_next}


def test_loss_and_gradient_are_those_of_transformers(model, batch, twin):
    loss = model.loss(model(batch), batch)
    loss.backward()
    theirs = twin(**padded(batch)).loss
    theirs.backward()
    assert torch.allclose(loss, theirs, rtol=1e-5)
    # The word table has two uses, as input and as output: its gradient is the sum of both.
    table = twin.bert.embeddings.word_embeddings.weight.grad
    ours = model.encoder.embeddings.words.grad[0]
    assert torch.allclose(ours[1:], table[1:], atol=1e-6)  # transformers keeps row 0, [PAD], without gradient as input
    assert torch.allclose(model.pooler.dense.weight.grad[0], twin.bert.pooler.dense.weight.grad, atol=1e-6)


def test_right_answers_are_counted(model, batch, twin):
    found = model(batch)
    theirs = twin(**padded(batch))
    labels = padded(batch)["labels"]
    asked = labels != -100
    assert int(found["words_right"]) == int((theirs.prediction_logits.argmax(-1)[asked] == labels[asked]).sum())
    assert int(found["next_right"]) == int((theirs.seq_relationship_logits.argmax(-1) == 1 - batch.is_next).sum())


def test_a_batch_that_asks_for_no_word_has_a_finite_loss(model, batch):
    none = torch.zeros(0, dtype=torch.int64)
    quiet = Batch(batch.packing, none, none, batch.is_next)
    assert torch.isfinite(model.loss(model(quiet), quiet))


def test_biases_and_normalizations_do_not_decay(model):
    decaying = {id(p.tensor) for p in model.parameters_by_depth() if p.decays}
    for name, parameter in model.named_parameters():
        assert (id(parameter) in decaying) == (not name.endswith("bias") and "norm" not in name), name


def test_an_unknown_objective_is_refused_with_those_known():
    with pytest.raises(ParameterError, match="objective='gpt' is unknown; use bert"):
        get_objective("gpt")
    assert all(name == objective.name for name, objective in OBJECTIVES.items())
