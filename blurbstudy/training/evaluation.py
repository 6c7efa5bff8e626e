"""Predictions of all members of a population on a split, by length, without padding through the linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..models import Classifier, Packing, pack
from ..tasks.features import Features

EVALUATION_TOKENS = 4096  # real tokens per batch and member


def evaluation_batches(features: Features, *, members: int, n_heads: int) -> list[tuple[np.ndarray, Packing]]:
    """The split in batches of sequences of like length, the same for every member: (example numbers, packing)."""
    order = np.argsort(features.lengths, kind="stable")
    batches, current, tokens = [], [], 0
    for example in order:
        if current and tokens + features.lengths[example] > EVALUATION_TOKENS:
            batches.append(current)
            current, tokens = [], 0
        current.append(example)
        tokens += int(features.lengths[example])
    batches.append(current)
    packed = []
    for batch in batches:
        packing = pack([[features.sequence(i) for i in batch]] * members, n_heads=n_heads)
        packed.append((np.asarray(batch)[packing.order[0]], packing))
    return packed


@torch.no_grad()
def predict(
    model: Classifier, batches: Sequence[tuple[np.ndarray, Packing]], *, device: torch.device, autocast: bool
) -> np.ndarray:
    """(P, examples, outputs) float32, in file order."""
    n_examples = sum(len(examples) for examples, _ in batches)
    outputs = np.empty((model.members, n_examples, model.head.weight.shape[1]), np.float32)
    for examples, packing in batches:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            outputs[:, examples] = model(packing.to(device)).float().cpu().numpy()
    return outputs


def decode(outputs: np.ndarray, labels: Sequence[str]) -> list:
    """(examples, outputs) -> a label per example, or a number where there are no labels."""
    if not labels:
        return [float(value) for value in outputs[:, 0]]
    return [labels[i] for i in outputs.argmax(-1)]
