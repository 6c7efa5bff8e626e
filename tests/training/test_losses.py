"""A run's final loss and the loss of the best constant: by hand, by minimization, in company and alone."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import torch
import torch.nn.functional as F

from blurbstudy.tasks import CustomForm, get_task
from blurbstudy.training.evaluation import pack_features
from blurbstudy.training.losses import constant_loss, evenly_spaced, member_losses
from blurbstudy.training.trainer import PopulationTraining, train_population

from .conftest import make_features
from .test_cosine import make_pairs

CPU = torch.device("cpu")
BIOSSES = get_task("BIOSSES")
DISTANT = replace(BIOSSES, bounds=(0.0, 100.0), custom=CustomForm(center=50.0, scale=25.0))
KINDS = [
    ("BIOSSES", "similarity", {}),
    ("BioASQ", "question", {}),
    ("HoC", "documents", {}),
    ("BC5-chem", "tagged", {}),
    ("BC5-chem", "tagged", {"tag_scheme": "io"}),
    ("BIOSSES", "pairs", {"head": "cosine"}),
    ("BIOSSES", "similarity", {"train_on_dev": True}),
    ("BC5-chem", "tagged", {"train_on_dev": True}),
]


@pytest.fixture(scope="session")
def pairs():
    return {split: make_pairs(n, index) for index, (split, n) in enumerate({"train": 24, "dev": 8, "test": 8}.items())}


def train(configs, features, checkpoint, task=None):
    task = task or get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device="cpu")


def make_training(configs, features, checkpoint) -> PopulationTraining:
    task = get_task(configs[0].task)
    return PopulationTraining(configs, features=features, task=task, checkpoint=checkpoint, device=CPU)


def expected_losses(training: PopulationTraining, features, recipe) -> tuple[float, float]:
    """(final loss, loss of the best constant), from one sequence at a time and the targets as the files have them."""
    rows = np.unique(np.concatenate([split.ids for split in features.values()]))
    splits = [features["train"], features["dev"]] if recipe.train_on_dev else [features["train"]]
    losses, targets, output = [], [], training.task.output
    for split in splits:
        split = split.with_ids(np.searchsorted(rows, split.ids))
        for i in range(len(split)):
            batch = pack_features(split, [[i]], n_heads=training.population.model.architecture.n_heads)
            target = torch.from_numpy(split.targets[split.targets_of(i)])
            if recipe.tag_scheme == "io":
                target = target.clamp(max=1)  # O, B, I
            elif recipe.head == "cosine":
                target = target / 4
            with torch.no_grad():
                outputs = training.population.model(batch)[0, : len(target)].double()
            if output == "score":
                losses.append((outputs[:, 0] - target.double()).square())
            elif output == "multi_label":
                losses.append(F.binary_cross_entropy_with_logits(outputs, target.double())[None])
            else:
                losses.append(-outputs.log_softmax(-1)[torch.arange(len(target)), target])
            targets.append(target)
    constants = torch.cat(targets).double().numpy()
    if output == "score":
        best = np.mean((constants - constants.mean()) ** 2)
    else:
        binary = constants.T if output == "multi_label" else constants[None]
        shares = [np.unique(column, return_counts=True)[1] / len(column) for column in binary]
        best = np.mean([-np.sum(share * np.log(share)) for share in shares])
    return float(torch.cat(losses).mean()), float(best)


@pytest.mark.parametrize(("task", "kind", "recipe"), KINDS)
def test_losses_are_those_of_one_sequence_at_a_time(make_config, request, checkpoint, task, kind, recipe):
    features = request.getfixturevalue(kind)
    configs = [make_config(seed=seed, task=task, epochs=1, **recipe) for seed in (1, 2)]
    training = make_training(configs, features, checkpoint)
    records = training.run()
    training.population.keep([1])  # the expected losses are of one member
    final, constant = expected_losses(training, features, configs[0].recipe)
    assert records[1].final_loss == pytest.approx(final, rel=1e-5) and records[0].final_loss != records[1].final_loss
    assert records[0].constant_loss == records[1].constant_loss == pytest.approx(constant, rel=1e-6)


@pytest.mark.parametrize(
    "targets",
    [
        np.array([0] * 9 + [1] * 3 + [2] * 4),
        np.array([0.5, 1.5, 1.75, 4.0, -3.0], np.float32),
        (np.random.default_rng(1).random((30, 4)) < [0.1, 0.3, 0.5, 0.9]).astype(np.float32),
    ],
    ids=["labels", "scores", "sets of labels"],
)
def test_no_constant_output_has_a_smaller_loss(targets):
    expected = torch.from_numpy(targets)[None]
    n_outputs = (
        1 if targets.dtype == np.float32 and targets.ndim == 1 else targets.shape[-1] if targets.ndim == 2 else 3
    )

    def loss(constant):
        outputs = torch.from_numpy(constant.astype(np.float32)).expand(1, len(targets), n_outputs)
        return float(member_losses(outputs, expected, torch.ones(1, len(targets), dtype=torch.bool)))

    found = scipy.optimize.minimize(loss, np.zeros(n_outputs), method="Nelder-Mead", options={"maxiter": 4000})
    assert constant_loss(targets) == pytest.approx(found.fun, rel=1e-4)
    assert constant_loss(targets) <= found.fun * (1 + 1e-6)


def test_the_best_constant_is_perfect_where_all_targets_agree():
    assert constant_loss(np.array([1, 1, 1])) == constant_loss(np.full(4, 2.5, np.float32)) == 0.0
    assert constant_loss(np.tile(np.float32([0, 1]), (5, 1))) == 0.0


@pytest.mark.parametrize(("task", "kind"), [("BIOSSES", "similarity"), ("BioASQ", "question"), ("HoC", "documents")])
def test_a_model_that_outputs_the_best_constant_has_ratio_one(make_config, request, checkpoint, task, kind):
    features = request.getfixturevalue(kind)
    population = make_training([make_config(task=task)], features, checkpoint).population
    targets = features["train"].targets
    if task == "BioASQ":
        bias = np.log(np.bincount(targets) / len(targets))
    else:  # a mean, or the logits of the labels' shares
        bias = targets.mean(0) if task == "BIOSSES" else np.log(targets.mean(0) / (1 - targets.mean(0)))
    population.model.head.weight.data.zero_()
    population.model.head.bias.data[0] = torch.from_numpy(np.float32(np.atleast_1d(bias)))
    assert population.final_losses([0])[0] / population.members[0].constant_loss == pytest.approx(1, abs=1e-5)


def test_a_run_that_learned_nothing_has_ratio_one_and_one_that_learned_has_not(make_config, question, checkpoint):
    ratios = [
        record.final_loss / record.constant_loss
        for rate in (3e-1, 2e-3)
        for record in train([make_config(task="BioASQ", epochs=20, learning_rate=rate)], question, checkpoint)
    ]
    assert ratios[0] == pytest.approx(1, abs=0.1) and ratios[1] < 0.5


def test_losses_of_members_of_different_length_are_those_of_single_runs(make_config, similarity, checkpoint):
    configs = [make_config(seed=seed, epochs=epochs) for seed, epochs in ((1, 3), (2, 1), (3, 3))]
    for record in train(configs, similarity, checkpoint):
        (alone,) = train([record.config], similarity, checkpoint)
        assert record.final_loss == pytest.approx(alone.final_loss, rel=1e-4)
        assert record.constant_loss == alone.constant_loss


def test_scores_far_from_0_have_the_losses_of_the_near_ones_that_they_are_a_multiple_of(make_config, checkpoint):
    near = {split: replace(item, targets=item.targets - 2) for split, item in make_features("BIOSSES").items()}
    far = {split: replace(item, targets=item.targets * 25 + 50) for split, item in near.items()}
    (a,) = train([make_config(epochs=1)], near, checkpoint)
    (b,) = train([make_config(epochs=1)], far, checkpoint, task=DISTANT)
    assert b.final_loss == pytest.approx(a.final_loss, rel=1e-4)
    assert b.constant_loss == pytest.approx(a.constant_loss, rel=1e-5)


def test_of_a_large_train_set_every_so_manieth_sequence_counts(make_config, question, checkpoint, monkeypatch):
    np.testing.assert_array_equal(evenly_spaced(3, 3), [0, 1, 2])
    np.testing.assert_array_equal(evenly_spaced(10, 4), [0, 2, 5, 7])
    order = np.argsort(question["train"].targets, kind="stable")
    targets = question["train"].targets[order]  # as files that are sorted by label
    assert targets[evenly_spaced(len(targets), 10)].mean() == pytest.approx(targets.mean(), abs=0.1)
    whole = make_training([make_config(task="BioASQ")], question, checkpoint).population
    monkeypatch.setattr("blurbstudy.training.population.MAX_LOSS_SEQUENCES", 10)
    part = make_training([make_config(task="BioASQ")], question, checkpoint).population
    subset = constant_loss(question["train"].targets[::4])
    assert part.members[0].constant_loss == subset != whole.members[0].constant_loss
    whole.loss_sequences = np.arange(0, 40, 4)
    assert part.final_losses([0])[0] == whole.final_losses([0])[0]


def test_bfloat16_losses_are_reduced_in_float32(make_config, tagged, checkpoint):
    kinds = [make_config(task="BC5-chem", precision=precision) for precision in ("float32", "bfloat16")]
    full, half = (make_training([config], tagged, checkpoint).population.final_losses([0]) for config in kinds)
    assert half.dtype == np.float64 and half[0] != full[0]
    assert half[0] == pytest.approx(full[0], rel=1e-2)
