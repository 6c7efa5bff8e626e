"""Notebook 04: Tables 5 and 6."""

from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
