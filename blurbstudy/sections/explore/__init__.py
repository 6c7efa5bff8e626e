"""Notebook 90: widgets over a run store."""

from ...study.grid import Grid
from ...study.study import Study
from ..parameters.explore import NOTEBOOK, Parameters

__all__ = ["NOTEBOOK", "Parameters", "grids"]


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """None: it browses the runs of the other notebooks."""
    return {}
