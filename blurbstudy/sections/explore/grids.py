"""Notebook 90 needs no runs of its own: it browses those of the other notebooks."""

from __future__ import annotations

from ...study.grid import Grid
from ...study.study import Study
from ..parameters.explore import Parameters


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """Empty: this notebook trains nothing."""
    return {}
