"""Heads as transformers has them: which of its classes computes what a Classifier of ours does, under which names.

A class of its ForSequenceClassification is a family and a head at once: BERT's is the pooler (dense, tanh, linear),
RoBERTa's the same under other names, ELECTRA's has GELU. Where embeddings are as wide as the layers, the encoders of
BERT and ELECTRA are one function, so an encoder is written as the family whose head it was trained with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..errors import CheckpointError
from ..models import Architecture

CLASS_NAMES = {"bert": "Bert", "electra": "Electra", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}
PREFIXES = {"bert": "bert.", "electra": "electra.", "roberta": "roberta.", "xlm-roberta": "roberta."}
SUFFIXES = {  # head -> what ends the name of its class
    "words": "ForTokenClassification",
    "pooler": "ForSequenceClassification",
    "gelu": "ForSequenceClassification",
}
_LINEAR = {"head.weight": "classifier.weight", "head.bias": "classifier.bias"}
_AFTER_POOLER = _LINEAR | {
    "pooler.dense.weight": "bert.pooler.dense.weight",
    "pooler.dense.bias": "bert.pooler.dense.bias",
}
_TWO_LAYERS = {
    "pooler.dense.weight": "classifier.dense.weight",
    "pooler.dense.bias": "classifier.dense.bias",
    "head.weight": "classifier.out_proj.weight",
    "head.bias": "classifier.out_proj.bias",
}


def written_architecture(architecture: Architecture, head: str) -> Architecture:
    """The encoder as the family whose class in transformers has that head; the same function.

    Raises:
        CheckpointError: no class has this head over this encoder.
    """
    family = {"gelu": "electra", "pooler": "bert"}.get(head, architecture.family)
    if head == "pooler" and architecture.family in ("roberta", "xlm-roberta"):
        family = architecture.family
    if family == "bert" and architecture.embedding_width != architecture.width:
        raise CheckpointError(
            f"transformers has no class for an {architecture.title} encoder whose embeddings "
            f"({architecture.embedding_width} wide) are projected to {architecture.width} under a tanh pooler; "
            "train it with `head: gelu` in the recipe"
        )
    return dataclasses.replace(architecture, family=family)


def class_name(family: str, head: str) -> str:
    """The class of transformers, as config.json's `architectures` names it."""
    return f"{CLASS_NAMES[family]}{SUFFIXES[head]}"


def head_names(family: str, head: str) -> Mapping[str, str]:
    """Our names of a head's tensors -> those of transformers."""
    if head == "words":
        return _LINEAR
    return _AFTER_POOLER if family == "bert" else _TWO_LAYERS
