"""Notebook 04: Tables 5 and 6."""

from ..parameters.large_models import NOTEBOOK, Parameters
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
