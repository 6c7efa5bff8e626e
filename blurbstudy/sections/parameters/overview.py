"""Parameters of notebook 00."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import BatchSize, Epochs, Evaluations, LearningRate, MaxLength
from ...study.parameters import LayerParameters

NOTEBOOK = "00_overview"


class Parameters(LayerParameters):
    """Parameters of notebook 00."""

    general_vocabulary: str | None = Field(
        description='to compare with: directory, Hub id, hub:NAME, "trained" on the spot, or None'
    )
    scoring_task: str = Field(min_length=1, description="entity task whose one run is scored by every convention")
    scoring_epochs: Epochs = Field(description="passes over the training split, of that run")
    scoring_learning_rate: LearningRate = Field(description="peak learning rate, of that run")
    scoring_batch_size: BatchSize = Field(description="sentences per optimizer step, of that run")
    scoring_max_length: MaxLength = Field(description="sub-words per sequence, special tokens included, of that run")
    scoring_evaluations: Evaluations = Field(description="dev evaluations, of that run")
