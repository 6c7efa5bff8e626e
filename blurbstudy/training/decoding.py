"""The batches of a split, and predictions from the outputs of a model for it; needs no torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..tasks import Task
from ..tasks.features import Features
from ..tasks.task import OUTSIDE, as_predicted, denormalize_scores, head_labels, unstandardize_scores

OutputFunction = Callable[[Features, int], np.ndarray]  # features, tokens per batch -> (targets, outputs) float32
EVALUATION_TOKENS = 4096  # real tokens per batch and member
FIXED_THRESHOLD = 0.5  # probability above which a label of a set is predicted


def evaluation_groups(
    features: Features, sequences: np.ndarray | None = None, *, max_tokens: int = EVALUATION_TOKENS
) -> list[list[int]]:
    """Indices of a split's sequences by batch of at most `max_tokens` tokens (or one sequence), the shortest first.
    `sequences`: indices of those to evaluate; None: all.
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
        return [",".join(labels[row]) for row in outputs > logit(threshold)]
    chosen = outputs.argmax(-1)
    if task.output == "token_labels" and len(labels) < len(task.labels):
        return _by_example(_io_to_bio(chosen, labels, features), features)
    predictions = _by_example(labels[chosen], features)
    return [as_predicted(label, task) for label in predictions] if task.has_raw_text else predictions


def logit(probability: float) -> float:
    """The output whose sigmoid is a probability."""
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
