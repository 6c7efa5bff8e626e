"""Learning-rate schedule and the arithmetic of steps: linear warm-up, then linear decay to 0 (Devlin et al. 2019)."""

from __future__ import annotations

import math

from ..config import Recipe


def steps_per_epoch(n_train: int, batch_size: int) -> int:
    """Optimizer steps in one pass; the last batch may be smaller."""
    return math.ceil(n_train / batch_size)


def total_steps(recipe: Recipe, n_train: int) -> int:
    """Optimizer steps of a run, at least 1."""
    # Rounded first: a rounding error in 0.1 * 30 epochs must not add a step.
    return max(1, math.ceil(round(recipe.epochs * steps_per_epoch(n_train, recipe.batch_size), 6)))


def lr_factor(step: int, *, total: int, warmup: float) -> float:
    """Factor on the peak learning rate at optimizer step 1, 2, ...

    As in BERT and transformers, it is 0 at the first step of a warm-up and would be 0 at the step after the last.
    """
    warmup_steps = math.ceil(round(warmup * total, 6))
    done = step - 1
    if done < warmup_steps:
        return done / warmup_steps
    return max(0.0, (total - done) / max(1, total - warmup_steps))


def evaluation_steps(evaluations: int, total: int) -> tuple[int, ...]:
    """Steps after which the dev split is scored: evenly spaced, the last at the last step."""
    return tuple(sorted({max(1, round(total * i / evaluations)) for i in range(1, evaluations + 1)}))
