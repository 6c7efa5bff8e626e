"""Notebook 02, Table 3: train longer, and correct Adam's bias."""

from __future__ import annotations

from pydantic import Field

from ..stabilizers import BiasCorrection, LongerTraining, Stabilizer
from ..study.conditions import resampled_columns, technique_grid
from ..study.grid import Axes, Grid
from ..study.parameter_types import Epochs, MaxLength
from ..study.parameters import ResampledParameters, TrainingParameters
from ..study.study import Study

NOTEBOOK = "02_optimization_ablation"
BASELINE = "Improved optimization"
AXES = Axes(group="Encoder", level="Optimization")


class Parameters(TrainingParameters, ResampledParameters):
    """What notebook 02 takes."""

    epochs_long: Epochs = Field(description="passes over the training split, longer training")
    epochs_standard: Epochs = Field(
        description="passes over the training split, the customary few (at most 5 in the paper)"
    )
    max_length: MaxLength = Field(description="sub-words per sequence, special tokens included")


def techniques(parameters: Parameters) -> dict[str, list[Stabilizer]]:
    """Level of Table 3 -> techniques: both adjustments, one of them, neither."""
    longer, standard = LongerTraining(parameters.epochs_long), LongerTraining(parameters.epochs_standard)
    return {
        BASELINE: [longer, BiasCorrection(True)],
        "Standard epochs": [standard, BiasCorrection(True)],
        "No bias correction": [longer, BiasCorrection(False)],
        "Neither adjustment": [standard, BiasCorrection(False)],
    }


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table3`: every encoder under every optimization on sentence similarity."""
    chosen = study.parameters
    recipe = study.recipe(max_length=chosen.max_length, **chosen.shared_fields)
    columns = study.task_columns("similarity")
    bases = {column.label: recipe for column in columns}
    columns += resampled_columns(study, tuple(bases), splits=chosen.splits)
    return {"table3": technique_grid(study, techniques(chosen), bases=bases, columns=columns, axes=AXES)}
