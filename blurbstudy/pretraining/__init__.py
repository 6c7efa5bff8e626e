"""Pretraining of encoders from scratch: corpus, vocabulary, objectives, training loop and cache."""

from .checkpoints import CHECKPOINTS_FOLDER, delete_checkpoints, latest_checkpoint
from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .encoder_cache import pretrained_encoder
from .export import RECORD_FILE, intermediate_folder, is_published
from .loop import PRETRAINER_REVISION, Callbacks, TrainingOptions
from .objectives.registry import OBJECTIVES, get_objective
from .pretrainer import pretrain
