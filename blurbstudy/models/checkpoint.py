"""Hugging Face checkpoints in and out: a directory or Hub id of BERT's, ELECTRA's or RoBERTa's family, or of any other
encoder that transformers has a module for.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .architecture import Architecture, architecture_from_config
from .state_dict_names import from_hugging_face, shapes, to_hugging_face
from .weight_files import content_digest, plan_shards, read_weights, weights_digests, write_weights

TOKENIZERS = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"))  # each is one; the last: RoBERTa's
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "vocab.json", "merges.txt",
)  # fmt: skip
CASED = "cased by its vocabulary"  # told of tokenizers to which `is_cased_unsaid` applies, in digests
SENTENCE_PIECES = ("spm.model", "sentencepiece.bpe.model", "spiece.model")  # read where there is no tokenizer.json
SENTENCE_TUNED = ("modules.json", "1_Pooling/config.json")  # of sentence-transformers: whether, and how it was tuned
ADDED_TOKENS = "added_tokens.json"  # read by transformers beside vocab.txt
INIT_STD = 0.02  # of every fresh weight (Devlin et al. 2019)
CASED_SHARE = 0.01  # of a vocabulary's entries; with more in capitals it is a cased one


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An encoder as it lies on disk: architecture, weights by our names (no member axis), fingerprint."""

    architecture: Architecture
    weights: dict[str, Tensor]  # float32, CPU; pooler.* only where the checkpoint has one
    fingerprint: str  # of configuration, weights and tokenizer files
    path: Path | None = None  # None where it was never on disk

    def tokenizer(self) -> Any:
        """The checkpoint's own fast tokenizer (transformers).

        Raises:
            CheckpointError: there is none, or it has more entries than the encoder has embeddings.
        """
        from transformers import AutoTokenizer

        known = (*TOKENIZERS, *((name,) for name in SENTENCE_PIECES))
        if self.path is None or not any(all((self.path / name).exists() for name in own) for own in known):
            raise CheckpointError(
                f"{self.path}: no tokenizer; put tokenizer.json or vocab.txt (RoBERTa: vocab.json and merges.txt) "
                "beside config.json"
            )
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.path,
                use_fast=True,
                local_files_only=True,
                trust_remote_code=False,
                **_left_unsaid(self.path, self.architecture.family),
            )
        except Exception as error:  # transformers raises many kinds
            raise CheckpointError(f"{self.path}: the tokenizer cannot be read ({_first_line(error)})") from None
        if not getattr(tokenizer, "is_fast", False):
            raise CheckpointError(
                f"{self.path}: has no fast tokenizer; save one beside config.json (tokenizer.json, made by "
                "AutoTokenizer.from_pretrained(...).save_pretrained(...) where sentencepiece is installed)"
            )
        if self.architecture.config and not _begins_specially(tokenizer):
            raise CheckpointError(
                f"{self.path}: the tokenizer sets no token of its own before a text, as [CLS]; a head would have "
                "nothing to read"
            )
        if len(tokenizer) > self.architecture.vocab_size:
            raise CheckpointError(
                f"{self.path}: the tokenizer has {len(tokenizer)} entries, the encoder only "
                f"{self.architecture.vocab_size} embeddings; use the tokenizer that it was pretrained with"
            )
        return tokenizer

    def tokenizer_digest(self) -> str:
        """20 hexadecimal digits of a SHA-256 over all that decides what `tokenizer()` does: its files, the family, and
        the versions of the libraries that read them. No tokenizer is loaded.
        """
        from importlib.metadata import version

        told = [self.architecture.family, *(f"{name} {version(name)}" for name in ("tokenizers", "transformers"))]
        files = [self.path / name for name in (*_tokenizer_files(self.path), ADDED_TOKENS)] if self.path else []
        told += [f"{file.name}:{content_digest(file)}" for file in files if file.exists()]
        told += [CASED] if self.path and is_cased_unsaid(self.path) else []
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:20]

    def with_layers(self, n_layers: int) -> Checkpoint:
        """The same checkpoint seen as an encoder of its lowest `n_layers` layers; weights are shared."""
        return replace(self, architecture=self.architecture.with_layers(n_layers))


def load_checkpoint(path_or_id: Path | str) -> Checkpoint:
    """An encoder from a checkpoint directory or Hub id.

    Raises:
        CheckpointError: no such checkpoint, another family, weights missing, torn or of another shape.
    """
    folder = checkpoint_folder(path_or_id)
    return checkpoint_of(folder, read_weights(folder))


def checkpoint_of(folder: Path, state: dict[str, Tensor]) -> Checkpoint:
    """The encoder among the tensors of a checkpoint directory, which may hold a head beside it.

    Raises:
        CheckpointError: another family; weights missing or of another shape.
    """
    architecture = read_architecture(folder)
    try:
        weights, missing = from_hugging_face(state, architecture)
    except RuntimeError as error:  # tensors that cannot be stacked
        raise CheckpointError(f"{folder}: weights do not fit config.json ({_first_line(error)})") from None
    if missing:
        raise CheckpointError(
            f"{folder}: weights lack {missing[0]!r} ({len(missing)} missing); take a whole checkpoint"
        )
    for name, shape in shapes(architecture).items():
        if tuple(weights[name].shape) != shape:
            raise CheckpointError(f"{folder}: {name} has shape {tuple(weights[name].shape)}, config.json says {shape}")
    return Checkpoint(architecture, weights, checkpoint_fingerprint(folder), folder)


def read_architecture(path_or_id: Path | str) -> Architecture:
    """The architecture in a checkpoint's config.json; no weights are read."""
    folder = checkpoint_folder(path_or_id)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: config.json cannot be read ({_first_line(error)})") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{folder}: config.json holds no object")
    return architecture_from_config(config, str(folder))


