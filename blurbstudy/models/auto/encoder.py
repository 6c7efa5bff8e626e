"""Encoders of any other transformers architecture (ModernBERT, DeBERTa): transformers' own module, run once per member.

Slower than encoder.py, but with the same modules by depth and the same stacked parameters, so that trainer and
stabilizers work alike. All dropout sites of the module use the recipe's rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..architecture import Architecture
from ..encoder import gather_rows
from ..packing import PackedBatch, QueryRows
from ..rng import DropoutStream, seed_for
from .introspection import WORD_EMBEDDINGS, module_layout
from .module import SENTINEL, build, read_state, shapes, weights_in


class DepthWeights(nn.Module):
    """The weights (P, ...) at one depth, by the names of a checkpoint."""

    def put(self, name: str, weight: nn.Parameter) -> None:
        """Registers a weight; torch allows no dots in a parameter's name."""
        self.register_parameter(name.replace(".", "/"), weight)

    def weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Name in a checkpoint, and stacked weight."""
        for name, parameter in self.named_parameters(recurse=False):
            yield name.replace("/", "."), parameter


class SubsetEmbedding(nn.Module):
    """Word embeddings with only some of the vocabulary's rows; ids are the vocabulary's.
    `rows`: sorted vocabulary ids of the rows; None: all.
    """

    weight: Tensor | None
    row_of_id: Tensor

    def __init__(self, vocab_size: int, rows: Tensor | None) -> None:
        super().__init__()
        self.register_parameter("weight", None)  # one member's, set by functional_call
        row_of_id = torch.zeros(0 if rows is None else vocab_size, dtype=torch.int64)
        if rows is not None:
            row_of_id[rows.cpu()] = torch.arange(len(rows))
        self.register_buffer("row_of_id", row_of_id, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(sequences, longest) -> (sequences, longest, width); ids without a row are padding and read row 0."""
        assert self.weight is not None
        return F.embedding(self.row_of_id[ids] if len(self.row_of_id) else ids, self.weight)


