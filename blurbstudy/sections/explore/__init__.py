"""Notebook 90: widgets over a run store."""

from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
