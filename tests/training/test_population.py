"""A run does not depend on which runs it is trained beside."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from blurbstudy.config import Recipe
from blurbstudy.models import Checkpoint, export_checkpoint
from blurbstudy.models.architecture import auto_architecture
from blurbstudy.models.auto.encoder import from_transformers
from blurbstudy.stabilizers import inactive_fields
from blurbstudy.tasks import get_task
from blurbstudy.training.population import Population, population_key

CPU = torch.device("cpu")


def make_population(configs, features, checkpoint) -> Population:
    rows = np.unique(np.concatenate([split.ids for split in features.values()]))
    train = features["train"].with_ids(np.searchsorted(rows, features["train"].ids))
    task = get_task(configs[0].task)
    return Population(configs, train=train, rows=rows, task=task, checkpoint=checkpoint, device=CPU)


def different_runs(make_config, task="BIOSSES"):
    """Eight runs that differ in everything a member may have of its own."""
    stabilizers = [
        {},
        {"freeze": {"layers": 1}},
        {"layerwise_decay": {"factor": 0.8}},
        {"reinitialize": {"layers": 1}},
        {},
        {"freeze": {"layers": "embeddings"}},
        {"layerwise_decay": {"factor": 0.9, "convention": "electra"}},
        {},
    ]
    return [
        make_config(
            task=task,
            seed=seed,
            stabilizers=item,
            learning_rate=(1 + seed) * 2e-4,
            epochs=4 + seed % 3,
            bias_correction=bool(seed % 2),
            weight_decay=0.01 * (seed % 4),
            max_grad_norm=(0.0, 1.0, 0.3)[seed % 3],
        )
        for seed, item in enumerate(stabilizers)
    ]


def by_depth(population: Population, index: int) -> list[torch.Tensor]:
    """One member's parameters, flat, by depth; key biases left out, whose true gradient is 0."""
    depths: dict[int, list] = {}
    width = population.model.architecture.width
    for parameter in population.model.depth_parameters():
        value = parameter.tensor.data[index].clone()
        if parameter.name.endswith("qkv.bias"):
            value[width : 2 * width] = 0
        depths.setdefault(parameter.depth, []).append(value.flatten())
    return [torch.cat(depths[depth]) for depth in sorted(depths)]


@pytest.mark.parametrize(
    "task, kind, encoder",
    [
        ("BIOSSES", "similarity", "checkpoint"),
        ("BC5-chem", "tagged", "checkpoint"),
        ("HoC", "documents", "checkpoint"),
        ("BIOSSES", "similarity", "roberta"),
        ("BIOSSES", "similarity", "modernbert"),
        ("BC5-chem", "tagged", "deberta"),
    ],
)
def test_eight_different_runs_together_equal_each_alone_with_dropout_on(make_config, request, task, kind, encoder):
    features, checkpoint = request.getfixturevalue(kind), request.getfixturevalue(encoder)
    configs = different_runs(make_config, task)
    together = make_population(configs, features, checkpoint)
    start = [by_depth(together, index) for index in range(8)]
    joint, after_five = [], []
    for step in range(20):
        joint.append(together.step())
        if step == 4:
            after_five = [by_depth(together, index) for index in range(8)]
    for index, config in enumerate(configs):
        alone = make_population([config], features, checkpoint)
        losses = []
        for step in range(20):
            losses.append(alone.step()[0])
            if step == 4:
                for before, mine, beside in zip(start[index], by_depth(alone, 0), after_five[index], strict=True):
                    moved = (mine - before).norm()
                    assert (mine - beside).norm() <= 0.01 * moved
        item = np.array(joint)[:, index]
        np.testing.assert_allclose(item[:5], losses[:5], rtol=1e-5)
        np.testing.assert_allclose(item, losses, rtol=1e-4)


