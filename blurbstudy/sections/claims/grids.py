"""Notebook 08 asks for no runs: it judges those of the other notebooks."""

from __future__ import annotations

from pydantic import Field

from ...study.grid import Grid
from ...study.parameter_types import Margin
from ...study.parameters import CommonParameters
from ...study.study import Study

NOTEBOOK = "08_claims"


class Parameters(CommonParameters):
    """What notebook 08 takes."""

    margin: Margin = Field(
        description="points (score times 100): a difference within it is negligible, beyond it large"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """None: runs are read from the store."""
        return {}


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """None."""
    return {}
