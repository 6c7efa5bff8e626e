"""Which notebooks a command is about, and their parameters: shared by `run`, `plan` and `report`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml

from .. import paths
from ..config import JsonMapping, JsonObject
from ..errors import ParameterError, StudyError
from ..sections import NOTEBOOKS, check_notebook, get_parameters

Scale = Annotated[str, typer.Option(help="Parameter set: mini, small or paper.")]
Data = Annotated[str | None, typer.Option(help="Folder of the BLURB datasets, or mini (generated).")]
Store = Annotated[Path | None, typer.Option(help="Folder of the run store (default: runs/SCALE).")]
Only = Annotated[list[str] | None, typer.Option(help="Names of notebooks; one --only takes several (default: all).")]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", "--parameter", help="Override a notebook parameter: -p name value.")
]
TUTORIALS = ("10_your_own_data",)  # not part of the study
WITHOUT_RUNS = ("08_claims", "90_explore")  # they show the runs of other notebooks, so need no encoder


def notebook_parameters(*, scale: str, only: Sequence[str] | None, overrides: JsonMapping) -> dict[str, JsonObject]:
    """Notebook -> parameters, from the scale's files and the command line, checked.

    Raises:
        ParameterError: an unknown name or notebook, a value out of bounds, or no encoder with a path.
        DataError: datasets are missing.
    """
    from ..study.inputs import check_inputs
    from ..study.parameter_errors import RENAMED_PARAMETERS, suggest_parameter
    from ..study.parameters import parameter_files, scale_parameters

    notebooks = select_notebooks(only)
    models = {notebook: get_parameters(notebook) for notebook in notebooks}
    known = {name for model in models.values() for name in model.model_fields}
    if unknown := sorted(set(overrides) - known):
        if (name := RENAMED_PARAMETERS.get(unknown[0])) in known:
            raise ParameterError(f"-p {unknown[0]}: is now {name}")
        raise ParameterError(f"unknown parameter {unknown[0]!r} (-p); {suggest_parameter(unknown[0], known)}")
    parsed = {}
    for notebook, model in models.items():
        values = scale_parameters(scale, notebook)
        values |= {name: value for name, value in overrides.items() if name in model.model_fields}
        origin = ", ".join(str(file.relative_to(paths.PROJECT)) for file in parameter_files(scale, notebook))
        parsed[notebook] = model.parse(values, origin=f"{origin} and the command line")
    plan = {notebook: parameters.model_dump(mode="json") for notebook, parameters in parsed.items()}
    _check_encoders(plan)
    check_inputs(parsed.values())
    return plan


def select_notebooks(only: Sequence[str] | None) -> list[str]:
    """The notebooks to execute, in the study's order."""
    if not (paths.NOTEBOOKS / f"{NOTEBOOKS[0]}.ipynb").is_file():
        raise StudyError(f"{paths.NOTEBOOKS}: no notebooks; install blurbstudy from its checkout (pip install -e .)")
    if tutorials := sorted(set(only or ()) & set(TUTORIALS)):
        raise ParameterError(
            f"--only: {tutorials[0]} is a tutorial, not part of the study; open it with `make lab`, or execute it: "
            f"papermill notebooks/{tutorials[0]}.ipynb OUT.ipynb"
        )
    for notebook in only or ():
        check_notebook(notebook)
    return [notebook for notebook in NOTEBOOKS if not only or notebook in only]


def parse_overrides(parameters: Sequence[str] | None, *, data: str | None, store: Path | None) -> JsonObject:
    """Overrides from the command line, values read as YAML."""
    overrides: JsonObject = {}
    for word in parameters or ():
        name, equals, text = word.partition("=")
        if not equals:
            raise ParameterError(f"-p {word}: the value is missing; use -p name value")
        if name in ("scale", "train_missing"):  # the scale names parameters files, which are read before any -p
            remedy = "use --scale" if name == "scale" else "use `blurbstudy report` to train nothing"
            raise ParameterError(f"-p {name} {text}: cannot be set with -p; {remedy}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ParameterError(f"-p {name}: {text!r} is not valid YAML; use such as 3, [1, 2] or {{a: b}}") from None
        with contextlib.suppress(TypeError, ValueError):  # YAML reads 5e-5 as text
            value = float(value) if isinstance(value, str) else value
        overrides[name] = value
    options = {"data": data, "store": None if store is None else str(store)}
    return overrides | {name: value for name, value in options.items() if value is not None}


def _check_encoders(plan: Mapping[str, JsonMapping]) -> None:
    """Refuse a run in which no encoder has a path: it would make empty tables."""
    for values in (values for notebook, values in plan.items() if notebook not in WITHOUT_RUNS):
        names = list(values["encoders"])
        if all(spec is None for spec in values["encoders"].values()):
            raise ParameterError(
                f"encoders: no path is given for {', '.join(names)}; give one: -p encoders '{{{names[0]}: DIR}}'"
            )
