"""Notebook 07: Tables 10 and 11."""

from ..parameters import ScispacyParameters as Parameters
from .grids import grids
from .scores import prepare

NOTEBOOK = "07_scispacy"
__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
