"""Notebook parameters: what a notebook declares (its own `parameters` cell), and what the files say.

The cell tagged `parameters` is the declaration: literals with a comment each. Names that no cell declares are refused
before anything runs; so are values of the wrong kind.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .. import paths
from ..errors import ParameterError
from .parameter_schema import SCALES, check_choice

HUB_ENCODERS = "hub_encoders.yaml"  # in the parameters folder: our names of encoders on the Hugging Face Hub
HUB_PREFIX = "hub:"
# These change where and how fast runs are made, not what comes out.
CIRCUMSTANCES = ("store", "device", "workers", "population", "search_database")
# Names with an underscore that IPython keeps in a notebook's globals: its history, and what Python gives a module.
_HISTORY = re.compile(r"_{1,3}|_\d+|_oh|_dh|_ih|_exit_code")
_INPUTS = re.compile(r"_i{1,3}|_i\d+")
_MODULE = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__file__", "__builtin__", "__builtins__")
_EDITORS = ("__session__", "__vsc_ipynb_file__")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One line of a parameters cell."""

    name: str
    default: Any
    comment: str


# No sections of the study: nothing of them stands in its report, and no scale has parameters for them.
TUTORIALS = ("10_your_own_data",)
_CHECKED: set[str] = set()  # tutorials whose parameters this process has checked


def notebook_stems() -> tuple[str, ...]:
    """Stems of the study's notebooks, in their order; tutorials are none of them."""
    found = (path.stem for path in paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    return tuple(sorted(stem for stem in found if stem not in TUTORIALS))


def check_tutorial(stem: str, namespace: Mapping[str, Any]) -> None:
    """Refuse names that a tutorial's parameters cell does not declare, once: later it has variables of its own.

    Raises:
        ParameterError: names the first unknown parameter and lists the known ones.
    """
    if stem not in _CHECKED:
        check_names(given_names(namespace), declared_parameters(stem), origin=f"notebooks/{stem}.ipynb")
        _CHECKED.add(stem)


def declared_parameters(stem: str) -> dict[str, Declared]:
    """What the notebook's cell tagged `parameters` declares, by name.

    Raises:
        ParameterError: no such notebook, or its cell holds something else than `name = literal` lines.
    """
    path = paths.NOTEBOOKS / f"{stem}.ipynb"
    if not path.is_file():
        raise ParameterError(f"notebook {stem!r} is unknown; use {' or '.join(notebook_stems())}")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    source = next(("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ())), None)
    if source is None:
        raise ParameterError(f"{path}: has no cell tagged 'parameters'; tag the first code cell")
    return _declarations(source, path)


def _declarations(source: str, path: Path) -> dict[str, Declared]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for node in ast.parse(source).body:
        try:
            (target,), default = node.targets, ast.literal_eval(node.value)
        except (AttributeError, ValueError):
            raise ParameterError(f"{path}: line {node.lineno} of its parameters is no `name = literal`") from None
        found[target.id] = Declared(name=target.id, default=default, comment=comments.get(node.end_lineno, ""))
    return found


def scale_parameters(scale: str, stem: str) -> dict[str, Any]:
    """Values of parameters/<scale>/common.yaml, then of the notebook's own file; a file that is not there adds none.

    Raises:
        ParameterError: unknown scale, a file that is no mapping, or a name that the notebook does not declare.
    """
    check_choice("scale", scale, SCALES)
    values: dict[str, Any] = {}
    declared = declared_parameters(stem)
    for path in parameter_files(scale, stem):
        found = read_mapping(path)
        check_names(found, declared, origin=str(path.relative_to(paths.PROJECT)))
        values |= found
    return values


def parameter_files(scale: str, stem: str) -> tuple[Path, ...]:
    """The files that a notebook's parameters come from at a scale, those that exist."""
    folder = paths.PARAMETERS / scale
    return tuple(path for path in (folder / "common.yaml", folder / f"{stem}.yaml") if path.is_file())


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file of `name: value` lines.

    Raises:
        ParameterError: unreadable, no valid YAML, or no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds no mapping; write lines of `name: value`")
    return values


def check_names(given: Mapping[str, Any], declared: Mapping[str, Any], *, origin: str) -> None:
    """Refuse names that are not declared.

    Raises:
        ParameterError: names the first unknown parameter and lists the known ones.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ParameterError(f"unknown parameter {unknown[0]!r} ({origin}); known: {', '.join(declared)}")


def given_names(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Literals among a notebook's globals, IPython's own aside: what papermill or a person has set."""
    literal = (str, int, float, bool, list, dict, tuple, type(None))
    return {k: v for k, v in namespace.items() if isinstance(v, literal) and not _is_ipythons(k, v, namespace)}


def _is_ipythons(name: str, value: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether a name is one that IPython itself puts there, and still holds IPython's own object."""
    if name in ("In", "Out"):
        return value is namespace.get({"In": "_ih", "Out": "_oh"}[name])
    if _INPUTS.fullmatch(name):
        return isinstance(value, str)
    return name in (*_MODULE, *_EDITORS) or _HISTORY.fullmatch(name) is not None


def hub_id(spec: str | None) -> str | None:
    """`hub:NAME` looked up in parameters/hub_encoders.yaml; every other spec is returned as it is.

    Raises:
        ParameterError: the file has no such name.
    """
    if spec is None or not spec.startswith(HUB_PREFIX):
        return spec
    known = read_mapping(paths.PARAMETERS / HUB_ENCODERS)
    name = spec.removeprefix(HUB_PREFIX)
    if name not in known:
        raise ParameterError(f"encoder {spec!r} is unknown; use {HUB_PREFIX} and one of {', '.join(known)}")
    return str(known[name])


def needed_encoders(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Display name -> how it is given: LARGE encoders and their twins, the one that is cut, or else all.

    Raises:
        ParameterError: the encoder to be cut is not among those given.
    """
    if "large_encoders" in values:
        twins = dict.fromkeys(large_twins(values).values())
        return dict(values["large_encoders"]) | {name: _base_encoders(values)[name] for name in twins}
    if "pruned" in values:
        name = pruned_encoder(values)
        return {name: values["encoders"][name]}
    return dict(values["encoders"])


def large_twins(values: Mapping[str, Any]) -> dict[str, str]:
    """LARGE encoder that is given -> its BASE twin; without those whose twin no parameter names."""
    known, twins = _base_encoders(values), values["twins"]
    given = [name for name, spec in values["large_encoders"].items() if spec is not None]
    return {name: twins[name] for name in given if twins.get(name) in known}


def pruned_encoder(values: Mapping[str, Any]) -> str:
    """The display name of the encoder whose layers are removed: the one named, or the first that is given.

    Raises:
        ParameterError: it is not among the encoders.
    """
    name, encoders = values["pruned"], values["encoders"]
    if name is None:
        return next((own for own, spec in encoders.items() if spec is not None), next(iter(encoders)))
    if name not in encoders:
        raise ParameterError(f"pruned={name!r} is not among the encoders; use {' or '.join(encoders)}, or null")
    return name


def _base_encoders(values: Mapping[str, Any]) -> dict[str, str | None]:
    return {**values["encoders"], **values["base_encoders"]}
