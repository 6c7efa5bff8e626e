"""Accuracy: the fraction of examples whose predicted label is the gold one (PubMedQA, BioASQ)."""

from __future__ import annotations

from collections.abc import Sequence


def accuracy(gold: Sequence, predicted: Sequence) -> float:
    """Fraction from 0 to 1."""
    return sum(bool(g == p) for g, p in zip(gold, predicted, strict=True)) / len(gold)
