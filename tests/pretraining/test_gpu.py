"""Pretraining on a GPU takes the steps that it takes on a CPU."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from blurbstudy.pretraining import OBJECTIVES, Conduct, get_objective, pretrain, pretraining_config

from .conftest import TINY


def taken(corpus, out, *, objective: str, conduct: Conduct, precision: str = "float32"):
    """Four steps without dropout; -> (curve, weights that are published)."""
    config = pretraining_config(TINY | {"steps": 4, "evaluations": 4}, objective)
    done = pretrain(
        get_objective(objective), config, corpus=corpus / "corpus.jsonl", out=out, seed=1, precision=precision,
        conduct=conduct,
    )  # fmt: skip
    return done.curve, load_file(out / "model.safetensors")


def losses(curve) -> list[float]:
    return [point["train_loss"] for point in curve]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_steps_in_parts_equal_whole_steps_on_the_cpu(tiny_corpus, tmp_path, device, objective):
    whole = Conduct(device="cpu")
    parts = Conduct(device=device, micro_batch_tokens=120)
    expected, _ = taken(tiny_corpus, tmp_path / "whole", objective=objective, conduct=whole)
    curve, weights = taken(tiny_corpus, tmp_path / "parts", objective=objective, conduct=parts)
    assert losses(curve) == pytest.approx(losses(expected), rel=2e-3)
    assert curve[-1]["word_loss"] == pytest.approx(expected[-1]["word_loss"], rel=2e-3)
    assert all(weight.isfinite().all() for weight in weights.values())


def test_a_step_in_bfloat16_stays_near_float32(tiny_corpus, tmp_path, device):
    conduct = Conduct(device=device)
    exact, _ = taken(tiny_corpus, tmp_path / "exact", objective="bert", conduct=Conduct(device="cpu"))
    rounded, _ = taken(tiny_corpus, tmp_path / "rounded", objective="bert", conduct=conduct, precision="bfloat16")
    assert losses(rounded) != losses(exact)
    assert losses(rounded) == pytest.approx(losses(exact), rel=0.02)
