"""The cosine head in the trainer: Sentence-BERT's loss and steps by hand, members and company, techniques."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import pearson
from blurbstudy.models import export_checkpoint
from blurbstudy.stabilizers import depth_plan
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features
from blurbstudy.training.decoding import gold_of
from blurbstudy.training.population import Population
from blurbstudy.training.trainer import train_population

BIOSSES = get_task("BIOSSES")
SIZES = {"train": 40, "dev": 16, "test": 20}


def make_pairs(n: int, seed: int) -> Features:
    """Two texts of 4 to 14 tokens; the more of them are of one half of the few words in both, the higher the score."""
    rng = np.random.default_rng(seed)
    texts, seconds, scores = [], [], []
    for _ in range(n):
        shares = rng.random(2)
        lengths = rng.integers(4, 15, 2)
        pair = [
            [2, *(rng.integers(5, 9, k) + 40 * (rng.random(k) < share)), 3]
            for share, k in zip(shares, lengths, strict=True)
        ]
        texts.append(np.concatenate(pair))
        seconds.append(len(pair[1]))
        scores.append(4 * (1 - abs(shares[0] - shares[1])))
    return Features(
        ids=np.concatenate(texts).astype(np.int32),
        segments=np.zeros(sum(map(len, texts)), np.uint8),
        offsets=np.cumsum([0, *map(len, texts)]),
        targets=np.array(scores, np.float32),
        second_lengths=np.array(seconds, np.int64),
    )


@pytest.fixture(scope="module")
def pairs():
    return {split: make_pairs(n, index) for index, (split, n) in enumerate(SIZES.items())}


def train(configs, pairs, checkpoint):
    return train_population(configs, features=pairs, task=BIOSSES, checkpoint=checkpoint, device="cpu")


def test_five_steps_are_those_of_a_plain_loop_over_automodel(make_config, pairs, checkpoint, tmp_path):
    config = make_config(head="cosine", dropout=0.0, learning_rate=2e-3, epochs=2)
    folder = export_checkpoint(checkpoint.weights, checkpoint.architecture, folder=tmp_path / "encoder")
    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    bare = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    others = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    groups = [{"params": others, "weight_decay": 0.01}, {"params": bare, "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, eps=1e-6)
    rows = np.arange(checkpoint.architecture.vocab_size)
    ours = Population([config], train=pairs["train"], rows=rows, task=BIOSSES, checkpoint=checkpoint, device=CPU)
    train_split = pairs["train"]
    for _ in range(5):
        batch, rate = ours._indices_of(ours.members[0]), ours.members[0].learning_rate()
        losses = []
        for i in batch:
            means = [
                model(torch.from_numpy(ids[None].astype(np.int64))).last_hidden_state.mean(1)
                for ids, _ in train_split.texts(i)
            ]
            losses.append((torch.cosine_similarity(*means) - float(train_split.targets[i]) / 4).square())
        loss = torch.cat(losses).mean()
        theirs.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in theirs.param_groups:
            group["lr"] = rate
        theirs.step()
        (actual,) = ours.step()
        assert actual == pytest.approx(loss.item(), rel=1e-4)
    moved = (model.embeddings.word_embeddings.weight - checkpoint.weights["embeddings.word_embeddings"]).norm()
    distance = (model.embeddings.word_embeddings.weight - ours.model.embeddings.word_embeddings[0]).norm()
    assert moved > 0.05 and distance / moved < 0.01


CPU = torch.device("cpu")


def test_it_learns_and_predicts_on_the_scale_of_the_labels(make_config, pairs, checkpoint):
    (record,) = train([make_config(head="cosine", epochs=20, learning_rate=2e-3)], pairs, checkpoint)
    assert record.scores["dev"] > 0.6
    assert record.curve["train_loss"][-1] < 0.5 * record.curve["train_loss"][0]
    predicted, gold = record.predictions["test"], gold_of(pairs["test"], BIOSSES)
    assert record.scores["test"] == pearson(gold, predicted)
    assert np.abs(np.array(predicted) - gold).mean() < 0.8 and max(predicted) <= 4


def test_a_member_does_not_depend_on_its_company_whatever_technique_that_has(make_config, pairs, checkpoint):
    techniques = [
        {},
        {"freeze": {"layers": 1}},
        {"layerwise_decay": {"factor": 0.8}},
        {"reinitialize": {"layers": 1, "pooler": True}},
    ]
    configs = [
        make_config(seed, head="cosine", epochs=2, stabilizers=item) for seed, item in enumerate(techniques, start=1)
    ]
    together = train(configs, pairs, checkpoint)
    for config, record in zip(configs, together, strict=True):
        (alone,) = train([config], pairs, checkpoint)
        np.testing.assert_allclose(record.predictions["test"], alone.predictions["test"], atol=2e-3)
    assert len({record.scores["test"] for record in together}) == len(techniques)


def test_frozen_depths_stand_still_and_nothing_left_to_train_is_refused(make_config, pairs, checkpoint):
    config = make_config(head="cosine", stabilizers={"freeze": {"layers": 2}})
    rows = np.arange(checkpoint.architecture.vocab_size)
    population = Population([config], train=pairs["train"], rows=rows, task=BIOSSES, checkpoint=checkpoint, device=CPU)
    before = population.snapshot(0).weights
    population.step(), population.step()
    after = population.snapshot(0).weights
    names = [name for name, _ in population.model.named_parameters()]
    moved = {name for name, a, b in zip(names, before, after, strict=True) if not torch.equal(a, b)}
    assert moved == {name for name in names if name.startswith("encoder.layers.2.")}
    with pytest.raises(ParameterError, match="nothing to train, since a cosine head has no weights; freeze at most 2"):
        depth_plan(config.recipe.replace(stabilizers={"freeze": {"layers": 3}}), 3)


def test_layers_are_removed_and_dev_joins_train_as_for_other_heads(make_config, pairs, checkpoint):
    config = make_config(head="cosine", train_on_dev=True, epochs=1, stabilizers={"remove_layers": {"layers": 1}})
    (record,) = train([config], pairs, checkpoint)
    assert record.stopped_at_step == 7 and len(record.predictions["test"]) == 20
    joined = pairs["train"].joined(pairs["dev"])
    for mine, theirs in zip(joined.texts(41), pairs["dev"].texts(1), strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])


def test_the_order_of_a_pair_makes_no_difference(make_config, pairs, checkpoint):
    turned = {name: turn(split) for name, split in pairs.items()}
    config = make_config(head="cosine", epochs=1, dropout=0.0)
    (first,), (other,) = train([config], pairs, checkpoint), train([config], turned, checkpoint)
    np.testing.assert_allclose(first.predictions["test"], other.predictions["test"], atol=1e-4)


def turn(split: Features) -> Features:
    texts = [split.texts(i)[::-1] for i in range(len(split))]
    ids = np.concatenate([ids for pair in texts for ids, _ in pair])
    return replace(split, ids=ids, second_lengths=split.lengths - split.second_lengths)
