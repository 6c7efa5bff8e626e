"""The task loss: of each member's outputs, and of the best constant output."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MAX_LOSS_SEQUENCES = 1000  # of train, on which a run's final loss is measured


def member_losses(outputs: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """(P,) mean loss of each member's batch over its targets: cross-entropy of labels, squared error of scores, binary
    cross-entropy (mean over labels) of label sets.

    Args:
        outputs: (P, targets, outputs) float32.
        targets: (P, targets) int64 labels or float32 scores, or (P, targets, outputs) float32 of 0 and 1.
        mask: (P, targets) bool; False: no target.
    """
    if targets.ndim == 3:
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(-1)
    elif targets.is_floating_point():
        losses = (outputs.squeeze(-1) - targets).square()
    else:
        losses = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    return torch.where(mask, losses, 0.0).sum(1) / mask.sum(1)


def constant_loss(targets: np.ndarray) -> float:
    """The smallest loss that `member_losses` can give to outputs that are the same for every target: the entropy of
    the labels' frequencies (nats), the variance of scores, the mean entropy of each label of a set.

    Args:
        targets: (targets,) int labels or float scores, or (targets, labels) of 0 and 1.
    """
    if targets.ndim == 2:
        shares = targets.mean(0, dtype=np.float64)
        return float(np.mean([_entropy(np.array([share, 1 - share])) for share in shares]))
    if np.issubdtype(targets.dtype, np.floating):
        return float(targets.var(dtype=np.float64))
    return _entropy(np.bincount(targets) / len(targets))


def evenly_spaced(n: int, limit: int) -> np.ndarray:
    """All indices below n, or `limit` of them at even distances."""
    return np.arange(n) if n <= limit else np.arange(limit) * n // limit


def _entropy(shares: np.ndarray) -> float:
    """In nats."""
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())
