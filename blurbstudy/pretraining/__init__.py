"""Pretraining from scratch: vocabulary, corpus, objectives, the pretrainer, and encoders made on the spot."""

from .cached import pretrained_encoder
from .corpus import Corpus
from .objectives import OBJECTIVES, get_objective
from .pretrainer import PRETRAINER_REVISION, Conduct, pretrain
from .settings import PretrainingConfig, pretraining_config

__all__ = [
    "OBJECTIVES", "PRETRAINER_REVISION", "Conduct", "Corpus", "PretrainingConfig",
    "get_objective", "pretrain", "pretrained_encoder", "pretraining_config",
]  # fmt: skip
