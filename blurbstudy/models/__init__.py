"""Encoders, their heads, and Hugging Face checkpoints."""

from .architecture import Architecture
from .checkpoint import (
    Checkpoint,
    checkpoint_fingerprint,
    checkpoint_folder,
    export_checkpoint,
    load_checkpoint,
    random_checkpoint,
    read_architecture,
)
from .classifier import Classifier, DepthParameter, FinetunedWeights, reinitialize
from .encoder import Encoder
from .packing import PackedBatch, pack
from .rng import DropoutStream, seed_for
