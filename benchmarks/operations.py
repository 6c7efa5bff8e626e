"""Operations (multiplications and additions) that fine-tuning and prediction need for real tokens: what a machine's
matrix rate is held against. Matrix products only; the last layer is needed only where it is read; below the frozen
depth there is no backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from blurbstudy.models import Architecture
from blurbstudy.tasks.features import Features


def layer_products(architecture: Architecture, tokens: int) -> int:
    """Multiplications of one layer over a sequence."""
    w, f = architecture.width, architecture.intermediate
    return tokens * (4 * w * w + 2 * w * f) + 2 * tokens * tokens * w


def last_layer_products(architecture: Architecture, tokens: int, read: int) -> int:
    """Likewise where only `read` rows of the output are wanted: keys and values are of all tokens."""
    w, f = architecture.width, architecture.intermediate
    return 2 * tokens * w * w + read * (2 * w * w + 2 * w * f) + 2 * read * tokens * w


def sequence_products(architecture: Architecture, tokens: int, read: int, *, outputs: int, pooled: bool) -> list[int]:
    """Multiplications of the forward pass by depth: embeddings, each layer, pooler and head."""
    w, e = architecture.width, architecture.embedding_width
    layers = [layer_products(architecture, tokens)] * (architecture.n_layers - 1)
    last = last_layer_products(architecture, tokens, read)
    return [tokens * e * w * (e != w), *layers, last, read * (w * w * pooled + w * outputs)]


def operations(
    architecture: Architecture, features: Features, *, outputs: int, pooled: bool, train: bool, frozen: int = 0
) -> int:
    """Of one pass over a split.

    Args:
        train: with the backward pass, for weights and inputs alike.
        frozen: lowest layers that stay as they are, the embeddings with them; 0: nothing is.
    """
    total = 0
    for i, tokens in enumerate(features.lengths.tolist()):
        read = len(features.targets_of(i))
        forward = sequence_products(architecture, tokens, read, outputs=outputs, pooled=pooled)
        total += sum(forward)
        if train:
            total += 2 * sum(forward[frozen + 1 if frozen else 0 :])
            total -= _unneeded(architecture, tokens, read, frozen) if frozen else 0
    return 2 * total


def _unneeded(architecture: Architecture, tokens: int, read: int, frozen: int) -> int:
    """The gradient by the lowest trained layer's input, from which queries, keys and values all come."""
    width, n_layers = architecture.width, architecture.n_layers
    if frozen >= n_layers:
        raise ValueError(f"frozen={frozen} leaves no layer to train; use 0 to {n_layers - 1}")
    queries = read if frozen == n_layers - 1 else tokens
    return (2 * tokens + queries) * width**2


def run_operations(
    architecture: Architecture,
    splits: dict[str, Features],
    *,
    epochs: float,
    outputs: int,
    pooled: bool,
    frozen: int = 0,
    predicted: Sequence[str] = ("dev", "test"),
) -> float:
    """Of one run: training, and one prediction of each split in `predicted`."""
    shape = {"outputs": outputs, "pooled": pooled}
    training = epochs * operations(architecture, splits["train"], **shape, train=True, frozen=frozen)
    return training + sum(operations(architecture, splits[name], **shape, train=False) for name in predicted)
