"""Rates and steps against transformers."""

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from blurbstudy.config import Recipe
from blurbstudy.training.schedule import evaluation_steps, lr_factor, total_steps


@pytest.mark.parametrize(("total", "warmup"), [(20, 0.1), (400, 0.1), (7, 0.5), (10, 0.0), (1, 0.1), (33, 1.0)])
def test_rates_equal_those_of_transformers(total, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rising = -(-round(total * warmup, 6) // 1)
    schedule = get_linear_schedule_with_warmup(optimizer, int(rising), total)
    for step in range(1, total + 1):
        assert lr_factor(step, total=total, warmup=warmup) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(
    ("epochs", "n_train", "steps"), [(5, 64, 20), (100, 64, 400), (0.5, 64, 2), (3, 65, 15), (0.01, 10, 1)]
)
def test_steps_of_a_run(epochs, n_train, steps):
    assert total_steps(Recipe(epochs=epochs, batch_size=16), n_train) == steps


@pytest.mark.parametrize(("evaluations", "total"), [(10, 400), (10, 7), (1, 20), (3, 20)])
def test_the_last_evaluation_is_at_the_last_step(evaluations, total):
    steps = evaluation_steps(evaluations, total)
    assert steps[-1] == total
    assert len(steps) == min(evaluations, total)
    assert all(1 <= step <= total for step in steps)
