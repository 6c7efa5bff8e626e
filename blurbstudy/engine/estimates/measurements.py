"""Measurements of this machine, cached under its name: memory of classes of runs, operations per second."""

from __future__ import annotations

import contextlib
import json
import platform
import re
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch

from ...config import TRAINER_REVISION, JsonObject, RunConfig, canonical_json, fingerprint
from ...filesystem import atomic_write
from ...paths import cache_folder
from ...training.population import population_key
from ...training.provenance import describe_device
from ..sources.sources import Sources

T = TypeVar("T")  # a dataclass of numbers

MAX_NUMBER = 1e300  # integers in JSON may be larger than any float


def profile_key(config: RunConfig, *, sources: Sources, device: str) -> str:
    """Key of a class of runs that take the same memory: equal encoder shape, task, length, batch size, precision and
    frozen depth, on the same hardware.

    Returns:
        20 hexadecimal digits.
    """
    encoder = sources.encoder_of(config)
    task, data, _, *shared = population_key(config.on_official_split())
    values = {
        "architecture": encoder.architecture.to_dict(),
        "task": [task, data],
        "shared": shared,  # precision, removed and frozen layers, and the recipe fields that a population shares
        "keeps_best": config.recipe.checkpoint_selection == "best_dev",
    }
    return fingerprint(values | hardware_key(device))


def measurements_file() -> Path:
    """The file with this machine's measurements."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", platform.node()).strip("-.") or "unnamed"
    return cache_folder() / "calibration" / f"{name}.json"


class MeasurementCache:
    """Measurements by kind and key. An unreadable file, or values of another form (written by another version), count
    as not measured.
    """

    def __init__(self) -> None:
        self.file = measurements_file()
        self._values = self._read()

    def get(self, kind: str, key: str) -> Any:
        """JSON values, or None if nothing was measured."""
        return self._values.get(f"{kind} {key}")

    def number(self, kind: str, key: str) -> float | None:
        """A number, or None if none was measured."""
        value = self.get(kind, key)
        return float(value) if _is_number(value) else None

    def get_dataclass(self, form: type[T], kind: str, key: str) -> T | None:
        """A dataclass of numbers, or None if nothing of that form was measured."""
        values = self.get(kind, key)
        fields = get_type_hints(form)
        if not isinstance(values, dict) or values.keys() != fields.keys() or not all(map(_is_number, values.values())):
            return None
        return form(**values)

    def put(self, kind: str, key: str, values: object) -> None:
        """Store JSON values, for this command and the next."""
        self._values = self._read() | self._values | {f"{kind} {key}": values}  # others may have measured since
        with contextlib.suppress(OSError):
            atomic_write(self.file, canonical_json(self._values))

    def _read(self) -> JsonObject:
        with contextlib.suppress(OSError, ValueError):
            values = json.loads(self.file.read_text(encoding="utf-8"))
            if isinstance(values, dict):
                return values
        return {}


def hardware_key(device: str) -> JsonObject:
    """What determines speed and memory apart from the run itself."""
    return {
        "device": describe_device(torch.device(device)),
        "torch": torch.__version__,
        "trainer_revision": TRAINER_REVISION,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MAX_NUMBER