class AutoEncoder(nn.Module):
    """`members` encoders of one transformers architecture; parameters are (P, ...).
    `rows`: sorted vocabulary ids whose embeddings are trained; ids in a batch are indices of these. None: all.
    """

    rows: Tensor | None

    def __init__(self, architecture: Architecture, *, members: int = 1, rows: Tensor | None = None) -> None:
        super().__init__()
        self.architecture, self.members = architecture, members
        self.layout = module_layout(architecture.config)
        n_layers, words = architecture.n_layers, self.layout.word_embeddings
        self.embeddings, self.layers = DepthWeights(), nn.ModuleList(DepthWeights() for _ in range(n_layers))
        self.final_norm, self.constants = DepthWeights(), DepthWeights()  # constants: tables that are never trained
        self.body = build(architecture.config, n_layers=n_layers)
        by_depth = [self.embeddings, *self.layers, self.final_norm]
        for name, weight in weights_in(self.body):
            shape = weight.shape
            if name == words:
                shape = (architecture.vocab_size if rows is None else len(rows), *weight.shape[1:])
            depth_weights = by_depth[self.layout.depth(name, n_layers)] if weight.requires_grad else self.constants
            stacked = nn.Parameter(torch.empty(members, *shape), requires_grad=weight.requires_grad)
            depth_weights.put(WORD_EMBEDDINGS if name == words else name, stacked)
            module, local_name = self._split_name(name)
            (module._parameters if local_name in module._parameters else module._buffers)[local_name] = None
        module, local_name = self._split_name(words.rpartition(".")[0])
        setattr(module, local_name, SubsetEmbedding(architecture.vocab_size, rows))
        self.register_buffer("rows", None if rows is None else rows.long(), persistent=False)
        self._dropouts = list(_dropout_sites(self.body))

    def forward(
        self, batch: PackedBatch, *, dropout: DropoutStream | None = None, queries: QueryRows | None = None
    ) -> Tensor:
        """-> (P, tokens, width), or (P, queries, width) at the query rows only."""
        self.body.train(dropout is not None)
        for site, name in self._dropouts:
            setattr(site, name, 0.0 if dropout is None else dropout.rate)
        names = {WORD_EMBEDDINGS: self.layout.word_embeddings}
        stacks = {names.get(name, name): stack.unbind(0) for name, stack in self.named_weights().items()}
        states = []
        for member in range(batch.members):
            weights = {name: stack[member] for name, stack in stacks.items()}
            states.append(self._hidden_states(weights, batch, member, dropout))
        hidden = torch.stack(states)
        return hidden if queries is None else gather_rows(hidden, queries.rows)

    def named_weights(self) -> dict[str, nn.Parameter]:
        """Every weight (P, ...) by the name that checkpoints use."""
        modules = (self.embeddings, *self.layers, self.final_norm, self.constants)
        depths = [module for module in modules if isinstance(module, DepthWeights)]
        return {name: weight for depth in depths for name, weight in depth.weights()}

    def _hidden_states(
        self, weights: dict[str, Tensor], batch: PackedBatch, member: int, dropout: DropoutStream | None
    ) -> Tensor:
        """One member's (tokens, width); rows without a token are 0."""
        device, count = batch.ids.device, batch.counts[member]
        starts = batch.cls_rows[member, : batch.sequence_counts[member]] - member * batch.tokens
        lengths = torch.diff(starts, append=starts.new_tensor([count]))
        mask = torch.arange(int(lengths.max()), device=device) < lengths.unsqueeze(1)  # (sequences, longest)
        ids = batch.ids[member, :count]
        ids = ids if self.rows is None else self.rows[ids]
        inputs = {"input_ids": _padded(ids, mask, self.architecture.pad_id), "attention_mask": mask.long()}
        if self.architecture.n_segments > 1:
            inputs["token_type_ids"] = _padded(batch.segments[member, :count], mask, 0)
        # A member's dropout does not depend on the others: its batch is padded to its own longest sequence, with its
        # own seed.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], enabled=dropout is not None):
            if dropout is not None:
                torch.manual_seed(seed_for(dropout.seeds[member], "encoder"))
            hidden = functional_call(self.body, weights, (), kwargs=inputs)[0]
        return F.pad(hidden[mask], (0, 0, 0, batch.tokens - count))

    def _split_name(self, name: str) -> tuple[nn.Module, str]:
        path, _, local_name = name.rpartition(".")
        return self.body.get_submodule(path), local_name


def from_transformers(state: dict[str, Tensor], architecture: Architecture) -> tuple[dict[str, Tensor], list[str]]:
    """Weights (float32, contiguous) by transformers' names (but our name for the word embeddings; with the pooler, if
    the state has one), and the names that the state lacks.
    """
    loaded, missing = read_state(architecture.config, state, n_layers=architecture.n_layers)
    expected = [*shapes(architecture.config, architecture.n_layers)]
    pooler = {"pooler.dense.weight": (architecture.width,) * 2, "pooler.dense.bias": (architecture.width,)}
    if all(name in loaded and name not in missing and loaded[name].shape == shape for name, shape in pooler.items()):
        expected += pooler
    names = {module_layout(architecture.config).word_embeddings: WORD_EMBEDDINGS}
    weights = {names.get(name, name): loaded[name].contiguous() for name in expected if name not in missing}
    return weights, [name for name in expected if name in missing]


def to_transformers(weights: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The inverse of from_transformers: a state by the names of transformers' module."""
    names = {WORD_EMBEDDINGS: module_layout(architecture.config).word_embeddings}
    return {names.get(name, name): tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}


def auto_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of every weight of one member, by the names that `from_transformers` gives."""
    names = {module_layout(architecture.config).word_embeddings: WORD_EMBEDDINGS}
    weights = shapes(architecture.config, architecture.n_layers)
    return {names.get(name, name): tuple(shape) for name, shape in weights.items()}


def _padded(packed: Tensor, mask: Tensor, value: int) -> Tensor:
    """(tokens,) -> (sequences, longest), `value` at padding."""
    return packed.new_full(mask.shape, value).masked_scatter(mask, packed)


def _dropout_sites(body: nn.Module) -> Iterator[tuple[object, str]]:
    """(object, attribute) of everything in a module that holds a dropout rate."""
    for owner in (*body.modules(), body.config):
        for name, value in vars(owner).items():
            if isinstance(value, float) and value == SENTINEL:
                yield owner, name
