"""Provenance of a run: device, software versions and commit. Recorded, never hashed."""

from __future__ import annotations

import contextlib
import functools
import platform
import subprocess
from collections.abc import Iterator

import numpy
import tokenizers
import torch

from .. import __version__
from ..config import JsonObject, check_device
from ..errors import ParameterError
from ..paths import PROJECT


def pick_device(name: str = "auto") -> torch.device:
    """`auto`: cuda if there is one, otherwise cpu.
    Raises ParameterError: an unknown device, or cuda without a CUDA device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    check_device(name)
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ParameterError(f"device={name!r}: torch finds no CUDA device; use auto or cpu")
    return torch.device(name)


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """One torch thread: results do not depend on the number of cores, and one process per core is faster."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.machine()}"


@functools.cache
def software_versions() -> JsonObject:
    """Versions of the libraries, and the project's commit ("" outside a checkout)."""
    import transformers

    versions = {
        "blurbstudy": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    return {"versions": versions, "commit": commit()}


@functools.cache
def commit() -> str:
    """The checkout's commit, with `+` if files differ from it; '' outside a checkout."""
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"]
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return completed.stdout.strip()
