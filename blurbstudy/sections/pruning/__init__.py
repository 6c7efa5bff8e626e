"""Notebook 05: Table 7 and what pruning saves."""

from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
