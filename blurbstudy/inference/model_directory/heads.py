"""Heads as transformers has them: which of its classes computes what a Classifier of ours does, under which names.

A class of its ForSequenceClassification is a family and a head at once: BERT's is the pooler (dense, tanh, linear),
RoBERTa's the same under other names, ELECTRA's has GELU. Where embeddings are as wide as the layers, the encoders of
BERT and ELECTRA are one function, so an encoder is written as the family whose head it was trained with. Where no class
has the head (a cosine; ModernBERT, whose own head is another), the encoder alone is what transformers loads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...models import Architecture
from ...models.architecture import CLASSES

HEADS = ("words", "pooler", "gelu", "cosine")
WHOLE, ENCODER, NO_WEIGHTS = "whole", "encoder", "no weights"  # what transformers has of a model
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
# By model_type, heads of other encoders that are ours: dropout and one linear layer over words; over the first token.
_WORDS_ELSEWHERE = ("camembert", "deberta", "deberta-v2", "distilbert", "mpnet")
_FIRST_TOKEN_ELSEWHERE = {
    ("camembert", "pooler"): (_TWO_LAYERS, {}),
    ("mpnet", "pooler"): (_TWO_LAYERS, {}),
    **{
        (family, head): (_POOLER_ABOVE, {"pooler_hidden_act": activation})
        for family in ("deberta", "deberta-v2")
        for head, activation in (("pooler", "tanh"), ("gelu", "gelu"))
    },
}


@dataclass(frozen=True)
class HeadForm:
    """How a model with a head is written for transformers."""

    architecture: Architecture  # as it is written: the same function
    class_name: str  # config.json's `architectures`
    prefix: str  # before transformers' names of the encoder's tensors
    names: Mapping[str, str]  # our names of the head's tensors -> theirs
    has: str = WHOLE  # whole | encoder (the head is for blurbstudy alone) | no weights (the head has none)
    settings: Mapping[str, Any] = field(default_factory=dict)  # of config.json, that the head asks for


def head_form(architecture: Architecture, head: str) -> HeadForm:
    """The form of a model; a model that was read has the form that it was written in."""
    if architecture.config:
        return _elsewhere(architecture, head)
    family = architecture.family
    if head == "words":
        return HeadForm(architecture, f"{_stem(family)}ForTokenClassification", _PREFIXES[family], _LINEAR)
    projected = architecture.embedding_width != architecture.width
    if head == "cosine" or (head == "pooler" and projected):
        return _encoder_alone(architecture, CLASSES[family], head)
    if head == "gelu":
        family = "electra"
    elif family == "electra":
        family = "bert"
    names = _POOLER_INSIDE if family == "bert" else _TWO_LAYERS
    written = dataclasses.replace(architecture, family=family)
    return HeadForm(written, f"{_stem(family)}ForSequenceClassification", _PREFIXES[family], names)


def lack(form: HeadForm, head: str) -> str:
    """What transformers lacks of a model, in words for people; '' where it has all of it."""
    if form.has != ENCODER:
        return ""
    advice = "; train with `head: gelu` in the recipe for one" if form.architecture.family == "electra" else ""
    return (
        f"transformers has no class with the {head} head over this {form.architecture.title} encoder{advice}: it loads "
        "the encoder alone, blurbstudy all of it"
    )


def _elsewhere(architecture: Architecture, head: str) -> HeadForm:
    """The form of an encoder that is transformers' own module."""
    from transformers.models.auto import modeling_auto

    family = architecture.family
    base = modeling_auto.MODEL_MAPPING_NAMES[family]
    if head == "words" and family in _WORDS_ELSEWHERE:
        name, names, settings = modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES[family], _LINEAR, {}
    elif (family, head) in _FIRST_TOKEN_ELSEWHERE:
        name = modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[family]
        names, settings = _FIRST_TOKEN_ELSEWHERE[family, head]
    else:
        return _encoder_alone(architecture, base, head)
    return HeadForm(architecture, name, f"{_base_prefix(base)}.", names, settings=settings)


def _encoder_alone(architecture: Architecture, class_name: str, head: str) -> HeadForm:
    """The class of the encoder, and the head's tensors, where it has any, under names that no class has."""
    if head == "cosine":
        return HeadForm(architecture, class_name, "", {}, has=NO_WEIGHTS)
    dense = (
        {} if head == "words" else {f"pooler.dense.{kind}": f"blurbstudy.dense.{kind}" for kind in ("weight", "bias")}
    )
    names = {f"head.{kind}": f"blurbstudy.head.{kind}" for kind in ("weight", "bias")} | dense
    return HeadForm(architecture, class_name, "", names, has=ENCODER)


def _stem(family: str) -> str:
    return CLASSES[family].removesuffix("Model")


def _base_prefix(class_name: str) -> str:
    import transformers

    return getattr(transformers, class_name).base_model_prefix
