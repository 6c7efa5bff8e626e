"""Packed features kept on disk: a task is tokenized once per tokenizer, for all processes and all commands.

One uncompressed .npz per task, tokenizer and setting, without pickles, with a checksum over its numbers. It is written
under a temporary name and renamed; one that is torn, altered or of something else is made anew. Nothing hangs on the
cache but time: where it cannot be written, features are made without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import canonical_json
from ..errors import DataError
from ..paths import cache_folder
from . import data_fingerprint
from .features import Features, task_features
from .task import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FEATURES_REVISION = 2  # raised by any change of code that alters features
FOLDER = "features"  # in the cache folder
COLUMNS = ("ids", "segments", "offsets", "targets")
SOME_COLUMNS = ("places", "examples", "seconds")  # of tagged sentences, and of texts apart
IDENTITY, CHECKSUM = "identity", "sha256"


def cached_features(
    task: Task,
    folder: Path | str,
    tokenizer: Callable[[], PreTrainedTokenizerFast],
    *,
    data: str,
    digest: str,
    vocabulary: int,
    max_length: int,
    segment_ids: str,
) -> dict[str, Features]:
    """Split -> packed features of its file; tokenized now unless that was done before.

    Args:
        tokenizer: gives it; asked for only where there is something to do.
        data: the fingerprint of the task's files.
        digest: of all that decides what the tokenizer does.
        vocabulary: entries that the encoder has embeddings for; no id of the cache's reaches it.

    Raises:
        DataError: a file is missing or malformed, or was changed while it was read.
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
    name = f"{task.name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"
    file = cache_folder().absolute() / FOLDER / name
    bounds = {"vocabulary": vocabulary, "max_length": max_length, "bi_encoder": segment_ids == "apart"}
    if (found := _read(file, text, task=task, **bounds)) is not None:
        return found
    with _sole_maker(file):
        found = _read(file, text, task=task, **bounds)  # another process may have made it meanwhile
        if found is None:
            found = task_features(task, folder, tokenizer(), max_length=max_length, segment_ids=segment_ids)
            if data_fingerprint(task, folder) != data:  # what was read must not be kept under another's name
                raise DataError(f"{folder}: the files of {task.name} changed meanwhile; start again")
            with contextlib.suppress(OSError):  # a full disk must not end the runs
                _write(file, found, text)
    return found


def _read(
    file: Path, identity: str, *, task: Task, vocabulary: int, max_length: int, apart: bool
) -> dict[str, Features] | None:
    """What a file holds; None where it is not there, not whole, or not what is asked for."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:  # numpy leaves torn ones open
            # Uncompressed: no member is larger than the file says, so none can be a bomb.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.zip.infolist()):
                return None
            columns = {name: archive[name] for name in archive.files}
        checksum = columns.pop(CHECKSUM).tobytes()
        if columns[IDENTITY].tobytes() != identity.encode() or _checksum(columns) != checksum:
            return None
        del columns[IDENTITY]
        found = {split: _features_of(columns, split) for split in task.splits}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, zlib.error,
            zipfile.BadZipFile):  # fmt: skip
        return None
    bounds = {"vocabulary": vocabulary, "max_length": max_length, "bi_encoder": apart}
    fits = all(_fits(one, task, **bounds) for one in found.values())
    return found if fits and not columns else None


def _features_of(columns: dict[str, np.ndarray], split: str) -> Features:
    """The features of a split, taken out of the columns of all."""
    some = {name: columns.pop(f"{split}.{name}", None) for name in SOME_COLUMNS}
    return Features(**{name: columns.pop(f"{split}.{name}") for name in COLUMNS}, **some)


def _fits(found: Features, task: Task, *, vocabulary: int, max_length: int, apart: bool) -> bool:
    """Whether features have the types, shapes and bounds that the task's have: indices must lead nowhere else."""
    return (
        _is(found.ids, np.int32, 0, vocabulary)
        and _is(found.segments, np.uint8, 0, 2, length=len(found.ids))
        and _are_offsets(found.offsets, of=len(found.ids), step=1)
        and _fit_lengths(found, max_length, apart)
        and _fit_places(found, task)
        and _fit_targets(found.targets, task, n=len(found) if found.places is None else len(found.places))
    )


def _fit_lengths(found: Features, max_length: int, apart: bool) -> bool:
    if apart != (found.seconds is not None):
        return False
    sides = [found.lengths]
    if found.seconds is not None:
        if not _is(found.seconds, np.int64, 1, max_length + 1, length=len(found)):
            return False
        sides = [found.lengths - found.seconds, found.seconds]
    return not len(found) or all(own.min() >= 1 and own.max() <= max_length for own in sides)


def _fit_places(found: Features, task: Task) -> bool:
    if task.output != "token_labels":
        return found.places is None and found.examples is None
    return (
        found.places is not None
        and found.examples is not None
        and _is(found.places, np.int64, 0, len(found.ids))
        and bool((np.diff(found.places) > 0).all())
        and _are_offsets(found.examples, of=len(found.places), step=0)
    )


def _fit_targets(targets: np.ndarray, task: Task, *, n: int) -> bool:
    if task.output == "score":
        return targets.dtype == np.float32 and targets.shape == (n,) and bool(np.isfinite(targets).all())
    if task.output == "multi_label":
        shape = (n, len(task.labels))
        return targets.dtype == np.float32 and targets.shape == shape and bool(np.isin(targets, (0, 1)).all())
    return _is(targets, np.int64, 0, len(task.labels), length=n)


def _is(values: np.ndarray, dtype: Any, low: int, high: int, *, length: int | None = None) -> bool:
    """One axis of this type, every value from `low` to below `high`."""
    if values.dtype != dtype or values.ndim != 1 or (length is not None and len(values) != length):
        return False
    return not len(values) or (int(values.min()) >= low and int(values.max()) < high)


def _are_offsets(values: np.ndarray, *, of: int, step: int) -> bool:
    """From 0 to `of` in steps of `step` or more."""
    if values.dtype != np.int64 or values.ndim != 1 or not len(values):
        return False
    return int(values[0]) == 0 and int(values[-1]) == of and bool((np.diff(values) >= step).all())


def _write(file: Path, features: Mapping[str, Features], identity: str) -> None:
    columns = {IDENTITY: np.frombuffer(identity.encode(), np.uint8)}
    for split, found in features.items():
        columns |= {f"{split}.{name}": getattr(found, name) for name in COLUMNS}
        some = {name: getattr(found, name) for name in SOME_COLUMNS}
        columns |= {f"{split}.{name}": values for name, values in some.items() if values is not None}
    columns[CHECKSUM] = np.frombuffer(_checksum(columns), np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".unfinished-{file.name}-"
    for left in file.parent.glob(f"{prefix}*") if os.name == "posix" else ():  # without a lock it may be another's
        left.unlink(missing_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=prefix, dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            np.savez(stream, **columns)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(unfinished, 0o644)  # whoever shares the cache may read it
        os.replace(unfinished, file)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def _checksum(columns: Mapping[str, np.ndarray]) -> bytes:
    """SHA-256 over names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for name, values in sorted(columns.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values))
    return digest.digest()


@contextlib.contextmanager
def _sole_maker(file: Path) -> Iterator[None]:
    """One process at a time makes `file`, the others wait; without a lock where the disk gives none. A lock dies with
    its process.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context((file.parent / f"{file.name}.lock").open("w"))
            if os.name == "posix":
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
