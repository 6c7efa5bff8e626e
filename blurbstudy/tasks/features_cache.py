"""Packed features on disk: each task is tokenized once per tokenizer, for all processes and commands.

The cache holds one uncompressed .npz without pickles per task, tokenizer and setting, with a SHA-256 of its contents.
Files that are damaged or belong to another setting are replaced. If the cache cannot be written, features are used
without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config import canonical_json, fingerprint
from ..errors import DataError
from ..filesystem import atomic_open, file_lock, remove_unfinished
from ..paths import cache_folder
from . import data_fingerprint
from .features import Features, task_features
from .task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FEATURES_REVISION = 2  # raise it with any change of code that alters features
FOLDER = "features"  # in the cache folder
COLUMNS = ("ids", "segments", "offsets", "targets")
OPTIONAL_COLUMNS = ("word_starts", "examples", "second_lengths")  # of tagged sentences; of pairs under a bi-encoder
IDENTITY, CHECKSUM = "identity", "sha256"


def cached_features(
    task: Task,
    folder: Path | str,
    tokenizer: Callable[[], PreTrainedTokenizerFast],
    *,
    data: str,
    digest: str,
    max_length: int,
    segment_ids: str,
) -> dict[str, Features]:
    """Split -> packed features of its file, from the cache or tokenized now.

    Args:
        tokenizer: returns the tokenizer; called only if the features are not in the cache.
        data: fingerprint of the task's files (`data_fingerprint`).
        digest: hash of everything that determines the tokenizer's output.

    Raises:
        DataError: a file is missing or malformed, or changed while it was read.
    """
    identity = {
        "task": task.name,
        "labels": list(task.labels),
        "data": data,
        "tokenizer": digest,
        "max_length": max_length,
        "segment_ids": segment_ids,
        "revision": FEATURES_REVISION,
    }
    text = canonical_json(identity)
    name = f"{task.name}-{fingerprint(text)}.npz"
    file = cache_folder().absolute() / FOLDER / name
    if (features := _read(file, text, task)) is not None:
        return features
    with _exclusive(file):
        features = _read(file, text, task)  # another process may have written it meanwhile
        if features is None:
            features = task_features(task, folder, tokenizer(), max_length=max_length, segment_ids=segment_ids)
            if data_fingerprint(task, folder) != data:  # the key must match the contents
                raise DataError(f"{folder}: the files of {task.name} changed while they were read; run again")
            with contextlib.suppress(OSError):  # a full disk must not stop the runs
                _write(file, features, text)
    return features


def _read(file: Path, identity: str, task: Task) -> dict[str, Features] | None:
    """The features in a file; None where it is missing, damaged or of another identity."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            # Uncompressed members are no larger than the file, so a damaged one cannot exhaust the memory.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.zip.infolist()):
                return None
            columns = {name: archive[name] for name in archive.files}
        checksum = columns.pop(CHECKSUM).tobytes()
        if columns.pop(IDENTITY).tobytes() != identity.encode() or _checksum(columns, identity) != checksum:
            return None
        return {split: _features_of(columns, split) for split in task.splits}
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, zlib.error, zipfile.BadZipFile):
        return None


def _features_of(columns: Mapping[str, np.ndarray], split: str) -> Features:
    optional = {name: columns.get(f"{split}.{name}") for name in OPTIONAL_COLUMNS}
    required = {name: columns[f"{split}.{name}"] for name in COLUMNS}
    return Features(**required, **optional)  # pyright: ignore[reportArgumentType]


def _write(file: Path, features: Mapping[str, Features], identity: str) -> None:
    columns: dict[str, np.ndarray] = {}
    for split, split_features in features.items():
        columns |= {f"{split}.{name}": getattr(split_features, name) for name in COLUMNS}
        optional = {name: getattr(split_features, name) for name in OPTIONAL_COLUMNS}
        columns |= {f"{split}.{name}": values for name, values in optional.items() if values is not None}
    columns[CHECKSUM] = np.frombuffer(_checksum(columns, identity), np.uint8)
    columns[IDENTITY] = np.frombuffer(identity.encode(), np.uint8)
    with atomic_open(file) as stream:
        np.savez(stream, **columns)  # pyright: ignore[reportArgumentType]


def _checksum(columns: Mapping[str, np.ndarray], identity: str) -> bytes:
    """SHA-256 over the identity and the columns' names, types, shapes and values."""
    digest = hashlib.sha256(identity.encode())
    for name, values in sorted(columns.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.digest()


@contextlib.contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """Let one process at a time write `file`; without a lock if the file system has none."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(file_lock(file.with_name(f"{file.name}.lock")))
            remove_unfinished(file.parent, file.name, older_than=0.0)
        yield
