"""Notebook 90: widgets over a run store."""

from ..parameters.explore import NOTEBOOK, Parameters
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
