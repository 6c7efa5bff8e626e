"""Hugging Face checkpoints: loading from a directory or Hub id, export, and fingerprints.

Supported are BERT's, ELECTRA's and RoBERTa's families, and any other bidirectional encoder of transformers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..config import JsonObject, fingerprint
from ..errors import CheckpointError, one_line
from .architecture import Architecture
from .checkpoint_files import (
    SENTENCE_PIECES,
    TOKENIZERS,
    checkpoint_folder,
    is_cased_by_vocabulary,
    read_architecture,
    read_json,
    tokenizer_files,
)
from .state_dict_names import from_hugging_face, shapes, to_hugging_face
from .weight_files import content_digest, read_weights, weights_digests, write_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CASED = "cased by its vocabulary"  # in digests, marks tokenizers to which `is_cased_by_vocabulary` applies
ADDED_TOKENS = "added_tokens.json"  # transformers reads it together with vocab.txt
INIT_STD = 0.02  # of newly initialized weights (Devlin et al. 2019)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An encoder: architecture, weights by our names (no member axis), fingerprint."""

    architecture: Architecture
    weights: dict[str, Tensor]  # float32, CPU; pooler.* only if the checkpoint has a pooler
    fingerprint: str  # of configuration, weights and tokenizer files
    path: Path | None = None  # None: not on disk

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The checkpoint's fast tokenizer (transformers).
        Raises CheckpointError: there is none, it has no special token before a text, or more entries than embeddings.
        """
        from transformers import AutoTokenizer

        known = (*TOKENIZERS, *((name,) for name in SENTENCE_PIECES))
        if self.path is None or not any(all((self.path / name).exists() for name in names) for names in known):
            raise CheckpointError(
                f"{self.path}: no tokenizer; put tokenizer.json or vocab.txt (RoBERTa: vocab.json and merges.txt) "
                "next to config.json"
            )
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.path,
                use_fast=True,
                local_files_only=True,
                trust_remote_code=False,
                **_missing_tokenizer_settings(self.path, self.architecture.family),
            )
        except Exception as error:  # transformers raises many kinds
            raise CheckpointError(f"{self.path}: the tokenizer cannot be read ({one_line(error)})") from None
        if not getattr(tokenizer, "is_fast", False):
            raise CheckpointError(
                f"{self.path}: no fast tokenizer; save one next to config.json (tokenizer.json, from "
                "AutoTokenizer.from_pretrained(...).save_pretrained(...) where sentencepiece is installed)"
            )
        if self.architecture.config and not _adds_first_token(tokenizer):
            raise CheckpointError(
                f"{self.path}: the tokenizer adds no special token such as [CLS] before a text, which a head would "
                "read; use another encoder"
            )
        if len(tokenizer) > self.architecture.vocab_size:
            raise CheckpointError(
                f"{self.path}: the tokenizer has {len(tokenizer)} entries, the encoder only "
                f"{self.architecture.vocab_size} embeddings; use the tokenizer that it was pretrained with"
            )
        return tokenizer

    def tokenizer_digest(self) -> str:
        """20 hexadecimal digits of a SHA-256 over all that determines the output of `tokenizer()`: its files, the
        family, and the versions of the libraries. No tokenizer is loaded.
        """
        lines = [self.architecture.family, *(f"{name} {version(name)}" for name in ("tokenizers", "transformers"))]
        if self.path:
            files = [self.path / name for name in (*tokenizer_files(self.path), ADDED_TOKENS)]
            lines += [f"{file.name}:{content_digest(file)}" for file in files if file.exists()]
            lines += [CASED] if is_cased_by_vocabulary(self.path) else []
        return fingerprint("\n".join(lines))

    def with_layers(self, n_layers: int) -> Checkpoint:
        return replace(self, architecture=self.architecture.with_layers(n_layers))


def load_checkpoint(path_or_id: Path | str) -> Checkpoint:
    """An encoder from a checkpoint directory or Hub id.
    Raises CheckpointError: no such checkpoint; an unsupported family; weights missing, corrupt or of another shape.
    """
    folder = checkpoint_folder(path_or_id)
    return checkpoint_of(folder, read_weights(folder))


def checkpoint_of(folder: Path, state: dict[str, Tensor]) -> Checkpoint:
    """The encoder among the tensors of a checkpoint directory, which may hold a head as well.
    Raises CheckpointError: an unsupported family; weights missing or of another shape.
    """
    architecture = read_architecture(folder)
    try:
        weights, missing = from_hugging_face(state, architecture)
    except RuntimeError as error:  # tensors that cannot be stacked
        raise CheckpointError(f"{folder}: weights do not fit config.json ({one_line(error)})") from None
    if missing:
        raise CheckpointError(
            f"{folder}: weights lack {missing[0]!r} ({len(missing)} missing); use a complete checkpoint"
        )
    for name, shape in shapes(architecture).items():
        if tuple(weights[name].shape) != shape:
            raise CheckpointError(f"{folder}: {name} has shape {tuple(weights[name].shape)}, config.json says {shape}")
    damaged = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if damaged:
        raise CheckpointError(
            f"{folder}: NaN or infinity in {len(damaged)} of {len(weights)} weights (first {damaged[0]}); use a "
            "checkpoint from before its training diverged"
        )
    return Checkpoint(architecture, weights, checkpoint_fingerprint(folder), folder)


def checkpoint_fingerprint(path_or_id: Path | str) -> str:
    """20 hexadecimal digits of a SHA-256 over configuration, weights and tokenizer files, file names included.

    It does not depend on how safetensors are sharded; pickled shards are hashed file by file.
    """
    folder = checkpoint_folder(path_or_id)
    digests = [("config.json", content_digest(folder / "config.json")), *weights_digests(folder)]
    files = [folder / name for name in tokenizer_files(folder)]
    digests += [(file.name, content_digest(file)) for file in files if file.exists()]
    digests += [(CASED, "")] if is_cased_by_vocabulary(folder) else []
    return fingerprint("".join(f"{name}:{digest}\n" for name, digest in digests))


def _adds_first_token(tokenizer: PreTrainedTokenizerFast) -> bool:
    encoding = tokenizer("a", return_special_tokens_mask=True)
    return len(encoding["input_ids"]) > 1 and bool(encoding["special_tokens_mask"][0])


def _missing_tokenizer_settings(folder: Path, family: str) -> JsonObject:
    """Arguments for transformers that a checkpoint's files leave out."""
    arguments: JsonObject = {"do_lower_case": False} if is_cased_by_vocabulary(folder) else {}
    settings = read_json(folder / "config.json") | read_json(folder / "tokenizer_config.json")
    if not {"model_type", "tokenizer_class"} & set(settings):
        arguments["tokenizer_type"] = family
    return arguments


