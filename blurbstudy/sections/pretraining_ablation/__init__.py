"""Notebook 01: Table 2, segment ids, and learning curves of pretraining."""

from ..parameters.pretraining_ablation import NOTEBOOK, Parameters
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
