"""An encoder with pooler and head, addressed by depth: the model that is fine-tuned.

Heads: `pooler` is BERT's (dense, tanh, dropout, linear); `gelu` is ELECTRA's in transformers (dropout, dense, GELU,
dropout, linear); both read a sequence's first token. `token` (dropout, linear) reads the first sub-word token of every
word. `cosine` compares two separately encoded texts (bi_encoder.py) and has no weights.

RoBERTa uses BERT's head. A pooler in its checkpoint is loaded; most have none (RoBERTa is pretrained without next
sentence prediction), and then the pooler starts at N(0, 0.02), biases 0, drawn by the run's seed. RoBERTa's own head in
transformers (dropout, dense, tanh, dropout, linear, always fresh) differs only in the first dropout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architecture import Architecture
from .auto.encoder import AutoEncoder
from .auto.introspection import WORD_EMBEDDINGS
from .bi_encoder import pair_cosines
from .checkpoint import Checkpoint, init_parameter
from .encoder import Encoder
from .layers import Linear, apply_dropout
from .packing import PackedBatch
from .rng import DropoutStream, seed_for

POOLER_NAMES = {"pooler.dense.weight", "pooler.dense.bias"}


class Pooler(nn.Module):
    """Dense and activation over the first token."""

    def __init__(self, members: int, width: int, head: str) -> None:
        super().__init__()
        self.dense = Linear(members, width, width)
        self.head = head

    def forward(self, first: Tensor, dropout: DropoutStream | None, counts: tuple[int, ...]) -> Tensor:
        """(P, sequences, width) -> the same shape."""
        if self.head == "pooler":
            return torch.tanh(self.dense(first))
        return F.gelu(self.dense(apply_dropout(first, dropout, counts)))


@dataclass(frozen=True, eq=False)
class DepthParameter:
    """One stacked parameter and its depth."""

    name: str
    depth: int
    decays: bool  # whether weight decay applies; not to biases and LayerNorm
    tensor: nn.Parameter  # (P, ...)


class Classifier(nn.Module):
    """`members` classifiers or regressors of sequences, or taggers of words, of one architecture.

    Args:
        outputs: labels, or 1 for regression.
        head: pooler | gelu | token | cosine.
        rows: vocabulary ids (sorted) whose embeddings are trained; None: all.
    """

    def __init__(
        self, architecture: Architecture, *, members: int, outputs: int, head: str, rows: Tensor | None = None
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.members = members
        self.outputs = outputs
        self.rows = rows
        if architecture.config:
            self.encoder = AutoEncoder(architecture, members=members, rows=rows)
        else:
            self.encoder = Encoder(architecture, members=members, rows=None if rows is None else len(rows))
        has_pooler = head in ("pooler", "gelu")
        self.pooler: Pooler | None = Pooler(members, architecture.width, head) if has_pooler else None
        self.head = None if head == "cosine" else Linear(members, architecture.width, outputs)

    @property
    def embeddings(self) -> nn.Module:
        """Depth 0."""
        return self.encoder.embeddings

    @property
    def layers(self) -> nn.ModuleList:
        """Depths 1 to n_layers, from the bottom."""
        return self.encoder.layers

    def forward(self, batch: PackedBatch, *, dropout: DropoutStream | None = None) -> Tensor:
        """-> (P, targets, outputs), in the order of the batch's output rows (with a cosine head: of its pairs)."""
        hidden = self.encoder(batch, dropout=dropout, queries=batch.output_rows)
        counts = batch.output_rows.counts
        # Always in float32: bfloat16 would round a similarity near 3 to steps of 1/64, and the head costs little.
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            if self.head is None:
                assert batch.pairs is not None, "a cosine head needs a batch packed with paired=True"
                return pair_cosines(hidden, batch.pairs)
            if self.pooler is not None:
                hidden = self.pooler(hidden, dropout, counts)
            return self.head(apply_dropout(hidden, dropout, counts))

    def depths(self) -> list[list[nn.Module]]:
        """The modules at each depth, 0 to n_layers + 1."""
        last: list[nn.Module] = [m for m in (self.encoder.final_norm, self.pooler, self.head) if m is not None]
        return [[self.embeddings], *([layer] for layer in self.layers), last]

    def depth_parameters(self) -> Iterator[DepthParameter]:
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        for depth, modules in enumerate(self.depths()):
            for module in modules:
                for submodule in module.modules():
                    for parameter in submodule.parameters(recurse=False):
                        decays = parameter.ndim > 2  # a matrix per member; vectors are biases and LayerNorm
                        yield DepthParameter(names[id(parameter)], depth, decays, parameter)

    def load_member(self, member: int, checkpoint: Checkpoint, *, seed: int) -> None:
        """Sets one member's weights to the checkpoint's; the head, or a missing pooler, is newly initialized."""
        for name, parameter in self.encoder.named_weights().items():
            source = checkpoint.weights[name]
            if name == WORD_EMBEDDINGS and self.rows is not None:
                source = source.index_select(0, self.rows.cpu())
            parameter.data[member].copy_(source)
        # ELECTRA's GELU head is never pretrained; BERT's pooler is (by next sentence prediction).
        generator = torch.Generator().manual_seed(seed_for(seed, "head"))
        for module in (self.pooler, self.head):
            if module is not None:
                reinitialize(module, member, generator=generator)
        if self.pooler is not None and self.pooler.head == "pooler" and checkpoint.weights.keys() >= POOLER_NAMES:
            for name, parameter in self.pooler.named_parameters():
                parameter.data[member].copy_(checkpoint.weights[f"pooler.{name}"])

    def reinitialize(self, module: nn.Module, member: int, *, generator: torch.Generator) -> None:
        reinitialize(module, member, generator=generator)

    def keep_members(self, members: Sequence[int]) -> None:
        for parameter in self.parameters():
            index = torch.tensor(members, device=parameter.device, dtype=torch.int64)
            parameter.data = parameter.data.index_select(0, index)
            parameter.grad = None
        self.members = self.encoder.members = len(members)

    @contextmanager
    def select_members(self, members: Sequence[int]) -> Iterator[Classifier]:
        """Within a `with`, a model of these members only (no copy if they are all)."""
        if list(members) == list(range(self.members)):
            yield self
            return
        stacked, count = [parameter.data for parameter in self.parameters()], self.members
        try:
            for parameter, data in zip(self.parameters(), stacked, strict=True):
                parameter.data = data[list(members)]
            self.members = self.encoder.members = len(members)
            yield self
        finally:
            for parameter, data in zip(self.parameters(), stacked, strict=True):
                parameter.data = data
            self.members = self.encoder.members = count

    def member_weights(self, member: int, full_word_embeddings: Tensor | None = None) -> dict[str, Tensor]:
        """One member's encoder and BERT pooler by checkpoint names.
        `full_word_embeddings`: (vocabulary, width) all word embeddings, where only some rows were trained.
        """
        weights = {name: p.data[member].cpu().clone() for name, p in self.encoder.named_weights().items()}
        if self.rows is not None and full_word_embeddings is not None:
            table = full_word_embeddings.clone()
            table[self.rows.cpu()] = weights[WORD_EMBEDDINGS]
            weights[WORD_EMBEDDINGS] = table
        if self.pooler is not None and self.pooler.head == "pooler":
            weights |= {f"pooler.{n}": p.data[member].cpu().clone() for n, p in self.pooler.named_parameters()}
        return weights

    def head_weights(self, member: int) -> dict[str, Tensor]:
        """One member's head: head.weight, head.bias and, for heads with a dense layer, pooler.dense.*."""
        return {name: parameter.data[member].cpu().clone() for name, parameter in self._head_parameters()}

    def load_weights(self, member: int, encoder: Mapping[str, Tensor], head: Mapping[str, Tensor]) -> None:
        """Sets one member's weights to those of `member_weights` and `head_weights`."""
        for name, parameter in (*self.encoder.named_weights().items(), *self._head_parameters()):
            source = head[name] if name in head else encoder[name]
            parameter.data[member].copy_(source)

    def _head_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.named_parameters() if name.startswith(("pooler.", "head."))]


def reinitialize(module: nn.Module, member: int, *, generator: torch.Generator) -> None:
    """Draws one member's weights: N(0, 0.02), biases 0, LayerNorm 1 and 0."""
    for submodule in module.modules():
        for local_name, parameter in submodule.named_parameters(recurse=False):
            is_norm = parameter.ndim == 2 and not local_name.endswith("bias")  # a vector per member, and no bias
            name = "norm.weight" if is_norm else local_name
            parameter.data[member].copy_(init_parameter(name, tuple(parameter.shape[1:]), generator))


@dataclass(frozen=True, eq=False)
class FinetunedWeights:
    """A fine-tuned model by our parameter names, float32 on the CPU, no member axis."""

    architecture: Architecture  # of the remaining layers
    encoder: Mapping[str, Tensor]  # with all word embeddings; a BERT pooler is in `head` as well
    head: Mapping[str, Tensor]  # head.weight, head.bias; pooler.dense.* for heads with a dense layer
