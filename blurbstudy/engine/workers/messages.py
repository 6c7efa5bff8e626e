"""Messages from a worker process to its parent: JSON objects, one per line, distinguished by `kind`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ...config import JsonObject
from ...errors import DiskError, StoreError, StudyError
from ...training.memory import is_out_of_memory


@dataclass(frozen=True, kw_only=True)
class StepsDone:
    """Progress of a request."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A request succeeded."""

    result: JsonObject | None = None  # JSON values


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """A request ended early because the deadline passed."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A request failed, or its process died."""

    error: str  # one line
    fatal: bool = False  # every other request would fail too: the store cannot be written
    out_of_memory: bool = False
    ran_alone: bool = True  # no other process competed for the memory
    died: bool = False  # the process ended


Message = StepsDone | Finished | Stopped | Failed
KINDS: dict[str, type[Message]] = {
    "steps": StepsDone,
    "finished": Finished,
    "stopped": Stopped,
    "failed": Failed,
}
_KIND_OF = {message: kind for kind, message in KINDS.items()}


def encode(message: Message) -> str:
    """A line of JSON."""
    return json.dumps({"kind": _KIND_OF[type(message)]} | asdict(message)) + "\n"


def decode(line: str | bytes) -> Message:
    """The inverse of `encode`."""
    values = json.loads(line)
    return KINDS[values.pop("kind")](**values)


def failure_message(error: Exception) -> Failed:
    """The error in one line, with the two kinds that matter to a sweep: the store refuses, memory ran out."""
    text = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
    return Failed(
        error=" ".join(text.split()),
        fatal=isinstance(error, StoreError | DiskError),
        out_of_memory=is_out_of_memory(error),
    )
