"""Predictions of a population on a split, in batches sorted by length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..metrics import score
from ..models import Classifier, PackedBatch, pack
from ..models.packing import CPU
from ..tasks import Task
from ..tasks.features import Features
from .decoding import EVALUATION_TOKENS, FIXED_THRESHOLD, decode, evaluation_groups, logit

PROBABILITY_UNITS = 10_000  # probabilities have four decimals
THRESHOLDS = tuple(step / 20 for step in range(1, 20))  # among which dev may choose


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one member's weights predict for a split."""

    predictions: list  # one per example, in the form of Example.label
    score: float | None  # None: an output is not finite
    probabilities: np.ndarray | None  # see label_probabilities
    threshold: float = FIXED_THRESHOLD  # of label sets


def evaluation_batches(
    features: Features, *, members: int, n_heads: int, tokens: int = EVALUATION_TOKENS, device: torch.device = CPU
) -> list[tuple[np.ndarray, PackedBatch]]:
    """The split in batches of sequences of similar length, the same for every member: (target indices, batch)."""
    return [
        packed_group(features, group, members=members, n_heads=n_heads, device=device)
        for group in evaluation_groups(features, max_tokens=tokens)
    ]


def packed_group(
    features: Features, group: Sequence[int], *, members: int, n_heads: int, device: torch.device = CPU
) -> tuple[np.ndarray, PackedBatch]:
    """One batch for every member: (target indices, batch)."""
    batch = pack_features(features, [group] * members, n_heads=n_heads, device=device)
    return packed_targets(features, group, batch.order[0]), batch


def pack_features(
    features: Features, batches: Sequence[Sequence[int]], *, n_heads: int, device: torch.device = CPU
) -> PackedBatch:
    """Packs one batch per member on the CPU, to be computed on `device`.
    `batches`: per member, indices of the split's sequences.
    """
    if features.second_lengths is not None:
        texts = [[text for i in batch for text in features.texts(i)] for batch in batches]
        return pack(texts, n_heads=n_heads, paired=True, device=device)
    positions = (
        None if features.word_starts is None else [[features.word_starts_of(i) for i in batch] for batch in batches]
    )
    sequences = [[features.sequence(i) for i in batch] for batch in batches]
    return pack(sequences, n_heads=n_heads, output_positions=positions, device=device)  # pyright: ignore[reportArgumentType]


def packed_targets(features: Features, batch: Sequence[int], order: np.ndarray) -> np.ndarray:
    """Indices of the targets that a member's packed batch predicts, in the order of its output rows."""
    if features.second_lengths is not None:  # pairs are predicted in the given order
        return np.asarray(batch)
    return np.concatenate([features.targets_of(batch[i]) for i in order])


@torch.no_grad()
def predict(
    model: Classifier, batches: Sequence[tuple[np.ndarray, PackedBatch]], *, device: torch.device, autocast: bool
) -> np.ndarray:
    """(P, targets, outputs) float32, in file order."""
    n_targets = sum(len(targets) for targets, _ in batches)
    outputs = np.empty((model.members, n_targets, model.outputs), np.float32)
    for targets, batch in batches:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            outputs[:, targets] = model(batch.to(device))[:, : len(targets)].float().cpu().numpy()
    return outputs


def best_threshold(outputs: np.ndarray, features: Features, gold: Sequence[str] | Sequence[float], task: Task) -> float:
    """The one of THRESHOLDS with the best score of finite (examples, labels) outputs; of equals, the nearest to 1/2."""

    def merit(threshold: float) -> tuple[float, float]:
        predictions = decode(outputs, features, task, tag_scheme="bio", threshold=threshold)
        return score(task.metric, gold, predictions, positives=task.positive_labels), -abs(threshold - FIXED_THRESHOLD)

    return max(THRESHOLDS, key=merit)


def label_probabilities(outputs: np.ndarray, task: Task, *, threshold: float = FIXED_THRESHOLD) -> np.ndarray | None:
    """(examples, outputs), finite -> probabilities of the task's labels, of a label set each label's own; same shape,
    four decimals. None for tags and scores.

    Rounding changes no prediction: where it would, the predicted label gets one unit of the last decimal more.
    """
    if task.output not in ("single_label", "multi_label"):
        return None
    logits = torch.from_numpy(outputs).double()
    shares = logits.sigmoid() if task.output == "multi_label" else logits.softmax(-1)
    units = (PROBABILITY_UNITS * shares).round().numpy()
    if task.output == "multi_label":
        limit = round(PROBABILITY_UNITS * threshold)
        above = outputs > logit(threshold)
        return np.where(above, np.maximum(units, limit + 1), np.minimum(units, limit)) / PROBABILITY_UNITS
    predicted = outputs.argmax(-1)
    tied = np.flatnonzero(units.argmax(-1) != predicted)
    units[tied, predicted[tied]] += 1
    return units / PROBABILITY_UNITS
