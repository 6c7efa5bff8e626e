"""Notebook 10, a tutorial: its parameters. It is not part of the study."""

from __future__ import annotations

from pydantic import Field

from ..config import JsonMapping
from ..study.notebook_session import enter_project, namespace_parameters
from ..study.parameter_types import Device, Epochs, LearningRate, MaxLength
from ..study.parameters import Model, parse_parameters

NOTEBOOK = "10_your_own_data"


class Parameters(Model):
    """What notebook 10 takes."""

    encoder: str = Field(
        min_length=1, description="checkpoint directory, Hub id, or pretrain:bert (pretrained on the spot, 40 s)"
    )
    folder: str | None = Field(description="where files, runs and the model go; None: a temporary folder")
    seeds: int = Field(ge=1, le=100, description="number of runs, which differ only in their seed")
    epochs: Epochs = Field(description="passes over the training data; with a tiny encoder they take seconds")
    learning_rate: LearningRate = Field(description="for a tiny encoder; for one of usual size leave it to the recipe")
    max_length: MaxLength = Field(description="sub-words per sequence; longer sentences are split")
    device: Device = Field(description="auto, cpu or cuda")


def read_parameters(namespace: JsonMapping) -> Parameters:
    """The parameters in the notebook's `globals()`; the working directory becomes the project's.
    Raises ParameterError: an unknown parameter, or a value of another type or out of bounds.
    """
    enter_project()
    values = namespace_parameters(namespace, Parameters.model_fields)
    return parse_parameters(Parameters, values, origin=f"notebooks/{NOTEBOOK}.ipynb")
