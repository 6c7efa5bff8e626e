"""Baselines: off-the-shelf tools that fine-tuned encoders are compared with (scispaCy)."""

from .models import MODELS, RELEASED, RETRAINED, BaselineModel, evaluated_tags, evaluated_type, get_model
from .prediction import entity_types, load_model, predicted_tags, released_version
from .scispacy_scorer import scispacy_score, score_on_scispacy_gold
from .training import BaselineSpec, ensure_model, total_steps
