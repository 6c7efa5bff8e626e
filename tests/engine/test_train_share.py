"""Runs on a share of train: they learn from their own subset, take as many steps, and keep their place everywhere."""

import dataclasses

import numpy as np
import pytest

from blurbstudy.config import run_config_from_dict
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.inputs import InputReader
from blurbstudy.engine.populations import plan_populations
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import ParameterError
from blurbstudy.store.index import condition_key, runs_of_condition
from blurbstudy.tasks import get_task
from blurbstudy.tasks.subsets import subset_indices
from blurbstudy.training.trainer import train_population


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


def shares_of(config, *shares):
    return [dataclasses.replace(config, train_share=share) for share in shares]


def test_the_share_is_part_of_the_id_unless_it_is_all_of_train(sources, make_grid):
    (config,) = make_grid(sources, 1)
    whole, half = shares_of(config, 1.0, 0.5)
    assert whole.id == config.id != half.id and "train_share" not in config.to_dict()
    assert run_config_from_dict(half.to_dict()) == half and half.on_official_split() == config
    assert condition_key(whole) == condition_key(config) != condition_key(half)


@pytest.mark.parametrize("changes", [{"train_share": 0.3}, {"train_share": 0.0}, {"train_share": 0.5, "n_folds": 2}])
def test_other_shares_are_refused(sources, make_grid, changes):
    (config,) = make_grid(sources, 1)
    with pytest.raises(ParameterError, match="train_share="):
        dataclasses.replace(config, **changes)
    joined = config.recipe.replace(train_on_dev=True)
    with pytest.raises(ParameterError, match="train_on_dev=false"):
        dataclasses.replace(config, recipe=joined, train_share=0.5)


def test_populations_are_of_one_subset(sources, make_grid):
    configs = [one for config in make_grid(sources, 2) for one in shares_of(config, 1.0, 0.5)]
    populations = plan_populations(configs, sources=sources, device="cpu", workers=1)
    assert sorted(len({config.seed for config in population}) for population in populations) == [1, 1, 2]


def test_a_run_learns_from_its_subset_alone_in_the_steps_of_all(store, sources, make_grid):
    """The same run, trained by hand on the selected features with the epochs that make the steps equal."""
    config = dataclasses.replace(make_grid(sources, 1, epochs=2, learning_rate=1e-3)[0], train_share=0.25)
    records = run_missing([config], store, sources=sources, engine=LocalEngine(device="cpu", workers=1))
    record = records[config.id]
    inputs = InputReader(store, sources).read(config)
    checkpoint, features = inputs.checkpoint, inputs.features
    task = get_task("BIOSSES")
    train = store.gold("BIOSSES", config.data_fingerprint, "train")
    chosen = subset_indices(task, train, share=0.25, seed=config.seed)
    assert len(chosen) == pytest.approx(len(train.gold) / 4, abs=2)
    steps = 2 * -(-len(train.gold) // 16)
    assert record.stopped_at_step == steps
    per_epoch = -(-len(chosen) // 16)
    by_hand = dataclasses.replace(config, train_share=1.0, recipe=config.recipe.replace(epochs=steps / per_epoch))
    own = features | {"train": features["train"].selected(chosen)}
    (expected,) = train_population([by_hand], features=own, task=task, checkpoint=checkpoint, device="cpu")
    assert expected.stopped_at_step == steps
    assert record.predictions["test"] == pytest.approx(expected.predictions["test"], abs=1e-6)
    assert (record.final_loss, record.constant_loss) == pytest.approx(
        (expected.final_loss, expected.constant_loss), rel=1e-5
    )
    assert record.constant_loss != pytest.approx(float(np.var(features["train"].targets)), rel=1e-3)


def test_runs_on_a_share_are_a_condition_of_their_own(store, sources, make_grid):
    configs = [one for config in make_grid(sources, 2) for one in shares_of(config, 1.0, 0.5)]
    run_missing(configs, store, sources=sources, engine=LocalEngine(device="cpu", workers=1))
    for share in (1.0, 0.5):
        runs = runs_of_condition(store, dataclasses.replace(configs[0], train_share=share))
        assert [run.config.train_share for run in runs] == [share] * 2
