"""Directories of fine-tuned models: weights, tokenizer, metadata and model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy_imports import lazy_names

if TYPE_CHECKING:
    from .directory import read_model_directory

__getattr__ = lazy_names(__name__, {".directory": ["read_model_directory"]})
