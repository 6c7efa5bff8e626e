"""Any other encoder that transformers has (ModernBERT, DeBERTa): its own module, run for one member after another.

The slower path beside encoder.py, with the same parts by depth and the same stacked parameters, so that trainer and
stabilizers see no difference. All sites of dropout that the module has take the recipe's rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..architecture import Architecture
from ..encoder import rows_of
from ..packing import Asked, Packing
from ..rng import DropoutStream, seed_for
from .introspection import WORDS, anatomy
from .module import MARKED, build, read_state, shapes, weights_in


class Part(nn.Module):
    """The weights (P, ...) at one depth, by the names of a checkpoint."""

    def put(self, name: str, weight: nn.Parameter) -> None:
        """Takes one in; torch allows no dots in a name."""
        self.register_parameter(name.replace(".", "/"), weight)

    def weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Name in a checkpoint, and stacked weight."""
        for name, parameter in self.named_parameters(recurse=False):
            yield name.replace("/", "."), parameter


class SomeWords(nn.Module):
    """A word table of which only some rows are kept; ids are the vocabulary's.

    Args:
        rows: (kept,) sorted ids; None: all.
    """

    def __init__(self, vocabulary: int, rows: Tensor | None) -> None:
        super().__init__()
        self.register_parameter("weight", None)  # a member's, for the time of a call
        row_of = torch.zeros(0 if rows is None else vocabulary, dtype=torch.int64)
        if rows is not None:
            row_of[rows.cpu()] = torch.arange(len(rows))
        self.register_buffer("row_of", row_of, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(sequences, longest) -> (sequences, longest, width); ids of no kept row read any: they are padding."""
        return F.embedding(self.row_of[ids] if len(self.row_of) else ids, self.weight)


class AutoEncoder(nn.Module):
    """`members` encoders of one architecture of transformers; parameters are (P, ...).

    Args:
        rows: vocabulary ids (sorted) whose embeddings are kept; ids in a batch count these. None: all.
    """

    def __init__(self, architecture: Architecture, *, members: int = 1, rows: Tensor | None = None) -> None:
        super().__init__()
        self.architecture, self.members = architecture, members
        self.anatomy = anatomy(architecture.config)
        n_layers, words = architecture.n_layers, self.anatomy.words
        self.embeddings, self.layers = Part(), nn.ModuleList(Part() for _ in range(n_layers))
        self.last, self.constants = Part(), Part()  # constants: tables that are never trained
        self.body = build(architecture.config, n_layers=n_layers)
        by_depth = [self.embeddings, *self.layers, self.last]
        for name, weight in weights_in(self.body):
            size = (architecture.vocab_size if rows is None else len(rows), *weight.shape[1:])
            stack = torch.empty(members, *(size if name == words else weight.shape))
            part = by_depth[self.anatomy.depth(name, n_layers)] if weight.requires_grad else self.constants
            part.put(WORDS if name == words else name, nn.Parameter(stack, requires_grad=weight.requires_grad))
            owner, own = self._owner(name)
            (owner._parameters if own in owner._parameters else owner._buffers)[own] = None
        owner, own = self._owner(words.rpartition(".")[0])
        setattr(owner, own, SomeWords(architecture.vocab_size, rows))
        self.register_buffer("rows", None if rows is None else rows.long(), persistent=False)
        self._dropouts = list(_dropout_sites(self.body))

    def forward(self, packing: Packing, *, dropout: DropoutStream | None = None, asked: Asked | None = None) -> Tensor:
        """-> (P, tokens, width), or (P, asked, width) at some rows alone."""
        self.body.train(dropout is not None)
        for site, name in self._dropouts:
            setattr(site, name, 0.0 if dropout is None else dropout.rate)
        called = {WORDS: self.anatomy.words}
        stacks = {called.get(name, name): stack.unbind(0) for name, stack in self.named_weights().items()}
        states = []
        for member in range(packing.members):
            weights = {name: stack[member] for name, stack in stacks.items()}
            states.append(self._states(weights, packing, member, dropout))
        hidden = torch.stack(states)
        return hidden if asked is None else rows_of(hidden, asked.rows)

    def named_weights(self) -> dict[str, nn.Parameter]:
        """Every weight (P, ...) by the name that checkpoints use."""
        parts = (self.embeddings, *self.layers, self.last, self.constants)
        return {name: weight for part in parts for name, weight in part.weights()}

    def _states(
        self, weights: dict[str, Tensor], packing: Packing, member: int, dropout: DropoutStream | None
    ) -> Tensor:
        """One member's (tokens, width); rows of no token are 0."""
        device, count = packing.ids.device, packing.counts[member]
        starts = packing.firsts[member, : packing.sequence_counts[member]] - member * packing.tokens
        lengths = torch.diff(starts, append=starts.new_tensor([count]))
        mask = torch.arange(int(lengths.max()), device=device) < lengths.unsqueeze(1)  # (sequences, longest)
        ids = packing.ids[member, :count]
        ids = ids if self.rows is None else self.rows[ids]
        inputs = {"input_ids": _padded(ids, mask, self.architecture.pad_id), "attention_mask": mask.long()}
        if self.architecture.n_segments > 1:
            inputs["token_type_ids"] = _padded(packing.segments[member, :count], mask, 0)
        # A member's masks are its own: its batch is padded to its own longest, and drawn for by its own seed.
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], enabled=dropout is not None):
            if dropout is not None:
                torch.manual_seed(seed_for(dropout.seeds[member], "encoder"))
            hidden = functional_call(self.body, weights, kwargs=inputs)[0]
        return F.pad(hidden[mask], (0, 0, 0, packing.tokens - count))

    def _owner(self, name: str) -> tuple[nn.Module, str]:
        """The submodule in which a part of the module lies, and its name there."""
        path, _, own = name.rpartition(".")
        return self.body.get_submodule(path), own


