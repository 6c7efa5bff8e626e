"""Checkpoints of a pretraining run.

All random numbers of a run are derived from its seed and the step, so a checkpoint needs no generator states. A
checkpoint is a folder that is written under a temporary name, flushed and renamed. The last MAX_CHECKPOINTS are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..config import JsonMapping, JsonObject
from ..errors import ParameterError
from ..filesystem import atomic_directory, disk_errors, file_lock, remove_unfinished
from ..training.optimizer import PopulationAdamW
from .output_folder import CHECKPOINTS_FOLDER

# Names of files, and most keys, are those of 0.1.0.
LOCK_FILE = ".lock"  # in CHECKPOINTS_FOLDER, while a process writes to the output folder
CURVE_FILE = "curve.jsonl"  # in the output folder: points of the learning curve so far
MAX_CHECKPOINTS = 2  # a corrupt checkpoint falls back to the one before
DISK_HINT = "move other files to another disk, then resume from the last checkpoint (--resume)"
FORMER_KEY = "circumstances"  # of METADATA_FILE in 0.1.0, now "environment"
TENSORS_FILE, METADATA_FILE = "numbers.safetensors", "state.json"


@dataclass(kw_only=True)
class TrainingProgress:
    """How far a run has come."""

    step: int = 0  # optimizer steps taken
    tokens: int = 0  # seen, special tokens included
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of the steps since the curve's last point
    seconds: float = 0.0  # of training, without evaluation and saving
    sessions: int = 1  # number of times the run was started or resumed
    epoch: int = 0  # from 0
    epoch_began: int = 0  # steps taken before this epoch

    def __post_init__(self) -> None:
        for name in ("step", "tokens", "sessions", "epoch", "epoch_began"):
            _require_type(getattr(self, name), int)
        for number in (self.seconds, *self.losses, *(value for point in self.curve for value in point.values())):
            _require_type(number, int, float)

    def to_dict(self) -> JsonObject:
        return dict(self.__dict__)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything needed to resume a run."""

    progress: TrainingProgress
    tensors: dict[str, Tensor]  # weights and Adam's moments, by name
    identity: JsonObject  # settings that must not change on resuming
    environment: JsonObject  # threads, processes, versions: these can affect the last bits


@contextlib.contextmanager
def output_lock(out: Path) -> Iterator[None]:
    """Create `out` and let only this process write to it; if nothing was written, remove it again.
    Raises ParameterError: another process is writing to it.
    """
    folder = out / CHECKPOINTS_FOLDER
    with contextlib.ExitStack() as stack:
        with disk_errors(out, "name another --out"):
            acquired = stack.enter_context(file_lock(folder / LOCK_FILE, wait=False, remove=True))
        if not acquired:
            raise ParameterError(f"{out}: another process is writing to this directory; name another --out")
        try:
            yield
        finally:
            (folder / LOCK_FILE).unlink(missing_ok=True)
            if set(out.iterdir()) == {folder} and not any(folder.iterdir()):
                folder.rmdir()
                out.rmdir()


def clear_checkpoints(out: Path) -> None:
    """Delete the checkpoints and the curve of an earlier run, but keep the lock."""
    for folder in _folders(out):
        shutil.rmtree(folder)
    (out / CURVE_FILE).unlink(missing_ok=True)


def save_curve(out: Path, curve: list[dict[str, float]]) -> None:
    with disk_errors(out, DISK_HINT):
        (out / CURVE_FILE).write_text("".join(json.dumps(point) + "\n" for point in curve), encoding="utf-8")


