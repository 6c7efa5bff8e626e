"""Notebook 04: Tables 5 and 6."""

from ..parameters import LargeModelsParameters as Parameters
from .grids import grids

NOTEBOOK = "04_large_models"
__all__ = ["NOTEBOOK", "Parameters", "grids"]