def export_checkpoint(
    weights: dict[str, Tensor],
    architecture: Architecture,
    *,
    folder: Path | str,
    tokenizer: PreTrainedTokenizerFast | None = None,
    shard_bytes: int = 0,
) -> Path:
    """Writes a directory that AutoModel.from_pretrained loads: config.json, weights, tokenizer files.

    Args:
        weights: by our names, no member axis.
        tokenizer: a transformers tokenizer to save as well, if any.
        shard_bytes: largest total size of the tensors in one weight file; 0: one file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(architecture.to_config(), indent=2) + "\n", encoding="utf-8")
    write_weights(to_hugging_face(weights, architecture), folder, shard_bytes=shard_bytes)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


def random_checkpoint(architecture: Architecture, *, seed: int = 0, pooler: bool | None = None) -> Checkpoint:
    """An untrained encoder, initialized as BERT (N(0, 0.02)), to start pretraining from.
    `pooler`: whether it has one; None: only BERT has.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters = shapes(architecture)
    if architecture.family == "bert" if pooler is None else pooler:
        parameters |= {"pooler.dense.weight": (architecture.width,) * 2, "pooler.dense.bias": (architecture.width,)}
    weights = {name: init_parameter(name, shape, generator) for name, shape in parameters.items()}
    return Checkpoint(architecture, weights, f"random-{seed}")


def init_parameter(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """A newly initialized parameter: biases 0, LayerNorm 1 and 0, everything else N(0, 0.02)."""
    if name.endswith("bias"):
        return torch.zeros(shape)
    if name.endswith("norm.weight"):
        return torch.ones(shape)
    return torch.empty(shape).normal_(0.0, INIT_STD, generator=generator)
