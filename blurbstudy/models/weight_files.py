"""The weight files of a checkpoint: one file, or shards with an index, as safetensors or pickles (Hugging Face).

An index is checked: all shards are in the folder itself, and each holds exactly the tensors that the index lists.
"""

from __future__ import annotations

import functools
import hashlib
import json
import pickle
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CheckpointError, one_line
from .checkpoint_files import describe_other_weights

SINGLE_FILE = "model.safetensors"
WEIGHT_FILES = (SINGLE_FILE, "pytorch_model.bin")  # in order of preference; each may be sharded
LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # how a pointer begins that stands for a file
INDEX = ".index.json"  # suffix of an index, after the name that a single file would have
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


def write_weights(state: dict[str, Tensor], folder: Path, *, shard_bytes: int = 0) -> None:
    """Writes tensors to one file, or to shards and their index; earlier weights in the folder are deleted.
    `shard_bytes`: largest total size of a shard's tensors (a larger tensor gets a shard of its own); 0: one file.
    """
    from huggingface_hub import save_torch_state_dict

    save_torch_state_dict(state, folder, max_shard_size=shard_bytes or sys.maxsize)


def delete_other_weights(folder: Path, *, keep: Collection[str]) -> None:
    """Deletes safetensors files and their index except those named: shards of two exports must never mix."""
    for file in (*_safetensors(folder), folder / f"{SINGLE_FILE}{INDEX}"):
        if file.name not in keep:
            file.unlink(missing_ok=True)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint.
    Raises CheckpointError: there are no weights; a file is missing, corrupt or does not match the index.
    """
    state: dict[str, Tensor] = {}
    for file, expected in weight_files(folder).items():
        try:
            if file.suffix == ".safetensors":
                tensors = load_file(file)
            else:
                tensors = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if _is_lfs_pointer(file):
                raise CheckpointError(_explain_unreadable(file, error)) from None
            # torch names weights_only where an object other than a tensor would have to be run
            unsafe = "weights_only" in str(error)
            reason = "contains pickled objects other than tensors; refusing to load them" if unsafe else "corrupt"
            raise CheckpointError(
                f"{file}: cannot be read as weights ({reason}); use weights in model.safetensors"
            ) from None
        except Exception as error:  # corrupt files raise many kinds
            raise CheckpointError(_explain_unreadable(file, error)) from None
        if not isinstance(tensors, dict) or not all(
            isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in tensors.items()
        ):
            raise CheckpointError(f"{folder}: expected a dictionary of named tensors; save the model's state_dict")
        _check_index(file, set(tensors), expected)
        state |= tensors
    return state


def weight_files(folder: Path) -> dict[Path, frozenset[str] | None]:
    """File -> the tensors that the index lists for it; None for a single file.
    Raises CheckpointError: there are no weights; the index is invalid or does not match the shards.
    """
    for name in WEIGHT_FILES:
        if (folder / name).exists():
            return {folder / name: None}
        if (folder / f"{name}{INDEX}").exists():
            return _indexed_files(folder, folder / f"{name}{INDEX}")
    other = describe_other_weights(folder)
    raise CheckpointError(
        f"{folder}: {other}" if other else f"{folder}: no weights; put {' or '.join(WEIGHT_FILES)} next to config.json"
    )


def _is_lfs_pointer(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(LFS_POINTER)) == LFS_POINTER


def _explain_unreadable(file: Path, error: Exception) -> str:
    if _is_lfs_pointer(file):
        return f"{file}: a Git LFS pointer instead of the weights; fetch them: git lfs pull, in {file.parent}"
    return f"{file}: cannot be read as weights ({one_line(error)})"


def _indexed_files(folder: Path, index: Path) -> dict[Path, frozenset[str] | None]:
    try:
        weight_map = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{index}: not a weight index; use a complete checkpoint") from None
    shards = sorted(set(map(str, weight_map.values())))
    # Shards must be in the folder itself: an index must not lead out of it.
    missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
    if missing or not shards:
        reason = f"shard {missing[0]!r} is missing" if missing else f"{index.name} lists no tensor"
        raise CheckpointError(f"{folder}: {reason}; use a complete checkpoint")
    extra = [file.name for file in _safetensors(folder) if file.name not in shards]
    if extra and index.name.startswith(SINGLE_FILE):
        raise CheckpointError(f"{folder}: {extra[0]!r} is not in {index.name}; keep only the shards of one checkpoint")
    return {
        folder / shard: frozenset(name for name, file in weight_map.items() if str(file) == shard) for shard in shards
    }


def _check_index(file: Path, names: set[str], expected: frozenset[str] | None) -> None:
    if expected is not None and names != expected:
        name = min(names ^ expected)
        reason = f"lacks {name!r}, which is" if name in expected else f"contains {name!r}, which is not"
        raise CheckpointError(f"{file}: {reason} in the index; use the shards and the index of one checkpoint")


def _safetensors(folder: Path) -> list[Path]:
    """Weights in the folder that are of a single-file or a sharded export."""
    return [f for f in folder.glob("model*.safetensors") if f.name == SINGLE_FILE or SHARD.fullmatch(f.name)]


# Digests


def weights_digests(folder: Path) -> Iterator[tuple[str, str]]:
    """(file name, SHA-256 in hexadecimal) of the weights.

    Safetensors are digested as one set of tensors, whether in one file or in shards; pickles file by file.
    """
    files = weight_files(folder)
    if not all(file.suffix == ".safetensors" for file in files):
        yield from ((file.name, content_digest(file)) for file in files)
        return
    stamps = tuple((file, file.stat().st_size, file.stat().st_mtime_ns, names) for file, names in files.items())
    yield SINGLE_FILE, _tensors_digest(stamps)


@functools.lru_cache(maxsize=64)
def _tensors_digest(stamps: tuple[tuple[Path, int, int, frozenset[str] | None], ...]) -> str:
    """SHA-256 over name, type, shape and bytes of all tensors, sorted by name."""
    digest = hashlib.sha256()
    tensors = {}
    for file, _, _, expected in stamps:
        try:
            reader = safe_open(file, framework="pt")
        except Exception as error:  # corrupt files raise many kinds
            raise CheckpointError(_explain_unreadable(file, error)) from None
        _check_index(file, set(reader.keys()), expected)
        tensors |= dict.fromkeys(reader.keys(), reader)
    for name in sorted(tensors):
        tensor = tensors[name].get_tensor(name)
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def content_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; cached while size and modification time stay the same."""
    return _file_digest(file, file.stat().st_size, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _file_digest(file: Path, size: int, modified: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
