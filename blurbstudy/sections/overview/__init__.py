"""Notebook 00: tasks, encoders, data audit, Table 1, scoring conventions."""

from ..parameters.overview import NOTEBOOK, Parameters
from .data_audit import prepare
from .grids import grids

__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
