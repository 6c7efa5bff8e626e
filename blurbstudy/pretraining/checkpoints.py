"""Where a pretraining stands, on the disk: all that is needed to go on as if nothing had happened.

Every number that pretraining draws comes from counters of the step, so the step says where in the text it is and what
chance will bring. A state is a folder, written under a temporary name, flushed, then renamed; the last two are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import ParameterError
from ..filesystem import atomic_directory, disk_errors, file_lock, remove_unfinished

FOLDER = "state"  # in the folder of the encoder to be; where it lies, a pretraining was begun
LOCK = ".lock"  # in there, while a process is at it
CURVE = "curve.jsonl"  # beside it: points so far, to be looked at while it runs
KEPT = 2  # states at once: should the newest prove torn, the one before is there
DISK_HINT = "move other files to another disk, then resume from the last checkpoint (--resume)"
NUMBERS, FACTS = "numbers.safetensors", "state.json"


@dataclass(kw_only=True)
class Standing:
    """How far a pretraining has come."""

    step: int = 0  # optimizer steps taken
    tokens: int = 0  # seen, special tokens included
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of the steps since the curve's last point
    seconds: float = 0.0  # of training, scoring and saving aside
    sessions: int = 1  # times that it was begun or gone on with
    epoch: int = 0  # passes over the text begun, but for the first
    epoch_began: int = 0  # steps taken before this pass

    def __post_init__(self) -> None:
        for name in ("step", "tokens", "sessions", "epoch", "epoch_began"):
            _check_is(getattr(self, name), int)
        for number in (self.seconds, *self.losses, *(value for point in self.curve for value in point.values())):
            _check_is(number, int, float)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return dict(self.__dict__)


@dataclass(frozen=True, kw_only=True)
class State:
    """One saved state."""

    standing: Standing
    tensors: dict[str, Tensor]  # weights and Adam's moments, by name
    identity: dict[str, Any]  # what must be the same to go on
    circumstances: dict[str, Any]  # threads, processes: what bits depend on beside it


@contextlib.contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Marks `out` as begun and lets one process at a time write to it; where nothing was written, no mark stays.

    Raises:
        ParameterError: another process is at it.
    """
    mark = out / FOLDER
    with contextlib.ExitStack() as stack:
        with disk_errors(out, "name another --out"):
            acquired = stack.enter_context(file_lock(mark / LOCK, wait=False, remove=True))
        if not acquired:
            raise ParameterError(f"{out}: another process is writing to this directory; name another --out")
        try:
            yield
        finally:
            (mark / LOCK).unlink(missing_ok=True)
            if set(out.iterdir()) == {mark} and not any(mark.iterdir()):
                mark.rmdir()
                out.rmdir()


def begin_anew(out: Path) -> None:
    """Lets go of the states and the curve of whatever was begun in `out` before, but not of the mark."""
    for folder in _folders(out):
        shutil.rmtree(folder)
    (out / CURVE).unlink(missing_ok=True)


def save_curve(out: Path, curve: list[dict[str, float]]) -> None:
    """Writes the points so far.

    Raises:
        DiskError: the disk is full or cannot be written.
    """
    with disk_errors(out, DISK_HINT):
        (out / CURVE).write_text("".join(json.dumps(point) + "\n" for point in curve), encoding="utf-8")


def save_state(out: Path, state: State) -> Path:
    """Writes a state under `out` and lets go of all but the last KEPT.

    Raises:
        DiskError: the disk is full or cannot be written; the states before are untouched.
    """
    parent = out / FOLDER
    with disk_errors(parent, DISK_HINT):
        remove_unfinished(parent, older_than=0.0)
        folder = parent / f"step-{state.standing.step:09d}"
        with atomic_directory(folder, replace=True) as unfinished:
            save_file({name: tensor.contiguous() for name, tensor in state.tensors.items()}, unfinished / NUMBERS)
            facts = {
                "standing": state.standing.to_dict(),
                "identity": state.identity,
                "circumstances": state.circumstances,
                "sha256": _digest(unfinished / NUMBERS),
            }
            (unfinished / FACTS).write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    for old in _folders(out)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def newest_state(out: Path) -> State | None:
    """The newest state that is whole; None where there is none."""
    return next(filter(None, map(_read, _folders(out))), None)


def forget_states(out: Path) -> None:
    """Lets go of all states and of the curve beside them, when the encoder is published."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    (out / CURVE).unlink(missing_ok=True)


def check_same(begun: Mapping[str, Any], now: Mapping[str, Any], *, out: Path) -> None:
    """Refuses to go on with other settings than it was begun with; what `now` does not know yet is not looked at.

    Raises:
        ParameterError: names what differs.
    """
    for name, value in now.items():
        if begun.get(name) == value:
            continue
        if name == "corpus":
            said = "the corpus is not what it was begun with (files, their order, their text, --keep-test-text)"
        elif name == "vocabulary":
            said = "the vocabulary is not the one that it was begun with"
        elif isinstance(value, Mapping):
            said = _difference(begun.get(name, {}), value)
        else:
            said = f"it was begun with {name} {begun.get(name)}, not {value}"
        raise ParameterError(f"{out}: cannot go on: {said}; give what it was begun with, or another --out")


def _difference(begun: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**begun, **now} if begun.get(name) != now.get(name)]
    return "it was begun with " + ", ".join(f"{name} {begun.get(name)}, not {now.get(name)}" for name in names)


def _folders(out: Path) -> list[Path]:
    """Newest first."""
    return sorted((out / FOLDER).glob("step-*"), reverse=True)


def _read(folder: Path) -> State | None:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if _digest(folder / NUMBERS) != facts["sha256"]:
            return None
        _check_is(facts["identity"], dict)
        _check_is(facts["circumstances"], dict)
        return State(
            standing=Standing(**facts["standing"]),
            tensors=load_file(folder / NUMBERS),
            identity=facts["identity"],
            circumstances=facts["circumstances"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _check_is(value: Any, *kinds: type) -> None:
    if type(value) not in kinds:  # not a bool for an int
        raise TypeError(f"{value!r} is no {kinds[0].__name__}")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tensors_of(model: torch.nn.Module, optimizer: Any) -> dict[str, Tensor]:
    """The weights and moments themselves, by name; copying into them restores a state."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {f"weight.{name}": parameter.data for name, parameter in model.named_parameters()}
    for parameter, mean, square in zip(optimizer.parameters, optimizer.mean, optimizer.square, strict=True):
        name = names[id(parameter.tensor)]
        found |= {f"mean.{name}": mean, f"square.{name}": square}
    return found