def test_an_encoder_of_one_segment_takes_pairs_as_if_their_ids_were_single(make_config, similarity, roberta):
    single = {name: replace(split, segments=np.zeros_like(split.segments)) for name, split in similarity.items()}
    assert similarity["train"].segments.any()
    first, second = (
        [population.step() for _ in range(3)]
        for population in (
            make_population([make_config(seed=s) for s in (1, 2)], item, roberta) for item in (similarity, single)
        )
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("task", "kind"), [("BIOSSES", "similarity"), ("BC5-chem", "tagged"), ("HoC", "documents")])
def test_transformers_own_bert_is_trained_as_our_encoder_is(make_config, request, tmp_path, checkpoint, task, kind):
    features = request.getfixturevalue(kind)
    folder = export_checkpoint(checkpoint.weights, checkpoint.architecture, folder=tmp_path)
    theirs = auto_architecture(checkpoint.architecture.to_config(), "here")
    weights, missing = from_transformers(load_file(folder / "model.safetensors"), theirs)
    assert missing == []
    slow = Checkpoint(theirs, weights, "twin", folder)
    configs = [
        replace(config, recipe=config.recipe.replace(dropout=0.0)) for config in different_runs(make_config, task)
    ]
    ours, other = (make_population(configs, features, start) for start in (checkpoint, slow))
    for _ in range(10):
        np.testing.assert_allclose(ours.step(), other.step(), rtol=1e-4)
    mine, reference = (p.full_word_embeddings(3, c) for p, c in ((ours, checkpoint), (other, slow)))
    torch.testing.assert_close(mine, reference, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("encoder", ["modernbert", "deberta"])
def test_frozen_depths_of_other_encoders_stand_still_and_the_rest_moves(make_config, similarity, request, encoder):
    checkpoint = request.getfixturevalue(encoder)
    population = make_population([make_config(stabilizers={"freeze": {"layers": 2}})], similarity, checkpoint)
    start = by_depth(population, 0)
    for _ in range(3):
        population.step()
    moved = [not torch.equal(now, before) for now, before in zip(by_depth(population, 0), start, strict=True)]
    assert moved == [False, False, False, True, True]


@pytest.mark.parametrize("encoder", ["modernbert", "deberta"])
def test_layerwise_decay_scales_the_first_step_of_other_encoders(make_config, similarity, request, encoder):
    checkpoint = request.getfixturevalue(encoder)
    recipe = dict(dropout=0.0, weight_decay=0.0, warmup_ratio=0.0)
    configs = [make_config(stabilizers=item, **recipe) for item in ({}, {"layerwise_decay": {"factor": 0.5}})]
    population = make_population(configs, similarity, checkpoint)
    start = by_depth(population, 0)
    population.step()
    steps = [[now - before for now, before in zip(by_depth(population, p), start, strict=True)] for p in (0, 1)]
    for depth, (plain, decayed) in enumerate(zip(*steps, strict=True)):
        torch.testing.assert_close(decayed, plain * 0.5 ** (4 - depth), rtol=1e-2, atol=1e-7)


def test_another_seed_gives_another_run(make_config, similarity, checkpoint):
    population = make_population([make_config(seed=1), make_config(seed=2)], similarity, checkpoint)
    losses = np.array([population.step() for _ in range(5)])
    assert (np.abs(losses[:, 0] - losses[:, 1]) > 1e-3 * losses[:, 0]).all()


def test_a_frozen_member_is_clipped_by_the_norm_of_what_it_trains(make_config, similarity, checkpoint):
    frozen = make_config(
        seed=3, stabilizers={"freeze": {"layers": 2}}, max_grad_norm=0.05, dropout=0.0, warmup_ratio=0.0
    )
    free = make_config(seed=4, max_grad_norm=0.05, dropout=0.0, warmup_ratio=0.0)
    beside = make_population([free, frozen], similarity, checkpoint)
    # torch's own way: requires_grad=False below, clip_grad_norm_ over the rest
    alone = make_population([frozen], similarity, checkpoint)
    model = alone.model
    trained = [p.tensor for p in model.depth_parameters() if p.depth > 2]
    assert [p.tensor.requires_grad for p in model.depth_parameters()] == [p.depth > 2 for p in model.depth_parameters()]
    packing, targets = alone._next_batches()
    loss = (model(packing).squeeze(-1) - targets).square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 0.05)
    # Adam's first step hides the gradient's size (m / sqrt(v) is its sign), so compare the means of gradients.
    expected = [0.1 * parameter.grad[0].clone() for parameter in trained]
    beside.step()
    means = [m[1] for p, m in zip(beside.optimizer.parameters, beside.optimizer.exp_avg, strict=True) if p.depth > 2]
    for actual, target in zip(means, expected, strict=True):
        torch.testing.assert_close(actual, target, rtol=1e-4, atol=1e-7)


