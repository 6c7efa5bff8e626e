"""Notebook 07: Tables 10 and 11."""

from .grids import NOTEBOOK, Parameters, grids
from .scores import prepare

__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
