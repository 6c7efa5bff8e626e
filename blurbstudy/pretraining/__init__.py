"""Pretraining of encoders from scratch: corpus, vocabulary, objectives, training loop and cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy_imports import lazy_names

if TYPE_CHECKING:
    from .checkpoints import delete_checkpoints, latest_checkpoint
    from .config import PretrainingConfig, pretraining_config
    from .corpus.corpus import Corpus
    from .loop import PRETRAINER_REVISION, Callbacks, TrainingOptions
    from .objectives.registry import OBJECTIVES, get_objective
    from .output_folder import CHECKPOINTS_FOLDER, RECORD_FILE, intermediate_folder, is_published
    from .pretrainer import pretrain

__getattr__ = lazy_names(
    __name__,
    {
        ".checkpoints": ["delete_checkpoints", "latest_checkpoint"],
        ".config": ["PretrainingConfig", "pretraining_config"],
        ".corpus.corpus": ["Corpus"],
        ".loop": ["PRETRAINER_REVISION", "Callbacks", "TrainingOptions"],
        ".objectives.registry": ["OBJECTIVES", "get_objective"],
        ".output_folder": ["CHECKPOINTS_FOLDER", "RECORD_FILE", "intermediate_folder", "is_published"],
        ".pretrainer": ["pretrain"],
    },
)
