"""What learns: the encoder, its heads, Hugging Face checkpoints in and out."""

from .architecture import Architecture
from .checkpoint import (
    Checkpoint,
    check_shard_bytes,
    checkpoint_fingerprint,
    checkpoint_folder,
    export_checkpoint,
    load_checkpoint,
    random_checkpoint,
    read_architecture,
)
from .classifier import Classifier, DepthParameter, TrainedWeights, reset
from .encoder import Encoder
from .packing import Packing, pack
from .rng import DropoutStream, seed_for

__all__ = [
    "Architecture", "Checkpoint", "Classifier", "DepthParameter", "DropoutStream", "Encoder", "Packing",
    "TrainedWeights", "check_shard_bytes", "checkpoint_fingerprint", "checkpoint_folder", "export_checkpoint",
    "load_checkpoint", "pack", "random_checkpoint", "read_architecture", "reset", "seed_for",
]  # fmt: skip
