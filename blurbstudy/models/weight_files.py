"""The weight files of a checkpoint: one, or shards with an index, in Hugging Face's own form (safetensors, or pickled).

An index is no authority: every shard lies in the folder itself and holds the tensors that the index says, no more.
"""

from __future__ import annotations

import functools
import hashlib
import json
import pickle
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import CheckpointError, ParameterError

WHOLE = "model.safetensors"
WEIGHT_FILES = (WHOLE, "pytorch_model.bin")  # in order of preference; each may be sharded
INDEX = ".index.json"  # after the name that one file would have
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
METADATA = {"format": "pt"}  # what transformers asks for
HEADER = 1024  # bytes of a shard's header at most, beside those of its tensors
HEADER_PER_TENSOR = 160  # beside its name: type, shape, place
MOST_HEADER = 100_000_000  # bytes, as safetensors itself has it
CHUNK = 1 << 20  # bytes read at once
# Types in the order in which safetensors lays tensors out.
TYPES = (
    "U64",
    "I64",
    "F64",
    "F32",
    "U32",
    "I32",
    "BF16",
    "F16",
    "U16",
    "I16",
    "F8_E4M3",
    "F8_E5M2",
    "I8",
    "U8",
    "BOOL",
)


def write_weights(state: Mapping[str, Tensor], folder: Path, *, shard_bytes: int = 0) -> None:
    """Write tensors to one file, or to shards of at most so many bytes and their index; what weights were in the folder
    are let go.

    Raises:
        ParameterError: a single tensor is larger than a shard; nothing was written.
    """
    shards = plan_shards(state, shard_bytes) if shard_bytes else [list(state)]
    names = [WHOLE] if len(shards) == 1 else [_shard_name(n, len(shards)) for n in range(1, len(shards) + 1)]
    for name, own in zip(names, shards, strict=True):
        save_file({tensor: state[tensor] for tensor in own}, folder / name, metadata=METADATA)
    index = folder / f"{WHOLE}{INDEX}"
    if len(shards) > 1:
        told = {
            "metadata": {
                "total_parameters": sum(tensor.numel() for tensor in state.values()),
                "total_size": sum(map(_size, state.values())),
            },
            "weight_map": {tensor: name for name, own in zip(names, shards, strict=True) for tensor in own},
        }
        index.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        names.append(index.name)
    forget_weights(folder, but=names)


def forget_weights(folder: Path, *, but: Collection[str]) -> None:
    """Let go of safetensors and their index, but for files of these names: shards of two exports never lie together."""
    for file in (*_safetensors(folder), folder / f"{WHOLE}{INDEX}"):
        if file.name not in but:
            file.unlink(missing_ok=True)


def plan_shards(state: Mapping[str, Tensor], shard_bytes: int) -> list[list[str]]:
    """Names of tensors, in their order, a list per shard; no file becomes larger than `shard_bytes`.

    Raises:
        ParameterError: a single tensor is larger than that.
    """
    shards: list[list[str]] = [[]]
    left = shard_bytes - HEADER
    for name, tensor in state.items():
        size = _size(tensor) + len(name) + HEADER_PER_TENSOR
        if size > shard_bytes - HEADER:
            least = max(_size(t) + len(n) for n, t in state.items()) + HEADER_PER_TENSOR + HEADER
            raise ParameterError(
                f"a shard of {shard_bytes:,} bytes cannot hold {name!r} of {_size(tensor):,} bytes, and a tensor is "
                f"never divided; use {least:,} or more"
            )
        if size > left:
            shards.append([])
            left = shard_bytes - HEADER
        shards[-1].append(name)
        left -= size
    return shards


