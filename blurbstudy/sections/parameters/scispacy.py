"""Parameters of notebook 07."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...study.parameter_types import Epochs, MaxLength, TaskNames
from ...study.parameters import TrainingParameters, TrainSizeParameters

NOTEBOOK = "07_scispacy"


class Parameters(TrainingParameters, TrainSizeParameters):
    """Parameters of notebook 07."""

    scispacy_source: Literal["auto", "retrained"] = Field(
        description="auto: the released models where installed, else retrained; retrained: always retrained"
    )
    spacy_epochs: int = Field(
        ge=1, le=1000, description="passes over the training split, of a retrained model (7 as published)"
    )
    spacy_seed: int = Field(ge=0, le=2**31 - 1, description="random seed of a retrained model")
    ner_tasks: TaskNames | None = Field(description="entity sets that encoders are fine-tuned on; None: all of `tasks`")
    ner_epochs: Epochs = Field(description="passes over the training split, of an encoder")
    ner_max_length: MaxLength = Field(description="sub-words per sequence, of an encoder")
