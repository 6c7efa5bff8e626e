"""Hugging Face checkpoints: loading from a directory or Hub id, export, and fingerprints.

Supported are BERT's, ELECTRA's and RoBERTa's families, and any other bidirectional encoder of transformers.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..config import JsonObject, fingerprint
from ..errors import CheckpointError, one_line
from .architecture import Architecture, architecture_from_config
from .state_dict_names import from_hugging_face, shapes, to_hugging_face
from .weight_files import content_digest, describe_other_weights, read_weights, weights_digests, write_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZERS = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"))  # one tokenizer each; last: RoBERTa's
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
CASED = "cased by its vocabulary"  # in digests, marks tokenizers to which `is_cased_by_vocabulary` applies
SENTENCE_PIECES = ("spm.model", "sentencepiece.bpe.model", "spiece.model")  # read if there is no tokenizer.json
SENTENCE_TRANSFORMER_FILES = ("modules.json", "1_Pooling/config.json")
ADDED_TOKENS = "added_tokens.json"  # transformers reads it together with vocab.txt
INIT_STD = 0.02  # of newly initialized weights (Devlin et al. 2019)
CASED_THRESHOLD = 0.01  # fraction of entries with capitals above which a vocabulary is cased


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An encoder: architecture, weights by our names (no member axis), fingerprint."""

    architecture: Architecture
    weights: dict[str, Tensor]  # float32, CPU; pooler.* only if the checkpoint has a pooler
    fingerprint: str  # of configuration, weights and tokenizer files
    path: Path | None = None  # None: not on disk

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The checkpoint's fast tokenizer (transformers).

        Raises:
            CheckpointError: there is none, it has no special token before a text, or more entries than embeddings.
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
            files = [self.path / name for name in (*_tokenizer_files(self.path), ADDED_TOKENS)]
            lines += [f"{file.name}:{content_digest(file)}" for file in files if file.exists()]
            lines += [CASED] if is_cased_by_vocabulary(self.path) else []
        return fingerprint("\n".join(lines))

    def with_layers(self, n_layers: int) -> Checkpoint:
        """The same checkpoint with its lowest `n_layers` layers only; weights are shared."""
        return replace(self, architecture=self.architecture.with_layers(n_layers))


def load_checkpoint(path_or_id: Path | str) -> Checkpoint:
    """An encoder from a checkpoint directory or Hub id.

    Raises:
        CheckpointError: no such checkpoint; an unsupported family; weights missing, corrupt or of another shape.
    """
    folder = checkpoint_folder(path_or_id)
    return checkpoint_of(folder, read_weights(folder))


def checkpoint_of(folder: Path, state: dict[str, Tensor]) -> Checkpoint:
    """The encoder among the tensors of a checkpoint directory, which may hold a head as well.

    Raises:
        CheckpointError: an unsupported family; weights missing or of another shape.
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


def read_architecture(path_or_id: Path | str) -> Architecture:
    """The architecture in a checkpoint's config.json; no weights are read."""
    folder = checkpoint_folder(path_or_id)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: config.json cannot be read ({one_line(error)})") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{folder}: config.json must be a JSON object")
    return architecture_from_config(config, str(folder))


def checkpoint_fingerprint(path_or_id: Path | str) -> str:
    """20 hexadecimal digits of a SHA-256 over configuration, weights and tokenizer files, file names included.

    It does not depend on how safetensors are sharded; pickled shards are hashed file by file.
    """
    folder = checkpoint_folder(path_or_id)
    digests = [("config.json", content_digest(folder / "config.json")), *weights_digests(folder)]
    files = [folder / name for name in _tokenizer_files(folder)]
    digests += [(file.name, content_digest(file)) for file in files if file.exists()]
    digests += [(CASED, "")] if is_cased_by_vocabulary(folder) else []
    return fingerprint("".join(f"{name}:{digest}\n" for name, digest in digests))


def is_cased_by_vocabulary(folder: Path) -> bool:
    """Whether a tokenizer's vocabulary is cased while no file says so, like BioBERT's on the Hub: a bare vocab.txt,
    which transformers would read with lower-casing, so that no entry with capitals would ever be used.
    """
    if (folder / "tokenizer.json").exists() or "do_lower_case" in _read_json(folder / "tokenizer_config.json"):
        return False
    try:
        entries = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # reported when the tokenizer is loaded
        return False
    words = [entry for entry in entries if not (entry.startswith("[") and entry.endswith("]"))]
    return sum(entry != entry.lower() for entry in words) > CASED_THRESHOLD * len(words)


def _tokenizer_files(folder: Path) -> tuple[str, ...]:
    return TOKENIZER_FILES if (folder / "tokenizer.json").exists() else (*TOKENIZER_FILES, *SENTENCE_PIECES)


def _adds_first_token(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether the tokenizer adds a special token before a text."""
    encoding = tokenizer("a", return_special_tokens_mask=True)
    return len(encoding["input_ids"]) > 1 and bool(encoding["special_tokens_mask"][0])


def _missing_tokenizer_settings(folder: Path, family: str) -> JsonObject:
    """Arguments for transformers that a checkpoint's files leave out."""
    arguments: JsonObject = {"do_lower_case": False} if is_cased_by_vocabulary(folder) else {}
    settings = _read_json(folder / "config.json") | _read_json(folder / "tokenizer_config.json")
    if not {"model_type", "tokenizer_class"} & set(settings):
        arguments["tokenizer_type"] = family
    return arguments


def _read_json(file: Path) -> JsonObject:
    """The object in a JSON file; empty if there is none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def checkpoint_folder(path_or_id: Path | str) -> Path:
    """The directory of a checkpoint; a Hub id is downloaded once into Hugging Face's cache.

    Raises:
        CheckpointError: no such directory, no config.json in it, or the Hub id cannot be downloaded.
    """
    folder = Path(path_or_id)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            if other := describe_other_weights(folder):
                raise CheckpointError(f"{folder}: {other}")
            raise CheckpointError(f"{folder}: no config.json; name a Hugging Face checkpoint directory")
        return folder
    if folder.exists() or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(path_or_id)):
        raise CheckpointError(f"{path_or_id}: no such directory; name a checkpoint directory or a Hub id like org/name")
    from huggingface_hub import snapshot_download

    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json", "pytorch_model*"]
    patterns += [*TOKENIZER_FILES, *SENTENCE_PIECES, *SENTENCE_TRANSFORMER_FILES]
    try:
        return Path(snapshot_download(str(path_or_id), allow_patterns=patterns))
    except Exception as error:  # the hub client raises many kinds
        raise CheckpointError(
            f"{path_or_id}: neither a local directory nor downloadable from the Hub ({one_line(error)}); "
            "download it on a machine with a network and name its directory"
        ) from None


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

    Args:
        pooler: whether it has one; None: only BERT has.
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
