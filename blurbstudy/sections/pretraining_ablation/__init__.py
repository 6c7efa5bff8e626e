"""Notebook 01: Table 2, segment ids, and learning curves of pretraining."""

from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
