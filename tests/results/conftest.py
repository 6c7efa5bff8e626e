"""Records with chosen predictions, and sources of mini-BLURB, for tests of results."""

import numpy as np
import pytest

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.results import Gold, Reference, RunStore, resolve_sources
from blurbstudy.tasks import get_task
from blurbstudy.training.record import RunRecord

DATA = "d" * 20  # a data fingerprint


@pytest.fixture
def make_record():
    """A record of a run with these test and dev predictions; the dev ones are the test ones unless given."""

    def make(seed=1, *, task="BIOSSES", test=(), dev=None, status="finished", encoder="e" * 20, **recipe):
        finished = status == "finished"
        splits = {"test": list(test)} | ({} if recipe.get("join_dev") else {"dev": list(test if dev is None else dev)})
        return RunRecord(
            config=RunConfig(task=task, data=DATA, encoder=encoder, recipe=Recipe(**recipe), seed=seed),
            status=status,
            stopped_at_step=10,
            selected_step=10 if finished else None,
            scores={"dev": 0.5, "test": 0.5} if finished else {"dev": None, "test": None},
            curve={"step": [10], "train_loss": [0.25], "dev_score": [0.5]},
            predictions=splits if finished else {},
            seconds=1.5,
            peak_bytes=1000,
            circumstances={"device": "cpu"},
        )

    return make


@pytest.fixture
def make_reference():
    """A task with these gold labels; train's are test's unless given, every example a unit of its own."""

    def make(task, test, *, dev=None, train=None, units=None):
        splits = {"train": test if train is None else train, "dev": test if dev is None else dev, "test": test}
        gold = {
            split: Gold(
                ids=tuple(str(i) for i in range(len(values))),
                units=tuple(units or (str(i) for i in range(len(values)))),
                gold=tuple(values),
            )
            for split, values in splits.items()
        }
        return Reference(task=get_task(task), data=DATA, gold=gold)

    return make


@pytest.fixture(scope="session")
def correlated():
    """Values and predictions of n examples whose Pearson correlation is exactly r."""

    def make(n, r):
        generator = np.random.default_rng(n)
        x, noise = generator.standard_normal((2, n))
        x = (x - x.mean()) / x.std()
        noise -= noise.mean() + (noise @ x / n) * x
        return list(x), list(r * x + np.sqrt(1 - r * r) * noise / noise.std())

    return make


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "store")


@pytest.fixture
def other_sources(store, tiny_modernbert):
    """As make_sources gives, of an encoder that only transformers has a module for."""
    encoders = {"tiny": str(tiny_modernbert)}
    return resolve_sources(store, tasks=["BIOSSES"], encoders=encoders, data="mini", progress="silent")


@pytest.fixture
def make_sources(mini_data, tiny_encoder):
    """The sources of mini-BLURB's BIOSSES and the tiny encoder, their facts in a store."""

    def make(store):
        return resolve_sources(store, tasks=["BIOSSES"], encoders={"tiny": str(tiny_encoder)}, data="mini")

    return make


@pytest.fixture
def make_grid():
    """Short BIOSSES runs of the tiny encoder, one per seed."""

    def make(sources, n, **recipe):
        settings = dict(epochs=1, batch_size=16, max_length=48, evaluations=1) | recipe
        return [sources.run_config("BIOSSES", "tiny", recipe=Recipe(**settings), seed=seed) for seed in range(1, n + 1)]

    return make
