"""Pretraining of encoders from scratch: corpus, vocabulary, objectives, training loop and cache."""

from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .encoder_cache import pretrained_encoder
from .loop import PRETRAINER_REVISION, Callbacks, TrainingOptions
from .objectives.registry import OBJECTIVES, get_objective
from .pretrainer import pretrain
