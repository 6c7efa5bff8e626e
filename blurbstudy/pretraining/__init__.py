"""Pretraining of encoders from scratch: corpus, vocabulary, objectives, training loop and cache."""

from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .encoder_cache import pretrained_encoder
from .objectives.registry import OBJECTIVES, get_objective
from .pretrainer import PRETRAINER_REVISION, Callbacks, TrainingOptions, pretrain

__all__ = [
    "OBJECTIVES",
    "PRETRAINER_REVISION",
    "Callbacks",
    "Corpus",
    "PretrainingConfig",
    "TrainingOptions",
    "get_objective",
    "pretrain",
    "pretrained_encoder",
    "pretraining_config",
]
