"""Notebook 90: widgets over a run store."""

from ...study.grid import Grid
from ...study.study import Study
from ..parameters import ExploreParameters as Parameters

NOTEBOOK = "90_explore"
__all__ = ["NOTEBOOK", "Parameters", "grids"]


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """None: it browses the runs of the other notebooks."""
    return {}