def test_unused_embedding_rows_follow_weight_decay_alone(make_config, similarity, checkpoint):
    config = make_config(
        weight_decay=0.5, learning_rate=5e-3, dropout=0.0, stabilizers={"layerwise_decay": {"factor": 0.9}}
    )
    few = make_population([config], similarity, checkpoint)
    every = np.arange(checkpoint.architecture.vocab_size)
    task = get_task(config.task)
    full = Population([config], train=similarity["train"], rows=every, task=task, checkpoint=checkpoint, device=CPU)
    for _ in range(6):
        few.step()
        full.step()
    words = few.full_word_embeddings(0, checkpoint)
    torch.testing.assert_close(words, full.model.embeddings.word_embeddings.data[0], rtol=1e-4, atol=1e-6)
    unused = np.setdiff1d(every, few.model.rows.numpy())
    assert len(unused) > 5
    assert (words[unused] - checkpoint.weights["embeddings.word_embeddings"][unused]).norm() > 1e-3


def test_a_snapshot_brings_weights_and_unused_rows_back(make_config, similarity, checkpoint):
    config = make_config(weight_decay=0.5, learning_rate=5e-3)
    population = make_population([config], similarity, checkpoint)
    for _ in range(3):
        population.step()
    words, saved = population.full_word_embeddings(0, checkpoint), population.snapshot(0)
    for _ in range(3):
        population.step()
    assert not torch.equal(population.full_word_embeddings(0, checkpoint), words)
    population.restore(0, saved)
    assert torch.equal(population.full_word_embeddings(0, checkpoint), words)


def test_members_go_on_unchanged_when_others_leave(make_config, similarity, checkpoint):
    configs = [make_config(seed=seed) for seed in (1, 2, 3)]
    complete, cut = (make_population(configs, similarity, checkpoint) for _ in range(2))
    for _ in range(3):
        complete.step()
        cut.step()
    cut.keep([0, 2])
    for _ in range(3):
        expected, actual = complete.step(), cut.step()
    np.testing.assert_allclose(actual, expected[[0, 2]], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({"learning_rate": 5e-4}, True),
        ({"epochs": 2}, True),
        ({"bias_correction": False}, True),
        ({"stabilizers": {"layerwise_decay": {"factor": 0.9}}}, True),
        ({"max_grad_norm": 0.0}, True),
        ({"batch_size": 4}, False),
        ({"dropout": 0.0}, False),
        ({"segment_ids": "single"}, False),
        ({"stabilizers": {"remove_layers": {"layers": 1}}}, False),
        ({"stabilizers": {"freeze": {"layers": 1}}}, False),
    ],
)
def test_runs_share_a_population_where_their_shapes_agree(make_config, change, together):
    assert (population_key(make_config()) == population_key(make_config(**change))) is together


def test_a_head_for_sets_of_labels_begins_at_the_labels_base_rates(make_config, documents, checkpoint):
    configs = [make_config(task="HoC", seed=seed, dropout=0.0) for seed in (1, 2)]
    population = make_population(configs, documents, checkpoint)
    rates = documents["train"].targets.mean(0)
    packing, _ = population._next_batches()
    with torch.no_grad():
        initial = population.model(packing).sigmoid().mean((0, 1))
    np.testing.assert_allclose(initial, rates, atol=0.06)  # the fresh head's weights add a little
    np.testing.assert_allclose(population.model.head.bias.data.sigmoid(), np.stack([rates, rates]), atol=1e-6)


def test_a_label_that_train_lacks_begins_rare_not_impossible(make_config, documents, checkpoint):
    targets = documents["train"].targets.copy()
    targets[:, 3], targets[:, 4] = 0, 1
    features = documents | {"train": replace(documents["train"], targets=targets)}
    population = make_population([make_config(task="HoC")], features, checkpoint)
    begins = population.model.head.bias.data[0].sigmoid()
    n = len(targets)
    assert begins[3] == pytest.approx(0.5 / n) and begins[4] == pytest.approx(1 - 0.5 / n)


def test_centered_scores_start_at_the_mean_score_of_train(make_config, similarity, checkpoint):
    plain, centered = (make_config(seed=1, center_scores=on) for on in (False, True))
    both = make_population([plain, centered], similarity, checkpoint)
    mean = float(similarity["train"].targets.mean())
    assert both.model.head.bias.flatten().tolist() == pytest.approx([0.0, mean])
    assert population_key(plain) == population_key(centered) and plain.id != centered.id
    far, near = both.step()
    assert near < 0.5 * far  # the first loss: about the variance of the scores, not their mean square


def test_only_scores_of_pairs_in_one_sequence_can_be_centered():
    recipe = Recipe(center_scores=True)
    assert "center_scores" not in inactive_fields(recipe, get_task("BIOSSES"), n_segments=2)
    assert "center_scores" in inactive_fields(recipe, get_task("GAD"), n_segments=2)
    assert "center_scores" in inactive_fields(recipe.replace(head="cosine"), get_task("BIOSSES"), n_segments=2)