def from_transformers(state: dict[str, Tensor], architecture: Architecture) -> tuple[dict[str, Tensor], list[str]]:
    """Weights (float32, contiguous) by transformers' names, the word table by ours, and the names that the state
    lacks; a pooler where it holds one.

    Raises:
        RuntimeError: a tensor does not fit.
    """
    held, missing = read_state(architecture.config, state, n_layers=architecture.n_layers)
    wanted = [*shapes(architecture.config, architecture.n_layers)]
    pooler = {"pooler.dense.weight": (architecture.width,) * 2, "pooler.dense.bias": (architecture.width,)}
    if all(name in held and name not in missing and held[name].shape == shape for name, shape in pooler.items()):
        wanted += pooler
    names = {anatomy(architecture.config).words: WORDS}
    weights = {names.get(name, name): held[name].contiguous() for name in wanted if name not in missing}
    return weights, [name for name in wanted if name in missing]


def to_transformers(weights: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The inverse: a state by the names of transformers' module."""
    names = {WORDS: anatomy(architecture.config).words}
    return {names.get(name, name): tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}


def auto_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shape of every weight of one member, by the names that `from_transformers` gives."""
    names = {anatomy(architecture.config).words: WORDS}
    found = shapes(architecture.config, architecture.n_layers)
    return {names.get(name, name): tuple(shape) for name, shape in found.items()}


def _padded(packed: Tensor, mask: Tensor, empty: int) -> Tensor:
    """(tokens,) -> (sequences, longest), `empty` where no token lies."""
    return packed.new_full(mask.shape, empty).masked_scatter(mask, packed)


def _dropout_sites(body: nn.Module) -> Iterator[tuple[object, str]]:
    """(object, attribute) of everything in a module that holds a rate of dropout."""
    for holder in (*body.modules(), body.config):
        yield from (
            (holder, name) for name, value in vars(holder).items() if isinstance(value, float) and value == MARKED
        )
