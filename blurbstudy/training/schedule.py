"""Learning-rate schedule and the arithmetic of steps: linear warm-up, then linear decay to 0 (Devlin et al. 2019)."""

from __future__ import annotations

import math

from ..config import Recipe


def steps_per_epoch(n_train: int, batch_size: int) -> int:
    """Optimizer steps in one pass; the last batch may be smaller."""
    return math.ceil(n_train / batch_size)


def total_steps(recipe: Recipe, n_train: int) -> int:
    """Optimizer steps of a run, at least 1."""
    # Rounded first: 0.1 * 30 epochs must not become one step more through the last bit.
    return max(1, math.ceil(round(recipe.epochs * steps_per_epoch(n_train, recipe.batch_size), 6)))


def rate_factor(step: int, *, total: int, warmup: float) -> float:
    """Factor on the peak rate at optimizer step 1, 2, ...

    As in BERT and transformers, the first step of a warm-up has rate 0 and the step after the last would.
    """
    rising = math.ceil(round(warmup * total, 6))
    done = step - 1
    if done < rising:
        return done / rising
    return max(0.0, (total - done) / max(1, total - rising))


def evaluation_steps(evaluations: int, total: int) -> tuple[int, ...]:
    """Steps after which the dev split is scored: evenly spaced, the last at the last step."""
    return tuple(sorted({max(1, round(total * i / evaluations)) for i in range(1, evaluations + 1)}))
