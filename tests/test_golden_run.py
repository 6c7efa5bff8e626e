"""A fixed run gives fixed numbers: who changes them on purpose raises TRAINER_REVISION, so that no store mixes them."""

import numpy as np
import pytest

from blurbstudy.config import TRAINER_REVISION, Recipe, RunConfig
from blurbstudy.models import Architecture, random_checkpoint
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features
from blurbstudy.training.trainer import train_population

GOLDEN_REVISION = 4
GOLDEN_ID = "3a83d40d72e68dd3abce"
GOLDEN_LOSSES = [6.36398, 5.04041, 4.23973, 6.90065, 3.26782, 7.67041]
GOLDEN_FINAL_LOSS, GOLDEN_CONSTANT_LOSS = 5.43790, 1.71429
GOLDEN_PREDICTIONS = [0.05564, 0.06649, 0.06597, 0.07123, 0.07245]


def make_split(n: int) -> Features:
    lengths = [3 + i % 5 for i in range(n)]
    return Features(
        ids=np.concatenate([(np.arange(m) * 7 + i) % 40 for i, m in enumerate(lengths)]).astype(np.int32),
        segments=np.concatenate([np.arange(m) > m // 2 for m in lengths]).astype(np.uint8),
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        targets=np.linspace(0, 4, n).astype(np.float32),
    )


def golden_run():
    architecture = Architecture(
        family="bert", vocab_size=40, n_layers=2, width=16, n_heads=2, intermediate=32, max_positions=16
    )
    recipe = Recipe(
        epochs=3,
        learning_rate=3e-3,
        batch_size=4,
        max_length=16,
        n_evaluations=6,
        stabilizers={"layerwise_decay": {"factor": 0.9}, "reinitialize": {"layers": 1}},
    )
    config = RunConfig(task="BIOSSES", data_fingerprint="golden", encoder_fingerprint="golden", recipe=recipe, seed=11)
    features = {split: make_split(n) for split, n in (("train", 8), ("dev", 4), ("test", 5))}
    checkpoint = random_checkpoint(architecture, seed=2)
    (record,) = train_population(
        [config], features=features, task=get_task("BIOSSES"), checkpoint=checkpoint, device="cpu"
    )
    return record


def test_the_golden_run_gives_the_golden_numbers():
    assert TRAINER_REVISION == GOLDEN_REVISION, "outcomes were meant to change: renew this file's numbers with it"
    record = golden_run()
    assert record.id == GOLDEN_ID, "what a run id covers has changed: every store would be trained anew"
    advice = "a run's outcome has changed: if that is meant, raise TRAINER_REVISION and renew these numbers"
    assert record.curve["train_loss"] == pytest.approx(GOLDEN_LOSSES, rel=1e-3), advice
    assert record.final_loss == pytest.approx(GOLDEN_FINAL_LOSS, rel=1e-3), advice
    assert record.constant_loss == pytest.approx(GOLDEN_CONSTANT_LOSS, rel=1e-3), advice
    assert record.predictions["test"] == pytest.approx(GOLDEN_PREDICTIONS, rel=1e-3, abs=1e-3), advice
