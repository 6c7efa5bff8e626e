"""Notebook 08: verdicts on the paper's claims."""

from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids"]
