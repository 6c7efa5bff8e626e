"""Notebook 06: Tables 8 and 9, searches and published scores."""

from .grids import grids, planned_configs
from .parameters import NOTEBOOK, Parameters
from .searches import prepare

__all__ = ["NOTEBOOK", "Parameters", "grids", "planned_configs", "prepare"]
