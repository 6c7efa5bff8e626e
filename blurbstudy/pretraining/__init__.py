"""Pretraining from scratch: vocabulary, corpus, objectives, the pretrainer, and encoders made on the spot."""

from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .encoder_cache import pretrained_encoder
from .objectives.registry import OBJECTIVES, get_objective
from .pretrainer import PRETRAINER_REVISION, Conduct, pretrain

__all__ = [
    "OBJECTIVES", "PRETRAINER_REVISION", "Conduct", "Corpus", "PretrainingConfig",
    "get_objective", "pretrain", "pretrained_encoder", "pretraining_config",
]  # fmt: skip
