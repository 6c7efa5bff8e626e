"""Parameters of notebook 90."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import BatchSize, Decay, Epochs, Evaluations, LayerCount, LearningRate, MaxLength
from ...study.parameters import CommonParameters

NOTEBOOK = "90_explore"


class Parameters(CommonParameters):
    """Parameters of notebook 90: initial values of its controls."""

    decay: Decay = Field(description="initial factor on the learning rate from one depth to the next lower one")
    reinit_layers: LayerCount = Field(description="initial number of top layers that are re-initialized")
    reinit_pooler: bool = Field(description="whether the pooler is re-initialized with them at first")
    live_task: str = Field(min_length=1, description="initial dataset of the depth picture and of the live fine-tuning")
    live_epochs: Epochs = Field(description="passes over the training split, of the live fine-tuning")
    live_learning_rate: LearningRate = Field(description="peak learning rate, of the live fine-tuning")
    live_batch_size: BatchSize = Field(description="sequences per optimizer step, of the live fine-tuning")
    live_max_length: MaxLength = Field(description="sub-words per sequence, of the live fine-tuning")
    live_evaluations: Evaluations = Field(description="dev evaluations of the live fine-tuning: points of its curve")

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """Empty: runs are read from the store."""
        return {}
