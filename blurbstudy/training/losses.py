"""The task loss: of each member's outputs, and of the best constant output. With class weights and the factor of the
focal loss (Lin et al. 2017), where a member has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MAX_LOSS_SEQUENCES = 1000  # of train, on which a run's final loss is measured


@dataclass(frozen=True, eq=False)
class LossSettings:
    """What members add to the task loss; None: nothing, for all of them."""

    weights: Tensor | None = None  # (P, outputs) of classes; in label sets, of each label's presence
    gammas: Tensor | None = None  # (P,) exponents of the focal loss; 0: no factor

    def select(self, members: Sequence[int]) -> LossSettings:
        index = list(members)
        return LossSettings(*(None if values is None else values[index] for values in (self.weights, self.gammas)))


NO_SETTINGS = LossSettings()


def loss_settings(
    weights: Sequence[np.ndarray | None], gammas: Sequence[float], *, outputs: int, device: torch.device
) -> LossSettings:
    """Those of a population, from each member's class weights (None: none) and exponent."""
    rows = [np.ones(outputs) if row is None else row for row in weights]
    return LossSettings(
        torch.tensor(np.array(rows), dtype=torch.float32, device=device)
        if any(r is not None for r in weights)
        else None,
        torch.tensor(gammas, dtype=torch.float32, device=device) if any(gammas) else None,
    )


def member_losses(outputs: Tensor, targets: Tensor, mask: Tensor, settings: LossSettings = NO_SETTINGS) -> Tensor:
    """(P,) mean loss of each member's batch over its targets: cross-entropy of labels (a weighted mean), squared error
    of scores, binary cross-entropy (mean over labels) of label sets.

    Args:
        outputs: (P, targets, outputs) float32.
        targets: (P, targets) int64 labels or float32 scores, or (P, targets, outputs) float32 of 0 and 1.
        mask: (P, targets) bool; False: no target.
    """
    if targets.ndim == 3:
        weights = None if settings.weights is None else settings.weights[:, None]
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none", pos_weight=weights)
        if settings.gammas is not None:
            losses = losses * (settings.gammas[:, None, None] * F.logsigmoid(outputs * (1 - 2 * targets))).exp()
        losses = losses.mean(-1)
    elif targets.is_floating_point():
        losses = (outputs.squeeze(-1) - targets).square()
    else:
        losses = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
        if settings.gammas is not None:
            losses = losses * (settings.gammas[:, None] * _log_of_others(outputs, targets)).exp()
    if settings.weights is None or targets.ndim == 3:
        return torch.where(mask, losses, 0.0).sum(1) / mask.sum(1)
    counts = target_weights(targets, mask, settings)
    return (torch.where(mask, losses, 0.0) * counts).sum(1) / counts.sum(1)


def target_weights(targets: Tensor, mask: Tensor, settings: LossSettings) -> Tensor:
    """(P, targets) what each target counts in the mean of `member_losses`; 0 where there is none."""
    if settings.weights is None or targets.ndim == 3:
        return mask.float()
    return torch.where(mask, settings.weights.gather(1, targets), 0.0)


def _log_of_others(outputs: Tensor, targets: Tensor) -> Tensor:
    """(P, targets) logarithm of 1 - probability of the target, exact also where that is near 1."""
    target = F.one_hot(targets, outputs.shape[-1]).bool()
    return outputs.masked_fill(target, -torch.inf).logsumexp(-1) - outputs.logsumexp(-1)


def constant_loss(targets: np.ndarray, *, weights: np.ndarray | None = None, gamma: float = 0.0) -> float:
    """The smallest loss that `member_losses` can give to outputs that are the same for every target: the entropy of
    the labels' frequencies (nats), the variance of scores, the mean entropy of each label of a set; of weighted
    frequencies where there are weights.

    Args:
        targets: (targets,) int labels or float scores, or (targets, labels) of 0 and 1.
        weights: (labels,) class weights.
        gamma: exponent of the focal loss.
    """
    if targets.ndim == 2:
        shares, totals = targets.mean(0, dtype=np.float64), np.ones(targets.shape[1])
        if weights is not None:
            totals += (weights - 1) * shares
            shares = weights * shares / totals
        losses = [_least_loss(np.array([share, 1 - share]), gamma) for share in shares]
        return float(np.mean(totals * losses))
    if np.issubdtype(targets.dtype, np.floating):
        return float(targets.var(dtype=np.float64))
    counts = np.bincount(targets, minlength=0 if weights is None else len(weights))
    if weights is not None:
        counts = counts * weights
    return _least_loss(counts / counts.sum(), gamma)


def evenly_spaced(n: int, limit: int) -> np.ndarray:
    """All indices below n, or `limit` of them at even distances."""
    return np.arange(n) if n <= limit else np.arange(limit) * n // limit


def _least_loss(shares: np.ndarray, gamma: float) -> float:
    """The smallest mean loss of constant probabilities: the entropy of the labels' shares in nats; with a focal factor,
    by Newton's method on probabilities that sum to 1, in which the loss is convex.
    """
    shares = shares[shares > 0]

    def loss(q: np.ndarray) -> float:
        return float(-(shares * (1 - q) ** gamma * np.log(q)).sum())

    if not gamma or len(shares) < 2:
        return float(-(shares * np.log(shares)).sum())
    q = np.full(len(shares), 1 / len(shares))
    for _ in range(100):
        rest, logs = 1 - q, np.log(q)
        slope = shares * (gamma * rest ** (gamma - 1) * logs - rest**gamma / q)
        curvature = gamma * rest ** (gamma - 2) * ((1 - gamma) * logs + 2 * rest / q) + rest**gamma / q**2
        inverse = 1 / (shares * curvature)
        step = inverse * ((slope * inverse).sum() / inverse.sum() - slope)
        gain, size = -(slope * step).sum(), 1.0
        if gain < 1e-12:
            break
        while (q + size * step).min() <= 0 or loss(q + size * step) > loss(q) - size * gain / 4:
            size /= 2
        q = q + size * step
    return loss(q)
