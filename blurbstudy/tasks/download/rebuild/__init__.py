"""Rebuilds the files that BLURB's data generation package derives from raw sources, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .chemprot import rebuild_chemprot
from .ddi import rebuild_ddi
from .pico import rebuild_pico
from .pubmedqa import rebuild_pubmedqa

# (folder of the dataset, file name) -> its bytes; DataError if a raw file is missing or malformed
REBUILDS: dict[str, Callable[[Path, str], bytes]] = {
    "chemprot": rebuild_chemprot,
    "ddi": rebuild_ddi,
    "pico": rebuild_pico,
    "pubmedqa": rebuild_pubmedqa,
}
