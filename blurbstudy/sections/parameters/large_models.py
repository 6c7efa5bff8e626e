"""Parameters of notebook 04."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import MAX_SEEDS, Decay, Encoders, FrozenLayers, Names
from ...study.parameters import LayerParameters, TaskTypeParameters

NOTEBOOK = "04_large_models"


class Parameters(TaskTypeParameters, LayerParameters):
    """Parameters of notebook 04."""

    large_encoders: Encoders = Field(
        description="the paper's rows: directory, Hub id, hub:NAME, pretrain:OBJECTIVE?config=NAME&corpus=FILE, or None"
    )
    base_encoders: dict[str, str | None] = Field(description="BASE encoders besides those of `encoders`")
    base_counterparts: dict[str, str] = Field(description="LARGE encoder: the BASE encoder that it is compared with")
    on_all_tasks: Names | None = Field(
        description="LARGE encoders that are run on all tasks, not SS and QA alone; None: all"
    )
    seeds_otherwise: int = Field(ge=1, le=MAX_SEEDS, description="number of seeds on the tasks other than SS and QA")
    base_freeze: FrozenLayers = Field(description="freeze, for the BASE counterparts")
    base_decay: Decay = Field(description="decay, for the BASE counterparts")

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The LARGE encoders and their BASE counterparts."""
        known = self._known_base_encoders
        return dict(self.large_encoders) | {name: known[name] for name in dict.fromkeys(self.counterparts.values())}

    @property
    def counterparts(self) -> dict[str, str]:
        """LARGE encoder that is given -> its BASE counterpart, where that is named and known."""
        available = [name for name, spec in self.large_encoders.items() if spec is not None]
        return {
            name: self.base_counterparts[name]
            for name in available
            if self.base_counterparts.get(name) in self._known_base_encoders
        }

    @property
    def _known_base_encoders(self) -> dict[str, str | None]:
        return {**self.encoders, **self.base_encoders}
