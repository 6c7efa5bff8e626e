"""Map our classification heads to transformers' model classes and parameter names.

A ForSequenceClassification class fixes family and head together: BERT's head is the pooler (dense, tanh, linear),
RoBERTa's is the same under other names, ELECTRA's uses GELU. If embeddings and layers have the same width, the encoders
of BERT and ELECTRA compute the same function, so the encoder is saved as the family that matches its head. If no class
has the head (cosine; ModernBERT, whose own head differs), transformers can load the encoder only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...config import JsonMapping
from ...models import Architecture
from ...models.architecture import CLASSES

HEADS = ("token", "pooler", "gelu", "cosine")
FULL, ENCODER_ONLY, NONE = "full", "encoder only", "none"  # coverage of the head by transformers; none: no weights
_PREFIXES = {"bert": "bert.", "electra": "electra.", "roberta": "roberta.", "xlm-roberta": "roberta."}
_LINEAR = {"head.weight": "classifier.weight", "head.bias": "classifier.bias"}
_POOLER_ABOVE = _LINEAR | {
    "pooler.dense.weight": "pooler.dense.weight",
    "pooler.dense.bias": "pooler.dense.bias",
}
_POOLER_INSIDE = _LINEAR | {
    "pooler.dense.weight": "bert.pooler.dense.weight",
    "pooler.dense.bias": "bert.pooler.dense.bias",
}
_TWO_LAYERS = {
    "pooler.dense.weight": "classifier.dense.weight",
    "pooler.dense.bias": "classifier.dense.bias",
    "head.weight": "classifier.out_proj.weight",
    "head.bias": "classifier.out_proj.bias",
}
# Other model types whose heads equal ours: dropout and a linear layer over words; a head over the first token.
_TOKEN_HEAD_FAMILIES = ("camembert", "deberta", "deberta-v2", "distilbert", "mpnet")
_SEQUENCE_HEADS = {
    ("camembert", "pooler"): (_TWO_LAYERS, {}),
    ("mpnet", "pooler"): (_TWO_LAYERS, {}),
    **{
        (family, head): (_POOLER_ABOVE, {"pooler_hidden_act": activation})
        for family in ("deberta", "deberta-v2")
        for head, activation in (("pooler", "tanh"), ("gelu", "gelu"))
    },
}


@dataclass(frozen=True)
class HeadLayout:
    """How a model with a head is saved for transformers."""

    architecture: Architecture  # as saved; it computes the same function
    class_name: str  # config.json's `architectures`
    prefix: str  # of the encoder's parameter names in the class
    names: Mapping[str, str]  # our parameter names of the head -> those of the class
    coverage: str = FULL  # FULL, ENCODER_ONLY (blurbstudy alone loads the head) or NONE (a head without weights)
    settings: JsonMapping = field(default_factory=dict)  # entries of config.json that the head needs


def head_layout(architecture: Architecture, head: str) -> HeadLayout:
    """The layout of a model; a model directory that is read and written again keeps its layout."""
    if architecture.config:
        return _auto_head(architecture, head)
    family = architecture.family
    if head == "token":
        return HeadLayout(architecture, f"{_stem(family)}ForTokenClassification", _PREFIXES[family], _LINEAR)
    projected = architecture.embedding_width != architecture.width
    if head == "cosine" or (head == "pooler" and projected):
        return _encoder_only(architecture, CLASSES[family], head)
    if head == "gelu":
        family = "electra"
    elif family == "electra":
        family = "bert"
    names = _POOLER_INSIDE if family == "bert" else _TWO_LAYERS
    saved = dataclasses.replace(architecture, family=family)
    return HeadLayout(saved, f"{_stem(family)}ForSequenceClassification", _PREFIXES[family], names)


def missing_in_transformers(layout: HeadLayout, head: str) -> str:
    """A sentence on what transformers cannot load of a model; "" if it loads the full model."""
    if layout.coverage != ENCODER_ONLY:
        return ""
    advice = "; for one, train with `head: gelu` in the recipe" if layout.architecture.family == "electra" else ""
    return (
        f"transformers has no class with the {head} head for {layout.architecture.title} encoders{advice}. It loads "
        "the encoder only; blurbstudy loads the full model"
    )


def _auto_head(architecture: Architecture, head: str) -> HeadLayout:
    """The layout of an encoder that is a transformers module."""
    from transformers.models.auto import modeling_auto

    family = architecture.family
    base = modeling_auto.MODEL_MAPPING_NAMES[family]
    if head == "token" and family in _TOKEN_HEAD_FAMILIES:
        name, names, settings = modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES[family], _LINEAR, {}
    elif (family, head) in _SEQUENCE_HEADS:
        name = modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[family]
        names, settings = _SEQUENCE_HEADS[family, head]
    else:
        return _encoder_only(architecture, base, head)
    return HeadLayout(architecture, name, f"{_base_prefix(base)}.", names, settings=settings)


def _encoder_only(architecture: Architecture, class_name: str, head: str) -> HeadLayout:
    """The encoder's class; weights of the head are saved under names that no class uses."""
    if head == "cosine":
        return HeadLayout(architecture, class_name, "", {}, coverage=NONE)
    dense = (
        {} if head == "token" else {f"pooler.dense.{kind}": f"blurbstudy.dense.{kind}" for kind in ("weight", "bias")}
    )
    names = {f"head.{kind}": f"blurbstudy.head.{kind}" for kind in ("weight", "bias")} | dense
    return HeadLayout(architecture, class_name, "", names, coverage=ENCODER_ONLY)


def _stem(family: str) -> str:
    return CLASSES[family].removesuffix("Model")


def _base_prefix(class_name: str) -> str:
    import transformers

    return getattr(transformers, class_name).base_model_prefix
