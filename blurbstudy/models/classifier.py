"""An encoder with pooler and head, addressed by depth: what is fine-tuned.

Heads: `pooler` is BERT's (dense, tanh, dropout, linear); `gelu` is ELECTRA's in transformers (dropout, dense, GELU,
dropout, linear); both read a sequence's first token. `words` (dropout, linear) reads the first sub-word of every word.
`cosine` compares two texts encoded apart (see `pairs`), and has no weights.

RoBERTa has BERT's: a pooler that its checkpoint holds is loaded, else (most have none, since no next sentence is
predicted in pretraining) it begins at N(0, 0.02), biases 0, by the run's seed. Its own head in transformers (dropout,
dense, tanh, dropout, linear, always fresh) is the same but for the first dropout.
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
from .bi_encoder import cosines
from .checkpoint import Checkpoint, initial
from .encoder import Encoder
from .layers import Linear, drop_rows
from .packing import Packing
from .rng import DropoutStream, seed_for


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
        return F.gelu(self.dense(drop_rows(first, dropout, counts)))


@dataclass(frozen=True, eq=False)
class DepthParameter:
    """One stacked parameter and where it stands."""

    name: str
    depth: int
    decays: bool  # weight decay applies: not to biases and norms
    tensor: nn.Parameter  # (P, ...)


class Classifier(nn.Module):
    """`members` classifiers (or regressors) of sequences, or of their words, of one architecture.

    Args:
        outputs: labels, or 1 for regression.
        head: pooler | gelu | words | cosine.
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
        self.pooler = Pooler(members, architecture.width, head) if head in ("pooler", "gelu") else None
        self.head = None if head == "cosine" else Linear(members, architecture.width, outputs)

    @property
    def _has_bert_pooler(self) -> bool:
        return self.pooler is not None and self.pooler.head == "pooler"

    @property
    def embeddings(self) -> nn.Module:
        """Depth 0."""
        return self.encoder.embeddings

    @property
    def layers(self) -> nn.ModuleList:
        """Depths 1 to n_layers, from the bottom."""
        return self.encoder.layers

    def forward(self, packing: Packing, *, dropout: DropoutStream | None = None) -> Tensor:
        """-> (P, targets, outputs), in the order of the packing's reads: its sequences, or their words; of pairs."""
        read = self.encoder(packing, dropout=dropout, asked=packing.reads)
        counts = packing.reads.counts
        # Never in bfloat16: it would round a similarity near 3 to steps of 1/64, and costs nothing to avoid.
        with torch.autocast(read.device.type, enabled=False):
            read = read.float()
            if self.head is None:
                return cosines(read, packing.pairs)
            if self.pooler is not None:
                read = self.pooler(read, dropout, counts)
            return self.head(drop_rows(read, dropout, counts))

    def depths(self) -> list[list[nn.Module]]:
        """The modules at each depth, 0 to n_layers + 1."""
        last = [part for part in (self.encoder.last, self.pooler, self.head) if part is not None]
        return [[self.embeddings], *([layer] for layer in self.layers), last]

    def depth_parameters(self) -> Iterator[DepthParameter]:
        """Every parameter with its depth, embeddings first."""
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        for depth, modules in enumerate(self.depths()):
            for module in modules:
                for part in module.modules():
                    for parameter in part.parameters(recurse=False):
                        decays = parameter.ndim > 2  # a matrix of each member; its vectors are biases and norms
                        yield DepthParameter(names[id(parameter)], depth, decays, parameter)

    def load_member(self, member: int, checkpoint: Checkpoint, *, seed: int) -> None:
        """Sets one member's weights: the checkpoint's, with a fresh head (and pooler, where it has none) by `seed`."""
        for name, parameter in self.encoder.named_weights().items():
            source = checkpoint.weights[name]
            if name == "embeddings.words" and self.rows is not None:
                source = source.index_select(0, self.rows.cpu())
            parameter.data[member].copy_(source)
        pretrained = {"dense.weight": "pooler.dense.weight", "dense.bias": "pooler.dense.bias"}
        # ELECTRA's GELU head is never pretrained; a pooler is where the checkpoint holds one (BERT's: NSP trained it).
        generator = torch.Generator().manual_seed(seed_for(seed, "head"))
        for part in (self.pooler, self.head):
            if part is not None:
                reset(part, member, generator=generator)
        if self._has_bert_pooler and all(name in checkpoint.weights for name in pretrained.values()):
            for own, name in pretrained.items():
                self.pooler.get_parameter(own).data[member].copy_(checkpoint.weights[name])

    def keep_members(self, members: Sequence[int]) -> None:
        """Goes on with these members alone; gradients are dropped."""
        for parameter in self.parameters():
            index = torch.tensor(members, device=parameter.device, dtype=torch.int64)
            parameter.data = parameter.data.index_select(0, index)
            parameter.grad = None
        self.members = self.encoder.members = len(members)

    @contextmanager
    def only(self, members: Sequence[int]) -> Iterator[Classifier]:
        """For the time of a `with`, a model of these members alone (no copy where they are all)."""
        if list(members) == list(range(self.members)):
            yield self
            return
        whole, count = [parameter.data for parameter in self.parameters()], self.members
        try:
            for parameter, data in zip(self.parameters(), whole, strict=True):
                parameter.data = data[list(members)]
            self.members = self.encoder.members = len(members)
            yield self
        finally:
            for parameter, data in zip(self.parameters(), whole, strict=True):
                parameter.data = data
            self.members = self.encoder.members = count

    def member_weights(self, member: int, full_words: Tensor | None = None) -> dict[str, Tensor]:
        """One member's encoder and pooler by checkpoint names.

        Args:
            full_words: (vocabulary, width) the whole word table, where only some rows were trained.
        """
        weights = {name: p.data[member].cpu().clone() for name, p in self.encoder.named_weights().items()}
        if self.rows is not None and full_words is not None:
            words = full_words.clone()
            words[self.rows.cpu()] = weights["embeddings.words"]
            weights["embeddings.words"] = words
        if self._has_bert_pooler:
            weights |= {f"pooler.{n}": p.data[member].cpu().clone() for n, p in self.pooler.named_parameters()}
        return weights

    def head_weights(self, member: int) -> dict[str, Tensor]:
        """One member's head: head.weight, head.bias and, where it has a dense layer before, pooler.dense.*."""
        return {name: parameter.data[member].cpu().clone() for name, parameter in self._head_parameters()}

    def put_weights(self, member: int, encoder: Mapping[str, Tensor], head: Mapping[str, Tensor]) -> None:
        """Sets one member's weights to those of `member_weights` and `head_weights`."""
        for name, parameter in (*self.encoder.named_weights().items(), *self._head_parameters()):
            source = head[name] if name in head else encoder[name]
            parameter.data[member].copy_(source)

    def _head_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.named_parameters() if name.startswith(("pooler.", "head."))]


def reset(module: nn.Module, member: int, *, generator: torch.Generator) -> None:
    """One member's fresh weights: N(0, 0.02), biases 0, norms 1 and 0."""
    for part in module.modules():
        for own, parameter in part.named_parameters(recurse=False):
            name = own if parameter.ndim > 2 or own.endswith("bias") else "norm.weight"  # a vector, and no bias
            parameter.data[member].copy_(initial(name, tuple(parameter.shape[1:]), generator))


@dataclass(frozen=True, eq=False)
class TrainedWeights:
    """A fine-tuned model by our names, float32 on the CPU, no member axis."""

    architecture: Architecture  # of the layers that are left
    encoder: Mapping[str, Tensor]  # the whole table of words; what a pooler here is stands in `head` too
    head: Mapping[str, Tensor]  # head.weight, head.bias; pooler.dense.* where there is one
