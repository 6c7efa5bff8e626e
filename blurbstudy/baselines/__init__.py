"""Baselines: off-the-shelf tools that fine-tuned encoders are held against (scispaCy). spaCy is imported where used."""

from .models import MODELS, RELEASED, RETRAINED, BaselineModel, counted_tags, counted_type, get_model
from .prediction import entity_types, load_model, predicted_tags, released_version
from .scispacy_scorer import read_by_it, scored_by_it
from .training import WantedModel, make_model, total_steps

__all__ = [
    "MODELS",
    "RELEASED",
    "RETRAINED",
    "BaselineModel",
    "WantedModel",
    "counted_tags",
    "counted_type",
    "entity_types",
    "get_model",
    "load_model",
    "make_model",
    "predicted_tags",
    "read_by_it",
    "released_version",
    "scored_by_it",
    "total_steps",
]
