"""One module or package per notebook, with the notebook's name: its parameters, its grids of runs, its tables."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ..errors import check_choice

if TYPE_CHECKING:
    from ..study.parameters import CommonParameters
    from ..study.section import Section

NOTEBOOKS = (
    "00_overview",
    "01_pretraining_ablation",
    "02_optimization_ablation",
    "03_layer_adaptation",
    "04_large_models",
    "05_pruning",
    "06_state_of_the_art",
    "07_scispacy",
    "08_claims",
    "90_explore",
)


def get_section(notebook: str) -> Section:
    """The section of a notebook: `05_pruning` -> blurbstudy.sections.pruning.
    Raises ParameterError: the study has no such notebook.
    """
    check_notebook(notebook)
    return cast("Section", import_module(f"{__name__}.{notebook.partition('_')[2]}"))


def get_parameters(notebook: str) -> type[CommonParameters]:
    """The parameters of a notebook's section, without the section itself, which needs torch.
    Raises ParameterError: the study has no such notebook.
    """
    check_notebook(notebook)
    return import_module(f"{__name__}.parameters").PARAMETERS[notebook]


def check_notebook(notebook: str) -> None:
    """Check that the study has a notebook. Raises ParameterError: it has none of that name."""
    check_choice("notebook", notebook, NOTEBOOKS)
