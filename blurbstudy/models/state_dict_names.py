"""Our parameter names and Hugging Face's, for BERT, ELECTRA and RoBERTa (one table for both directions).

Other encoders (auto/encoder.py) use transformers' names, except for the word embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from .architecture import Architecture
from .auto.encoder import auto_shapes, from_transformers, to_transformers
from .auto.introspection import WORD_EMBEDDINGS

POSITIONS = "embeddings.position_embeddings"
EMBEDDINGS = {
    WORD_EMBEDDINGS: "embeddings.word_embeddings.weight",
    POSITIONS: "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings": "embeddings.token_type_embeddings.weight",
    "embeddings.norm.weight": "embeddings.LayerNorm.weight",
    "embeddings.norm.bias": "embeddings.LayerNorm.bias",
}
PROJECTION = {
    "embeddings.projection.weight": "embeddings_project.weight",
    "embeddings.projection.bias": "embeddings_project.bias",
}
POOLER = {"pooler.dense.weight": "pooler.dense.weight", "pooler.dense.bias": "pooler.dense.bias"}
# Query, key and value are one matrix here, so that one product replaces three.
LAYER = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_out": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "output_norm": ("output.LayerNorm",),
}
PREFIXES = ("bert.", "electra.", "discriminator.electra.", "roberta.", "model.")
WRAPPERS = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
STARTS = ("embeddings.", "embeddings_project.", "encoder.layer.", "pooler.")  # of an encoder's own names


def name_pairs(architecture: Architecture) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(our name, Hugging Face names of the tensors that are concatenated on axis 0), without the pooler."""
    for ours, theirs in (EMBEDDINGS | (PROJECTION if _projects(architecture) else {})).items():
        yield ours, (theirs,)
    for i in range(architecture.n_layers):
        for ours, theirs in LAYER.items():
            for kind in ("weight", "bias"):
                yield f"layers.{i}.{ours}.{kind}", tuple(f"encoder.layer.{i}.{name}.{kind}" for name in theirs)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter of embeddings and layers, by our name, without the member axis."""
    if architecture.config:
        return auto_shapes(architecture)
    w, e, f = architecture.width, architecture.embedding_width, architecture.intermediate
    out = {
        WORD_EMBEDDINGS: (architecture.vocab_size, e),
        POSITIONS: (architecture.max_positions, e),
        "embeddings.token_type_embeddings": (architecture.n_segments, e),
        "embeddings.norm.weight": (e,),
        "embeddings.norm.bias": (e,),
    }
    if _projects(architecture):
        out |= {"embeddings.projection.weight": (w, e), "embeddings.projection.bias": (w,)}
    linear = {"qkv": (3 * w, w), "attention_out": (w, w), "up": (f, w), "down": (w, f)}
    for i in range(architecture.n_layers):
        for name in LAYER:
            shape = linear.get(name, (w,))
            out |= {f"layers.{i}.{name}.weight": shape, f"layers.{i}.{name}.bias": shape[:1]}
    return out


def from_hugging_face(state: dict[str, Tensor], architecture: Architecture) -> tuple[dict[str, Tensor], list[str]]:
    """Our weights (float32, contiguous) from a Hugging Face state, and the names that the state lacks.

    Position embeddings start at the row of a sequence's first token; rows that only padding reads are dropped.
    """
    state = {_unwrapped(name): tensor for name, tensor in state.items()}
    if architecture.config:
        return from_transformers(state, architecture)
    state = {_plain(name): tensor for name, tensor in state.items()}
    weights, missing = {}, []
    for ours, theirs in _names_in(state, architecture, POOLER.values()):
        absent = [name for name in theirs if name not in state]
        missing += absent
        if not absent:
            weights[ours] = torch.cat([state[name].float() for name in theirs]).contiguous()
    if architecture.padding_positions and POSITIONS in weights:
        weights[POSITIONS] = weights[POSITIONS][architecture.padding_positions :].clone()
    return weights, missing


def to_hugging_face(weights: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """A Hugging Face state (BertModel, ElectraModel, RobertaModel) from our weights of one member; positions that only
    padding reads are 0.
    """
    if architecture.config:
        return to_transformers(weights, architecture)
    state = {}
    for ours, theirs in _names_in(weights, architecture, POOLER):
        for name, part in zip(theirs, weights[ours].chunk(len(theirs)), strict=True):
            state[name] = part.detach().cpu().clone().contiguous()
    if architecture.padding_positions:
        name = EMBEDDINGS[POSITIONS]
        state[name] = torch.nn.functional.pad(state[name], (0, 0, architecture.padding_positions, 0))
    return state


def _names_in(
    state: dict[str, Tensor], architecture: Architecture, pooler: Iterable[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """As name_pairs, with the pooler if the state has its tensors."""
    pairs = list(name_pairs(architecture))
    if all(name in state for name in pooler):
        pairs += [(ours, (theirs,)) for ours, theirs in POOLER.items()]
    return pairs


def _projects(architecture: Architecture) -> bool:
    return architecture.embedding_width != architecture.width


def _unwrapped(name: str) -> str:
    while prefix := next((prefix for prefix in WRAPPERS if name.startswith(prefix)), ""):
        name = name[len(prefix) :]
    return name


def _plain(name: str) -> str:
    while prefix := next((prefix for prefix in (*PREFIXES, *WRAPPERS) if name.startswith(prefix)), ""):
        name = name[len(prefix) :]
    inner = name.removeprefix("encoder.")  # of a wrapper that calls the whole model its encoder
    name = _plain(inner) if inner != name and inner.startswith((*STARTS, *PREFIXES, *WRAPPERS)) else name
    # Checkpoints converted from TensorFlow call LayerNorm's weight and bias gamma and beta.
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
