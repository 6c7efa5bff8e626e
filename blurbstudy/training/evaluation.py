"""Predictions of a population on a split, in batches sorted by length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..metrics import score
from ..models import Classifier, PackedBatch, pack
from ..models.packing import CPU
from ..tasks import Task
from ..tasks.features import Features
from ..tasks.task import OUTSIDE, as_predicted, denormalize_scores, head_labels, unstandardize_scores

EVALUATION_TOKENS = 4096  # real tokens per batch and member
PROBABILITY_UNITS = 10_000  # probabilities have four decimals
FIXED_THRESHOLD = 0.5  # probability above which a label of a set is predicted
THRESHOLDS = tuple(step / 20 for step in range(1, 20))  # among which dev may choose


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one member's weights predict for a split."""

    predictions: list  # one per example, in the form of Example.label
    score: float | None  # None: an output is not finite
    probabilities: np.ndarray | None  # see label_probabilities
    threshold: float = FIXED_THRESHOLD  # of label sets


def evaluation_batches(
    features: Features,
    *,
    members: int,
    n_heads: int,
    tokens: int = EVALUATION_TOKENS,
    device: torch.device = CPU,
) -> list[tuple[np.ndarray, PackedBatch]]:
    """The split in batches of sequences of similar length, the same for every member: (target indices, batch)."""
    return [
        packed_group(features, group, members=members, n_heads=n_heads, device=device)
        for group in evaluation_groups(features, max_tokens=tokens)
    ]


def evaluation_groups(
    features: Features, sequences: np.ndarray | None = None, *, max_tokens: int = EVALUATION_TOKENS
) -> list[list[int]]:
    """Indices of a split's sequences by batch of at most `max_tokens` tokens (or one sequence), the shortest first.

    Args:
        sequences: indices of those to evaluate; None: all.
    """
    lengths = features.lengths
    chosen = np.arange(len(features)) if sequences is None else sequences
    order = chosen[np.argsort(lengths[chosen], kind="stable")]
    groups: list[list[int]] = []
    current: list[int] = []
    tokens = 0
    for sequence in order:
        if current and tokens + lengths[sequence] > max_tokens:
            groups.append(current)
            current, tokens = [], 0
        current.append(int(sequence))
        tokens += int(lengths[sequence])
    groups.append(current)
    return groups


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

    Args:
        batches: per member, indices of the split's sequences.
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


def decode(
    outputs: np.ndarray, features: Features, task: Task, *, tag_scheme: str, threshold: float = FIXED_THRESHOLD
) -> list[str] | list[float]:
    """(targets, outputs) -> one prediction per example, in the form of Example.label.

    A label is the one with the largest output; a label set consists of the labels with a probability above the
    threshold; IO tags become BIO tags, one mention per run of I; in raw text an I tag without a preceding B starts a
    mention and becomes B; a cosine is scaled from [0, 1] to the score's bounds.
    """
    if task.output == "score":
        scores = (
            unstandardize_scores(outputs, task)
            if features.second_lengths is None
            else denormalize_scores(outputs, task)
        )
        return [float(value) for value in scores[:, 0]]
    labels = np.array(head_labels(task, tag_scheme))
    if task.output == "multi_label":
        return [",".join(labels[row]) for row in outputs > _logit(threshold)]
    chosen = outputs.argmax(-1)
    if task.output == "token_labels" and len(labels) < len(task.labels):
        return _by_example(_io_to_bio(chosen, labels, features), features)
    predictions = _by_example(labels[chosen], features)
    return [as_predicted(label, task) for label in predictions] if task.has_raw_text else predictions


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
        above = outputs > _logit(threshold)
        return np.where(above, np.maximum(units, limit + 1), np.minimum(units, limit)) / PROBABILITY_UNITS
    predicted = outputs.argmax(-1)
    tied = np.flatnonzero(units.argmax(-1) != predicted)
    units[tied, predicted[tied]] += 1
    return units / PROBABILITY_UNITS


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def gold_of(features: Features, task: Task) -> list[str] | list[float]:
    """The split's gold labels, in the form of Example.label."""
    if task.output == "score":
        return [float(value) for value in features.targets]
    labels = np.array(task.labels)
    if task.output == "multi_label":
        return [",".join(labels[row > 0]) for row in features.targets]
    return _by_example(labels[features.targets], features)


def _by_example(labels: np.ndarray, features: Features) -> list[str]:
    """(targets,) -> one label per example, or a sentence's tags joined by spaces."""
    if features.examples is None:
        return labels.tolist()
    tags = labels.tolist()
    return [" ".join(tags[start:end]) for start, end in zip(features.examples, features.examples[1:], strict=False)]


def _io_to_bio(chosen: np.ndarray, labels: np.ndarray, features: Features) -> np.ndarray:
    """Indices of IO labels as BIO tags: the first I of every run of one type within a sentence becomes B."""
    assert features.examples is not None
    inside = labels != OUTSIDE
    is_start = inside[chosen]
    is_start[1:] &= chosen[1:] != chosen[:-1]
    sentence_starts = features.examples[:-1]
    is_start[sentence_starts] = inside[chosen[sentence_starts]]
    start_labels = np.array([f"B{label[1:]}" if label != OUTSIDE else label for label in labels])
    return np.where(is_start, start_labels[chosen], labels[chosen])