def save_checkpoint(out: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint under `out` and delete all but the last MAX_CHECKPOINTS."""
    parent = out / CHECKPOINTS_FOLDER
    with disk_errors(parent, DISK_HINT):
        remove_unfinished(parent, older_than=0.0)
        folder = parent / f"step-{checkpoint.progress.step:09d}"
        with atomic_directory(folder, replace=True) as unfinished:
            tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
            save_file(tensors, unfinished / TENSORS_FILE)
            metadata = {
                "standing": checkpoint.progress.to_dict(),
                "identity": checkpoint.identity,
                "environment": checkpoint.environment,
                "sha256": _digest(unfinished / TENSORS_FILE),
            }
            text = json.dumps(metadata, indent=2, allow_nan=False) + "\n"
            (unfinished / METADATA_FILE).write_text(text, encoding="utf-8")
    for old in _folders(out)[MAX_CHECKPOINTS:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def latest_checkpoint(out: Path) -> Checkpoint | None:
    """Read the newest intact checkpoint; None if there is none.
    Raises ParameterError: a checkpoint is of 0.1.0, whose settings have other names.
    """
    folders = _folders(out)
    if former := next(filter(_is_former, folders), None):
        raise ParameterError(
            f"{former}: was written by an earlier version of blurbstudy; resume with that version, or use another --out"
        )
    return next(filter(None, map(_read, folders)), None)


def delete_checkpoints(out: Path) -> None:
    """Delete all checkpoints and the curve, once the encoder is exported."""
    shutil.rmtree(out / CHECKPOINTS_FOLDER, ignore_errors=True)
    (out / CURVE_FILE).unlink(missing_ok=True)


def check_resumable(saved: JsonMapping, current: JsonMapping, *, out: Path) -> None:
    """Check that a run is resumed with the settings it was started with. Names missing in `current` are ignored.
    Raises ParameterError: a setting differs.
    """
    for name, value in current.items():
        if saved.get(name) == value:
            continue
        if name == "corpus":
            reason = "the corpus has changed since this run started (files, their order, text, or --include-test-text)"
        elif name == "vocabulary":
            reason = "the vocabulary has changed since this run started"
        elif isinstance(value, Mapping):
            reason = _difference(saved.get(name, {}), value)
        else:
            reason = f"it was started with {name} {saved.get(name)}, not {value}"
        raise ParameterError(f"{out}: cannot resume: {reason}; use the original settings, or another --out")


def _difference(saved: JsonMapping, current: JsonMapping) -> str:
    names = [name for name in {**saved, **current} if saved.get(name) != current.get(name)]
    return "it was started with " + ", ".join(f"{name} {saved.get(name)}, not {current.get(name)}" for name in names)


def _folders(out: Path) -> list[Path]:
    return sorted((out / CHECKPOINTS_FOLDER).glob("step-*"), reverse=True)


def _is_former(folder: Path) -> bool:
    try:
        return FORMER_KEY in json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):  # corrupt
        return False


def _read(folder: Path) -> Checkpoint | None:
    """Read a checkpoint; None if it is corrupt."""
    try:
        metadata = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
        if _digest(folder / TENSORS_FILE) != metadata["sha256"]:
            return None
        _require_type(metadata["identity"], dict)
        _require_type(metadata["environment"], dict)
        return Checkpoint(
            progress=TrainingProgress(**metadata["standing"]),
            tensors=load_file(folder / TENSORS_FILE),
            identity=metadata["identity"],
            environment=metadata["environment"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _require_type(value: object, *types: type) -> None:
    if type(value) not in types:  # not isinstance, because a bool is not a number here
        raise TypeError(f"expected {types[0].__name__}, got {value!r}")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tensors_of(model: torch.nn.Module, optimizer: PopulationAdamW) -> dict[str, Tensor]:
    """Return the weights and Adam's moments by name, without copying; writing into them restores a checkpoint."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {f"weight.{name}": parameter.data for name, parameter in model.named_parameters()}
    for parameter, mean, square in zip(optimizer.parameters, optimizer.exp_avg, optimizer.exp_avg_sq, strict=True):
        name = names[id(parameter.tensor)]
        tensors |= {f"mean.{name}": mean, f"square.{name}": square}
    return tensors
