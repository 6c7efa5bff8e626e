"""Notebook 00: tasks, encoders, data audit, Table 1, scoring conventions."""

from ..parameters import OverviewParameters as Parameters
from .data_audit import prepare
from .grids import grids

NOTEBOOK = "00_overview"
__all__ = ["NOTEBOOK", "Parameters", "grids", "prepare"]
