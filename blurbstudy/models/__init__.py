"""Encoders, their heads, and Hugging Face checkpoints. Their architectures and files are read without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy_imports import lazy_names

if TYPE_CHECKING:
    from .architecture import Architecture
    from .checkpoint import Checkpoint, checkpoint_fingerprint, export_checkpoint, load_checkpoint, random_checkpoint
    from .checkpoint_files import checkpoint_folder, read_architecture
    from .classifier import Classifier, DepthParameter, FinetunedWeights, reinitialize
    from .encoder import Encoder
    from .packing import PackedBatch, pack
    from .rng import DropoutStream, seed_for

__getattr__ = lazy_names(
    __name__,
    {
        ".architecture": ["Architecture"],
        ".checkpoint": [
            "Checkpoint",
            "checkpoint_fingerprint",
            "export_checkpoint",
            "load_checkpoint",
            "random_checkpoint",
        ],
        ".checkpoint_files": ["checkpoint_folder", "read_architecture"],
        ".classifier": ["Classifier", "DepthParameter", "FinetunedWeights", "reinitialize"],
        ".encoder": ["Encoder"],
        ".packing": ["PackedBatch", "pack"],
        ".rng": ["DropoutStream", "seed_for"],
    },
)
