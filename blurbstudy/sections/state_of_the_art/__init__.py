"""Notebook 06: Tables 8 and 9, searches and published scores."""

from ..parameters import StateOfTheArtParameters as Parameters
from .grids import grids, planned_configs
from .searches import prepare

NOTEBOOK = "06_state_of_the_art"
__all__ = ["NOTEBOOK", "Parameters", "grids", "planned_configs", "prepare"]
