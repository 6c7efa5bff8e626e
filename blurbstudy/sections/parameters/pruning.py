"""Parameters of notebook 05."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...errors import ParameterError, any_of
from ...study.parameter_types import LayerCount, Margin
from ...study.parameters import TaskTypeParameters

NOTEBOOK = "05_pruning"


class Parameters(TaskTypeParameters):
    """Parameters of notebook 05."""

    pruned: str | None = Field(description="display name of the encoder that is pruned; None: the first that is given")
    removed: Annotated[list[LayerCount], Field(min_length=1)] = Field(
        description="top layers removed from a 12-layer encoder; in proportion from another one"
    )
    margin: Margin = Field(
        description='points; between the paper\'s BC2GM (2.47, "barely impacts") and DDI (3.06, "substantially")'
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The encoder that is pruned. Raises ParameterError: it is not among the encoders."""
        name = self.pruned
        if name is None:
            available = (name for name, spec in self.encoders.items() if spec is not None)
            name = next(available, next(iter(self.encoders)))
        if name not in self.encoders:
            raise ParameterError(f"pruned={name!r} is not an encoder; use {any_of(list(self.encoders))}")
        return {name: self.encoders[name]}
