"""On a GPU as on a CPU: a run does not depend on which runs it is trained beside, and bfloat16 costs no score."""

import numpy as np
import pytest
import torch

from blurbstudy.tasks import get_task
from blurbstudy.training.population import Population
from blurbstudy.training.trainer import train_population


def population_of(configs, features, checkpoint, device: str) -> Population:
    rows = np.unique(np.concatenate([split.ids for split in features.values()]))
    train = features["train"].with_ids(np.searchsorted(rows, features["train"].ids))
    return Population(
        configs,
        train=train,
        rows=rows,
        task=get_task(configs[0].task),
        checkpoint=checkpoint,
        device=torch.device(device),
    )


def records_of(configs, features, checkpoint, device: str):
    task = get_task(configs[0].task)
    return train_population(configs, features=features, task=task, checkpoint=checkpoint, device=device)


STABILIZERS = ({}, {"freeze": {"layers": 1}}, {"layerwise_decay": {"factor": 0.8}}, {"reinitialize": {"layers": 1}})


@pytest.mark.parametrize(
    "task, kind, encoder",
    [
        ("BIOSSES", "similarity", "checkpoint"),
        ("BC5-chem", "tagged", "checkpoint"),
        ("BIOSSES", "similarity", "modernbert"),
        ("BC5-chem", "tagged", "deberta"),
    ],
)
def test_members_together_equal_each_alone_with_dropout_on(make_config, request, device, task, kind, encoder):
    features, checkpoint = request.getfixturevalue(kind), request.getfixturevalue(encoder)
    configs = [
        make_config(task=task, seed=seed, stabilizers=item, learning_rate=(1 + seed) * 2e-4, epochs=4 + seed)
        for seed, item in enumerate(STABILIZERS)
    ]
    together = population_of(configs, features, checkpoint, device)
    joint = np.array([together.step() for _ in range(12)])
    for index, config in enumerate(configs):
        alone = population_of([config], features, checkpoint, device)
        losses = [alone.step()[0] for _ in range(12)]
        np.testing.assert_allclose(joint[:, index], losses, rtol=2e-4)


@pytest.mark.parametrize("encoder", ["modernbert", "deberta"])
def test_encoders_of_transformers_own_take_the_steps_that_they_take_on_the_cpu(
    make_config, similarity, request, device, encoder
):
    checkpoint, config = request.getfixturevalue(encoder), make_config(dropout=0.0)
    here, there = (population_of([config], similarity, checkpoint, first) for first in (device, "cpu"))
    np.testing.assert_allclose(*([item.step()[0] for _ in range(8)] for item in (here, there)), rtol=2e-3)
    rounded = make_config(dropout=0.0, precision="bfloat16", epochs=10, learning_rate=3e-3)
    (record,) = records_of([rounded], similarity, checkpoint, device)
    assert record.status == "finished" and record.curve["train_loss"][-1] < record.curve["train_loss"][0]


def test_a_population_scores_as_single_runs_on_the_cpu_without_dropout(make_config, similarity, checkpoint, device):
    configs = [make_config(seed=seed, dropout=0.0, epochs=6) for seed in (1, 2, 3)]
    for record in records_of(configs, similarity, checkpoint, device):
        (alone,) = records_of([record.config], similarity, checkpoint, "cpu")
        np.testing.assert_allclose(record.curve["train_loss"], alone.curve["train_loss"], rtol=2e-3)
        np.testing.assert_allclose(record.predictions["test"], alone.predictions["test"], atol=5e-3)
        assert record.scores["test"] == pytest.approx(alone.scores["test"], abs=5e-3)


def test_members_that_end_early_leave_the_others_as_they_were(make_config, similarity, checkpoint, device):
    short, long = make_config(seed=1, epochs=1), make_config(seed=2, epochs=4)
    together = records_of([short, long], similarity, checkpoint, device)
    assert [record.status for record in together] == ["finished", "finished"]
    (alone,) = records_of([long], similarity, checkpoint, device)
    np.testing.assert_allclose(together[1].curve["train_loss"], alone.curve["train_loss"], rtol=2e-3)


@pytest.mark.slow
def test_bfloat16_scores_as_float32_over_seeds(make_config, similarity, checkpoint, device):
    means = {}
    for precision in ("float32", "bfloat16"):
        configs = [make_config(seed=seed, precision=precision, epochs=30, n_evaluations=1) for seed in range(8)]
        scores = [record.scores["test"] for record in records_of(configs, similarity, checkpoint, device)]
        means[precision] = np.mean(scores)
        assert min(scores) > 0.6  # it learned: 0 would agree as well
    assert means["bfloat16"] == pytest.approx(means["float32"], abs=0.03)
