"""Pretraining on a GPU takes the same steps as on a CPU."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from blurbstudy.pretraining import OBJECTIVES, TrainingOptions, get_objective, pretrain, pretraining_config

from .conftest import TINY


def train(corpus, out, *, objective: str, options: TrainingOptions, precision: str = "float32"):
    """Take four steps without dropout; return the curve and the exported weights."""
    config = pretraining_config(TINY | {"steps": 4, "n_evaluations": 4}, objective)
    done = pretrain(
        get_objective(objective),
        config,
        corpus=corpus / "corpus.jsonl",
        out=out,
        seed=1,
        precision=precision,
        options=options,
    )
    return done.curve, load_file(out / "model.safetensors")


def losses(curve) -> list[float]:
    return [point["train_loss"] for point in curve]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_micro_batches_on_the_gpu_equal_full_batches_on_the_cpu(tiny_corpus, tmp_path, device, objective):
    full = TrainingOptions(device="cpu")
    parts = TrainingOptions(device=device, micro_batch_tokens=120)
    expected, _ = train(tiny_corpus, tmp_path / "whole", objective=objective, options=full)
    curve, weights = train(tiny_corpus, tmp_path / "parts", objective=objective, options=parts)
    assert losses(curve) == pytest.approx(losses(expected), rel=2e-3)
    assert curve[-1]["word_loss"] == pytest.approx(expected[-1]["word_loss"], rel=2e-3)
    assert all(weight.isfinite().all() for weight in weights.values())


def test_a_step_in_bfloat16_is_close_to_float32(tiny_corpus, tmp_path, device):
    options = TrainingOptions(device=device)
    exact, _ = train(tiny_corpus, tmp_path / "exact", objective="bert", options=TrainingOptions(device="cpu"))
    rounded, _ = train(tiny_corpus, tmp_path / "rounded", objective="bert", options=options, precision="bfloat16")
    assert losses(rounded) != losses(exact)
    assert losses(rounded) == pytest.approx(losses(exact), rel=0.02)
