"""Which notebooks a command is about, and with which parameters: what `run`, `plan` and `report` share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import paths
from ..errors import ParameterError, StudyError

Scale = Annotated[str, typer.Option(help="Which parameters: mini, small or paper.")]
Data = Annotated[str | None, typer.Option(help="Folder of the BLURB datasets, or mini (generated).")]
Store = Annotated[Path | None, typer.Option(help="Folder of the run store (default: runs/SCALE).")]
Only = Annotated[list[str] | None, typer.Option(help="Stems of notebooks, several after one --only (default: all).")]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", "--parameter", help="Override a notebook parameter: -p name value.")
]
RUNS_OF_OTHERS = ("08_claims",)  # asks for no encoder: it judges the runs that other notebooks have made


def notebook_values(*, scale: str, only: Sequence[str] | None, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Stem -> parameters, as the scale's files and the command line say.

    Raises:
        ParameterError: an unknown name or notebook, a value out of bounds, no encoder with a path.
    """
    from ..study.parameter_schema import check_values
    from ..study.parameters import declared_parameters, scale_parameters

    stems = chosen_stems(only)
    declared = {stem: declared_parameters(stem) for stem in stems}
    _check_known(given, {name for names in declared.values() for name in names}, stems=stems)
    plan = {}
    for stem in stems:
        mine = {name: value for name, value in given.items() if name in declared[stem]}
        plan[stem] = {name: entry.default for name, entry in declared[stem].items()}
        plan[stem] |= scale_parameters(scale, stem) | mine
        check_values(plan[stem])
    _check_encoders(plan)
    return plan


def chosen_stems(only: Sequence[str] | None) -> list[str]:
    """Notebooks asked for, in the study's order."""
    from ..study.parameters import TUTORIALS, notebook_stems

    known = notebook_stems()
    if not known:
        raise StudyError(
            f"{paths.NOTEBOOKS}: no notebooks there; install blurbstudy from its checkout (pip install -e .)"
        )
    if tutorials := sorted(set(only or ()) & set(TUTORIALS)):
        raise ParameterError(
            f"--only: {tutorials[0]} is a tutorial, no part of the study; open it with `make lab`, or execute it: "
            f"papermill notebooks/{tutorials[0]}.ipynb OUT.ipynb"
        )
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise ParameterError(f"--only: notebook {unknown[0]!r} is unknown; use {' or '.join(known)}")
    return [stem for stem in known if not only or stem in only]


def given_values(parameters: Sequence[str] | None, *, data: str | None, store: Path | None) -> dict[str, Any]:
    """Overrides from the command line, values read as YAML."""
    import yaml

    given: dict[str, Any] = {}
    for word in parameters or ():
        name, equals, text = word.partition("=")
        if not equals:
            raise ParameterError(f"-p {word}: has no value; use -p name value")
        if name == "scale":  # it names parameters files, which are read before any -p
            raise ParameterError(f"-p scale {text}: the scale is no parameter of a run; use --scale")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ParameterError(f"-p {name}: {text!r} is no YAML value; use such as 3, [1, 2] or {{a: b}}") from None
        with contextlib.suppress(TypeError, ValueError):  # YAML takes 5e-5 for text
            value = float(value) if isinstance(value, str) else value
        given[name] = value
    named = {"data": data, "store": None if store is None else str(store)}
    return given | {name: value for name, value in named.items() if value is not None}


def _check_encoders(plan: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a run in which no encoder has a path: it would make empty tables."""
    for values in (values for stem, values in plan.items() if stem not in RUNS_OF_OTHERS):
        names = list(values["encoders"])
        if all(spec is None for spec in values["encoders"].values()):
            raise ParameterError(
                f"encoders: no path is given for {', '.join(names)}; give one: -p encoders '{{{names[0]}: DIR}}'"
            )


def _check_known(given: dict[str, Any], known: set[str], *, stems: Sequence[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ParameterError(
            f"unknown parameter {unknown[0]!r} (-p); {', '.join(stems)} know {', '.join(sorted(known))}"
        )
