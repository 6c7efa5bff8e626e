"""Notebook 08: verdicts on the paper's claims. It asks for no runs: it judges those of the other notebooks."""

from __future__ import annotations

from ...study.grid import Grid
from ...study.study import Study
from ..parameters import ClaimsParameters as Parameters

NOTEBOOK = "08_claims"
__all__ = ["NOTEBOOK", "Parameters", "grids"]


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """None."""
    return {}
