"""Notebook 02, Table 3: train longer, and correct Adam's bias."""

from __future__ import annotations

from pydantic import Field

from ..stabilizers import BiasCorrection, LongerTraining, Stabilizer
from ..study.grid import Grid
from ..study.parameter_types import Epochs, MaxLength
from ..study.parameters import TrainingParameters
from ..study.study import Study

NOTEBOOK = "02_optimization_ablation"
BASELINE = "Improved optimization"


class Parameters(TrainingParameters):
    """What notebook 02 takes."""

    epochs_long: Epochs = Field(description="passes over the training split, longer training")
    epochs_standard: Epochs = Field(
        description="passes over the training split, the customary few (at most 5 in the paper)"
    )
    max_length: MaxLength = Field(description="sub-words per sequence, special tokens included")


def settings(parameters: Parameters) -> dict[str, list[Stabilizer]]:
    """The rows of Table 3: both adjustments, each without the other, and neither."""
    longer, standard = LongerTraining(parameters.epochs_long), LongerTraining(parameters.epochs_standard)
    return {
        BASELINE: [longer, BiasCorrection(True)],
        "Standard epochs": [standard, BiasCorrection(True)],
        "No bias correction": [longer, BiasCorrection(False)],
        "Neither adjustment": [standard, BiasCorrection(False)],
    }


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table3`: every encoder under every setting on sentence similarity."""
    chosen = study.parameters
    recipe = study.recipe(max_length=chosen.max_length, **chosen.shared_fields)
    parts = study.task_columns("similarity")
    return {"table3": study.grid(settings(chosen), bases={part.label: recipe for part in parts}, columns=parts)}
