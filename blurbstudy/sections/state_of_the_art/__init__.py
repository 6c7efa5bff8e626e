"""Notebook 06: Tables 8 and 9, searches and published scores."""

from ..parameters.state_of_the_art import NOTEBOOK, Parameters
from .grids import grids, planned_configs
from .searches import prepare

__all__ = ["NOTEBOOK", "Parameters", "grids", "planned_configs", "prepare"]
