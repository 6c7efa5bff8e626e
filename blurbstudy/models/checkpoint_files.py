"""The files of a Hugging Face checkpoint: its folder, its architecture, its tokenizer's files; needs no torch."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..config import JsonObject
from ..errors import CheckpointError, one_line
from .architecture import Architecture, architecture_from_config

TOKENIZERS = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"))  # one tokenizer each; last: RoBERTa's
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
SENTENCE_PIECES = ("spm.model", "sentencepiece.bpe.model", "spiece.model")  # read if there is no tokenizer.json
SENTENCE_TRANSFORMER_FILES = ("modules.json", "1_Pooling/config.json")
OTHERS = {  # what a folder without weights may hold -> what that is, and what to do
    "adapter_config.json": (
        "an adapter (PEFT) without the weights of its base model; merge the two: "
        "PeftModel.from_pretrained(BASE, DIR).merge_and_unload().save_pretrained(NEW_DIR)"
    ),
    "tf_model*.h5": "TensorFlow weights alone; convert them: from_pretrained(DIR, from_tf=True) of transformers 4",
    "model.ckpt*": "a TensorFlow checkpoint alone; convert it: transformers-cli convert of transformers 4",
    "flax_model*.msgpack": "Flax weights alone; convert them: from_pretrained(DIR, from_flax=True) of transformers 4",
    "*.onnx": "an ONNX model alone, which cannot be trained; use the checkpoint that it was exported from",
    "0_*/config.json": "a folder of an old sentence-transformers; name the folder of its encoder: {found}",
}
CASED_THRESHOLD = 0.01  # fraction of entries with capitals above which a vocabulary is cased


def checkpoint_folder(path_or_id: Path | str) -> Path:
    """The directory of a checkpoint; a Hub id is downloaded once into Hugging Face's cache.
    Raises CheckpointError: no such directory, no config.json in it, or the Hub id cannot be downloaded.
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


def describe_other_weights(folder: Path) -> str:
    """What a folder without weights of ours holds instead, and what to do; '' if nothing known."""
    for pattern, advice in OTHERS.items():
        if matches := sorted(folder.glob(pattern)):
            return advice.replace("{found}", str(matches[0].parent)).replace("DIR", str(folder), 1)
    return ""


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


def is_cased_by_vocabulary(folder: Path) -> bool:
    """Whether a tokenizer's vocabulary is cased while no file says so, like BioBERT's on the Hub: a bare vocab.txt,
    which transformers would read with lower-casing, so that no entry with capitals would ever be used.
    """
    if (folder / "tokenizer.json").exists() or "do_lower_case" in read_json(folder / "tokenizer_config.json"):
        return False
    try:
        entries = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # reported when the tokenizer is loaded
        return False
    words = [entry for entry in entries if not (entry.startswith("[") and entry.endswith("]"))]
    return sum(entry != entry.lower() for entry in words) > CASED_THRESHOLD * len(words)


def tokenizer_files(folder: Path) -> tuple[str, ...]:
    """Names of the files that a tokenizer is read from, whether they exist or not."""
    return TOKENIZER_FILES if (folder / "tokenizer.json").exists() else (*TOKENIZER_FILES, *SENTENCE_PIECES)


def read_json(file: Path) -> JsonObject:
    """The object in a JSON file; empty if there is none."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
