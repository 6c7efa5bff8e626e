"""Notebook 08 asks for no runs: it judges those of the other notebooks."""

from __future__ import annotations

from ...study.grid import Grid
from ...study.study import Study
from ..parameters.claims import Parameters


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """None."""
    return {}
