"""Parameters of notebook 08."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import Margin
from ...study.parameters import CommonParameters

NOTEBOOK = "08_claims"


class Parameters(CommonParameters):
    """Parameters of notebook 08."""

    margin: Margin = Field(
        description="points (score times 100): a difference within it is negligible, beyond it large"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """None: runs are read from the store."""
        return {}
