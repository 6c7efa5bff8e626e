"""Parameters of notebook 02."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import Epochs, MaxLength, Names
from ...study.parameters import LowResourceParameters, QuestionParameters, ResampledParameters, SimilarityParameters

NOTEBOOK = "02_optimization_ablation"


class Parameters(LowResourceParameters, SimilarityParameters, QuestionParameters, ResampledParameters):
    """Parameters of notebook 02."""

    epochs_long: Epochs = Field(description="passes over the training split, longer training")
    epochs_standard: Epochs = Field(
        description="passes over the training split, the customary few (at most 5 in the paper)"
    )
    max_length: MaxLength = Field(description="sub-words per sequence, special tokens included")
    qa_tasks: Names = Field(description="question-answering tasks of Table 3; the paper has none")
    qa_epochs_long: Epochs = Field(description="epochs_long, for question answering")
    qa_max_length: MaxLength = Field(description="max_length, for question answering")
    compare_heads: bool = Field(description="whether to compare the pair head of sentence similarity with a cosine")
