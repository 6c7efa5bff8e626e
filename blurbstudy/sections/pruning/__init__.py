"""Notebook 05: Table 7 and what pruning saves."""

from ..parameters import PruningParameters as Parameters
from .grids import grids

NOTEBOOK = "05_pruning"
__all__ = ["NOTEBOOK", "Parameters", "grids"]
