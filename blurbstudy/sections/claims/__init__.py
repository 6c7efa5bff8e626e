"""Notebook 08: verdicts on the paper's claims."""

from ..parameters.claims import NOTEBOOK, Parameters
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
