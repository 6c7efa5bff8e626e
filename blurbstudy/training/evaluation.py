"""Predictions of all members of a population on a split, by length, without padding through the linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..models import Classifier, Packing, pack
from ..models.packing import CPU
from ..tasks import Task
from ..tasks.features import Features
from ..tasks.task import OUTSIDE, denormalize_scores, head_labels, unstandardize_scores

EVALUATION_TOKENS = 4096  # real tokens per batch and member


def evaluation_batches(
    features: Features,
    *,
    members: int,
    n_heads: int,
    tokens: int = EVALUATION_TOKENS,
    device: torch.device = CPU,
) -> list[tuple[np.ndarray, Packing]]:
    """The split in batches of sequences of like length, the same for every member: (target numbers, packing)."""
    return [
        packed_group(features, group, members=members, n_heads=n_heads, device=device)
        for group in evaluation_groups(features, most=tokens)
    ]


def evaluation_groups(features: Features, *, most: int = EVALUATION_TOKENS) -> list[list[int]]:
    """The sequences of a split by batch of `most` tokens, the shortest first."""
    order = np.argsort(features.lengths, kind="stable")
    groups, current, tokens = [], [], 0
    lengths = features.lengths
    for sequence in order:
        if current and tokens + lengths[sequence] > most:
            groups.append(current)
            current, tokens = [], 0
        current.append(sequence)
        tokens += int(lengths[sequence])
    groups.append(current)
    return groups


def packed_group(
    features: Features, group: Sequence[int], *, members: int, n_heads: int, device: torch.device = CPU
) -> tuple[np.ndarray, Packing]:
    """One batch for every member: (target numbers, packing)."""
    packing = pack_features(features, [group] * members, n_heads=n_heads, device=device)
    return packed_targets(features, group, packing.order[0]), packing


def pack_features(
    features: Features, batches: Sequence[Sequence[int]], *, n_heads: int, device: torch.device = CPU
) -> Packing:
    """Packs one batch per member, given as numbers of the split's sequences, for a device (it lies on the CPU)."""
    if features.seconds is not None:
        texts = [[text for i in own for text in features.texts(i)] for own in batches]
        return pack(texts, n_heads=n_heads, paired=True, device=device)
    reads = None if features.places is None else [[features.places_of(i) for i in own] for own in batches]
    return pack([[features.sequence(i) for i in own] for own in batches], n_heads=n_heads, reads=reads, device=device)


def packed_targets(features: Features, batch: Sequence[int], order: np.ndarray) -> np.ndarray:
    """Which targets of the split a member's packed batch predicts, in the order of its reads."""
    if features.seconds is not None:  # pairs are predicted in the order in which they were given
        return np.asarray(batch)
    return np.concatenate([features.targets_of(batch[i]) for i in order])


@torch.no_grad()
def predict(
    model: Classifier, batches: Sequence[tuple[np.ndarray, Packing]], *, device: torch.device, autocast: bool
) -> np.ndarray:
    """(P, targets, outputs) float32, in file order."""
    n_targets = sum(len(targets) for targets, _ in batches)
    outputs = np.empty((model.members, n_targets, model.outputs), np.float32)
    for targets, packing in batches:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            outputs[:, targets] = model(packing.to(device))[:, : len(targets)].float().cpu().numpy()
    return outputs


def decode(outputs: np.ndarray, features: Features, task: Task, *, tagging: str) -> list[str | float]:
    """(targets, outputs) -> one prediction per example, in the form of Example.label.

    A label is the one of the largest output; a set holds the labels above 0 (probability 1/2); IO tags are written as
    BIO, a mention for every run of I; the cosine of two texts goes from 0 to 1 as the scores do within their bounds.
    """
    if task.output == "score":
        scores = unstandardize_scores(outputs, task) if features.seconds is None else denormalize_scores(outputs, task)
        return [float(value) for value in scores[:, 0]]
    labels = np.array(head_labels(task, tagging))
    if task.output == "multi_label":
        return [",".join(labels[row > 0]) for row in outputs]
    chosen = outputs.argmax(-1)
    if task.output == "token_labels" and len(labels) < len(task.labels):
        return _by_example(_mentions_begun(chosen, labels, features), features)
    return _by_example(labels[chosen], features)


def gold_of(features: Features, task: Task) -> list[str | float]:
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
    return [" ".join(tags[begin:end]) for begin, end in zip(features.examples, features.examples[1:], strict=False)]


def _mentions_begun(chosen: np.ndarray, labels: np.ndarray, features: Features) -> np.ndarray:
    """Positions among IO labels as BIO tags: the first I of every run of one type within a sentence becomes B."""
    inside = labels != OUTSIDE
    begins = inside[chosen]
    begins[1:] &= chosen[1:] != chosen[:-1]
    starts = features.examples[:-1]
    begins[starts] = inside[chosen[starts]]
    begun = np.array([f"B{label[1:]}" if label != OUTSIDE else label for label in labels])
    return np.where(begins, begun[chosen], labels[chosen])
