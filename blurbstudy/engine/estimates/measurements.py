"""What was measured of this machine, kept in the cache folder under its name: memory and seconds of classes of runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch

from ...config import TRAINER_REVISION, RunConfig, canonical_json
from ...errors import StudyError
from ...paths import cache_folder
from ...store.files import replace_file
from ...training import population_key
from ...training.provenance import describe_device
from ..sources.sources import Sources

Form = TypeVar("Form")  # a dataclass of numbers

MOST = 1e300  # whole numbers of JSON may be larger than any float
_SIZE = re.compile(r"[1-9][0-9]{0,5}")


def run_class(config: RunConfig, *, sources: Sources, device: str) -> str:
    """Runs of one class cost the same: equal shape of encoder, task, length, batch, precision and frozen depth.

    Returns:
        20 hexadecimal digits.
    """
    encoder = sources.encoder_of(config)
    task, data, _, *shared = population_key(config)
    values = {
        "architecture": dict(encoder.architecture),
        "task": [task, data],
        "shared": shared,  # precision, removed and frozen layers, and what the recipes agree in
        "keeps_best": config.recipe.select == "best_dev",
    }
    return digest(values | machine(device))


def calibration_file() -> Path:
    """Where this machine's measurements lie."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", platform.node()).strip("-.") or "unnamed"
    return cache_folder() / "calibration" / f"{name}.json"


class Calibrations:
    """Measurements by kind and class. Their file is a cache: one that cannot be read or written is as none, and so is
    what was kept in another form than it is asked for in (by another version of this package, or by somebody's hand).
    """

    def __init__(self) -> None:
        self.file = calibration_file()
        self._kept = self._read()

    def get(self, kind: str, name: str) -> Any:
        """Plain values, or None where nothing was measured."""
        return self._kept.get(f"{kind} {name}")

    def number(self, kind: str, name: str) -> float | None:
        """A number, or None where none was measured."""
        found = self.get(kind, name)
        return float(found) if _is_number(found) else None

    def of_form(self, form: type[Form], kind: str, name: str) -> Form | None:
        """A dataclass of numbers, or None where nothing of that form was measured."""
        return _formed(form, self.get(kind, name))

    def by_size(self, form: type[Form], kind: str, name: str) -> dict[int, Form]:
        """Size of a population -> a dataclass of numbers; without those that are of another form."""
        found = self.get(kind, name)
        sizes = found if isinstance(found, dict) else {}
        formed = {int(size): _formed(form, own) for size, own in sizes.items() if _SIZE.fullmatch(size)}
        return {size: own for size, own in formed.items() if own is not None}

    def put(self, kind: str, name: str, values: Any) -> None:
        """Keep plain values, for this command and the next."""
        self._kept = self._read() | self._kept | {f"{kind} {name}": values}  # others may have measured meanwhile
        with contextlib.suppress(StudyError):
            replace_file(self.file, canonical_json(self._kept), store=self.file.parent)

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self.file.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}


def _formed(form: type[Form], values: Any) -> Form | None:
    """Fields are numbers, or mappings from names to numbers; all of them, and no others."""
    types = get_type_hints(form)
    if not isinstance(values, dict) or values.keys() != types.keys():
        return None
    fits = [
        _is_number(values[name]) if of in (int, float) else _are_numbers_by_name(values[name])
        for name, of in types.items()
    ]
    return form(**values) if all(fits) else None


def _are_numbers_by_name(values: Any) -> bool:
    return isinstance(values, dict) and all(map(_is_number, values.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST


def digest(values: Mapping[str, Any]) -> str:
    """20 hexadecimal digits that tell plain values apart."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()[:20]


def machine(device: str) -> dict[str, Any]:
    """What changes speed and memory beside the run itself."""
    return {
        "device": describe_device(torch.device(device)),
        "torch": torch.__version__,
        "trainer_revision": TRAINER_REVISION,
    }
