"""Notebook 00: tasks, encoders, data audit, Table 1, scoring conventions."""

from .data_audit import prepare
from .grids import NOTEBOOK, Parameters, grids

__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
