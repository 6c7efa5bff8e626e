"""Notebook 05: Table 7 and what pruning saves."""

from ..parameters.pruning import NOTEBOOK, Parameters
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
