"""Parameters of notebook 03."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import Epochs, MaxLength
from ...study.parameters import (
    LayerParameters,
    LowResourceParameters,
    QuestionParameters,
    ResampledParameters,
    SimilarityParameters,
)

NOTEBOOK = "03_layer_adaptation"


class Parameters(LowResourceParameters, SimilarityParameters, QuestionParameters, LayerParameters, ResampledParameters):
    """Parameters of notebook 03."""

    biosses_epochs: Epochs = Field(description="passes over the training split, sentence similarity")
    qa_epochs: Epochs = Field(description="passes over the training split, question answering")
    biosses_max_length: MaxLength = Field(description="sub-words per sequence, sentence similarity")
    qa_max_length: MaxLength = Field(description="sub-words per sequence, question answering")
    combinations: bool = Field(description="whether to run the combinations of two techniques as well")
