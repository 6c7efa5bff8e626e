"""Notebook 07: Tables 10 and 11."""

from ..parameters.scispacy import NOTEBOOK, Parameters
from .grids import grids
from .scores import prepare

__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