def checkpoint_fingerprint(path_or_id: Path | str) -> str:
    """20 hexadecimal digits of a SHA-256 over configuration, weights and tokenizer files, names included.

    An encoder whose safetensors lie in shards has the fingerprint that it has in one file, however it is divided;
    pickled shards count as the files that they are.
    """
    folder = checkpoint_folder(path_or_id)
    told = [("config.json", content_digest(folder / "config.json")), *weights_digests(folder)]
    told += [(name, content_digest(folder / name)) for name in _tokenizer_files(folder) if (folder / name).exists()]
    told += [(CASED, "")] if is_cased_unsaid(folder) else []
    return hashlib.sha256("".join(f"{name}:{digest}\n" for name, digest in told).encode()).hexdigest()[:20]


def is_cased_unsaid(folder: Path) -> bool:
    """Whether a tokenizer is cased by its vocabulary while no file says so, as BioBERT's on the Hub: a bare vocab.txt
    that transformers would lower-case, so that every capital entry would lie idle.
    """
    if (folder / "tokenizer.json").exists() or "do_lower_case" in _settings(folder / "tokenizer_config.json"):
        return False
    try:
        entries = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # told when the tokenizer is loaded
        return False
    words = [entry for entry in entries if not (entry.startswith("[") and entry.endswith("]"))]
    return sum(entry != entry.lower() for entry in words) > CASED_SHARE * len(words)


def _tokenizer_files(folder: Path) -> tuple[str, ...]:
    return TOKENIZER_FILES if (folder / "tokenizer.json").exists() else (*TOKENIZER_FILES, *SENTENCE_PIECES)


def _begins_specially(tokenizer: Any) -> bool:
    """Whether a token of the tokenizer's own stands before a text."""
    encoding = tokenizer("a", return_special_tokens_mask=True)
    return len(encoding["input_ids"]) > 1 and bool(encoding["special_tokens_mask"][0])


def _left_unsaid(folder: Path, family: str) -> dict[str, Any]:
    """What transformers must be told of a tokenizer, since the checkpoint's files leave it out."""
    told: dict[str, Any] = {"do_lower_case": False} if is_cased_unsaid(folder) else {}
    said = _settings(folder / "config.json") | _settings(folder / "tokenizer_config.json")
    bare = not {"model_type", "tokenizer_class"} & set(said)
    return told | ({"tokenizer_type": family} if bare else {})


def _settings(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def checkpoint_folder(path_or_id: Path | str) -> Path:
    """The directory of a checkpoint; a Hub id is downloaded once into Hugging Face's own cache."""
    folder = Path(path_or_id)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise CheckpointError(f"{folder}: no config.json; name a Hugging Face checkpoint directory")
        return folder
    if folder.exists() or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(path_or_id)):
        raise CheckpointError(f"{path_or_id}: no such directory; name a checkpoint directory or a Hub id like org/name")
    from huggingface_hub import snapshot_download

    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json", "pytorch_model*"]
    patterns += [*TOKENIZER_FILES, *SENTENCE_PIECES, *SENTENCE_TUNED]
    try:
        return Path(snapshot_download(str(path_or_id), allow_patterns=patterns))
    except Exception as error:  # the hub client raises many kinds
        raise CheckpointError(
            f"{path_or_id}: neither a directory here nor downloadable from the Hub ({_first_line(error)}); "
            "download it where there is a network and name its directory"
        ) from None


def export_checkpoint(
    weights: dict[str, Tensor],
    architecture: Architecture,
    *,
    folder: Path | str,
    tokenizer: Any = None,
    shard_bytes: int = 0,
) -> Path:
    """Writes a directory that AutoModel.from_pretrained loads: config.json, weights, tokenizer files.

    Args:
        weights: by our names, no member axis.
        tokenizer: a transformers tokenizer to save beside, if any.
        shard_bytes: of a file of weights at most; 0: all in model.safetensors.

    Raises:
        ParameterError: a single tensor is larger than that.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(architecture.to_config(), indent=2) + "\n", encoding="utf-8")
    write_weights(to_hugging_face(weights, architecture), folder, shard_bytes=shard_bytes)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


def check_shard_bytes(weights: dict[str, Tensor], architecture: Architecture, shard_bytes: int) -> None:
    """Refuse shards that these weights do not fit into, before hours are spent on better ones.

    Raises:
        ParameterError: a single tensor is larger than a shard.
    """
    if shard_bytes:
        plan_shards(to_hugging_face(weights, architecture), shard_bytes)


def random_checkpoint(architecture: Architecture, *, seed: int = 0, pooler: bool | None = None) -> Checkpoint:
    """An untrained encoder, N(0, 0.02) as BERT: for tests, and for pretraining to start from.

    Args:
        pooler: whether it has one; by default BERT has and the others have not.
    """
    generator = torch.Generator().manual_seed(seed)
    wanted = shapes(architecture)
    if architecture.family == "bert" if pooler is None else pooler:
        wanted |= {"pooler.dense.weight": (architecture.width,) * 2, "pooler.dense.bias": (architecture.width,)}
    weights = {name: initial(name, shape, generator) for name, shape in wanted.items()}
    return Checkpoint(architecture, weights, f"random-{seed}")


def initial(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """A fresh parameter: biases 0, LayerNorm 1 and 0, everything else N(0, 0.02)."""
    if name.endswith("bias"):
        return torch.zeros(shape)
    if name.endswith("norm.weight"):
        return torch.ones(shape)
    return torch.empty(shape).normal_(0.0, INIT_STD, generator=generator)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