def _is_refused(error: pickle.UnpicklingError) -> bool:
    """Whether torch has met something that it would have to run; its own message advises to do so."""
    return "weights_only" in str(error)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint.

    Raises:
        CheckpointError: there are none; a file is missing or torn, or holds other tensors than the index says.
    """
    state: dict[str, Tensor] = {}
    for file, listed in weight_files(folder).items():
        try:
            if file.suffix == ".safetensors":
                found = load_file(file)
            else:
                found = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            said = "it holds more than tensors, such as code, which is not run" if _is_refused(error) else "torn"
            remedy = "use weights in model.safetensors"
            raise CheckpointError(f"{file}: cannot be read as weights ({said}); {remedy}") from None
        except Exception as error:  # torn files raise many kinds
            raise CheckpointError(f"{file}: cannot be read as weights ({_first_line(error)})") from None
        if not isinstance(found, dict) or not all(
            isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in found.items()
        ):
            raise CheckpointError(f"{folder}: holds something else than named tensors; save the model's state_dict")
        _check_listed(file, set(found), listed)
        state |= found
    return state


def weights_digests(folder: Path) -> Iterator[tuple[str, str]]:
    """(file name, SHA-256 of its content) of the weights. Shards of safetensors count as the one file that they would
    make, so that dividing an encoder changes nothing; pickled shards count one by one.
    """
    files = weight_files(folder)
    if None in files.values() or not all(file.suffix == ".safetensors" for file in files):
        yield from ((file.name, content_digest(file)) for file in files)
        return
    for file, listed in files.items():
        _check_listed(file, set(_header(file)[0]), listed)
    stamps = tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    yield WHOLE, _joined_digest(stamps)


def weight_files(folder: Path) -> dict[Path, frozenset[str] | None]:
    """File -> the tensors that it is said to hold; None where one file holds all.

    Raises:
        CheckpointError: there are no weights, or the index is none, names what is not there, or is not of the shards
            that are.
    """
    for name in WEIGHT_FILES:
        if (folder / name).exists():
            return {folder / name: None}
        if (folder / f"{name}{INDEX}").exists():
            return _indexed(folder, folder / f"{name}{INDEX}")
    raise CheckpointError(f"{folder}: no weights; put model.safetensors or pytorch_model.bin beside config.json")


def _indexed(folder: Path, index: Path) -> dict[Path, frozenset[str] | None]:
    try:
        listed = dict(json.loads(index.read_text(encoding="utf-8"))["weight_map"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(f"{index}: is no weight index; take a whole checkpoint") from None
    shards = sorted(set(map(str, listed.values())))
    # A shard lies in the folder itself: an index must not lead out of it.
    absent = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
    if absent or not shards:
        said = f"shard {absent[0]!r} is missing" if absent else f"{index.name} lists no tensor"
        raise CheckpointError(f"{folder}: {said}; take a whole checkpoint")
    more = [file.name for file in _safetensors(folder) if file.name not in shards and index.name.startswith(WHOLE)]
    if more:
        raise CheckpointError(f"{folder}: {more[0]!r} is not in {index.name}; take the shards of one checkpoint alone")
    return {folder / shard: frozenset(name for name, own in listed.items() if str(own) == shard) for shard in shards}


def _check_listed(file: Path, found: set[str], listed: frozenset[str] | None) -> None:
    if listed is not None and found != listed:
        name = min(found ^ listed)
        said = f"lacks {name!r}, which" if name in listed else f"holds {name!r}, which not"
        raise CheckpointError(f"{file}: {said} the index says; take the shards and the index of one checkpoint")


def _safetensors(folder: Path) -> list[Path]:
    """Weights in this folder that are of a whole or a divided export."""
    return [file for file in folder.glob("model*.safetensors") if file.name == WHOLE or SHARD.fullmatch(file.name)]


def _shard_name(number: int, of: int) -> str:
    return f"model-{number:05d}-of-{of:05d}.safetensors"


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


# Digests


def content_digest(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; computed once while the file stays as it is."""
    return _file_digest(file, file.stat().st_size, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _file_digest(file: Path, size: int, modified: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@functools.lru_cache(maxsize=64)
def _joined_digest(stamps: tuple[tuple[Path, int, int], ...]) -> str:
    """SHA-256 of the file that safetensors makes of the tensors of all shards; no tensor is loaded.

    Its form: the length of the header in 8 bytes, the header as JSON without spaces, padded to a multiple of 8, then
    the tensors, larger types first, by name within a type.
    """
    places: dict[str, tuple[Path, int, dict[str, Any]]] = {}  # name -> file, first byte, what its header says
    metadata: dict[str, str] = {}
    for file, _, _ in stamps:
        header, told, start = _header(file)
        metadata |= told
        places |= {name: (file, start + entry["data_offsets"][0], entry) for name, entry in header.items()}
    order = sorted(places, key=lambda name: (TYPES.index(places[name][2]["dtype"]), name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name in order:
        entry = places[name][2]
        begin, end = end, end + entry["data_offsets"][1] - entry["data_offsets"][0]
        header[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256(len(text).to_bytes(8, "little") + text)
    for name in order:
        file, start, entry = places[name]
        for chunk in _bytes_of(file, start, entry["data_offsets"][1] - entry["data_offsets"][0]):
            digest.update(chunk)
    return digest.hexdigest()


def _header(file: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str], int]:
    """(name -> type, shape, place; metadata; where the tensors begin) of a safetensors file.

    Raises:
        CheckpointError: it is none, or has a type that is none of an encoder's.
    """
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > MOST_HEADER:
                raise ValueError("its header has no end")
            header = json.loads(stream.read(length))
        metadata = dict(header.pop("__metadata__", {}))
        size = file.stat().st_size - 8 - length
        for entry in header.values():
            (begin, end), dtype = entry["data_offsets"], entry["dtype"]
            if dtype not in TYPES or not isinstance(entry["shape"], list) or not 0 <= begin <= end <= size:
                raise ValueError(f"a tensor of type {dtype} from {begin} to {end}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{file}: cannot be read as weights ({_first_line(error)})") from None
    return header, metadata, 8 + length


def _bytes_of(file: Path, start: int, count: int) -> Iterator[bytes]:
    with file.open("rb") as stream:
        stream.seek(start)
        while count:
            chunk = stream.read(min(count, CHUNK))
            if not chunk:
                raise CheckpointError(f"{file}: was cut off while it was read; take a whole checkpoint")
            yield chunk
            count -= len(chunk)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
