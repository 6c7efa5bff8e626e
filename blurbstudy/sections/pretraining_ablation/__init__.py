"""Notebook 01: Table 2, segment ids, and learning curves of pretraining."""

from ..parameters import PretrainingAblationParameters as Parameters
from .grids import grids

NOTEBOOK = "01_pretraining_ablation"
__all__ = ["NOTEBOOK", "Parameters", "grids"]
