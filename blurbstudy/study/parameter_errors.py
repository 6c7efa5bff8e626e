"""What is wrong with a parameter, in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml
from pydantic import BaseModel, ValidationError

from ..config import RENAMED_FIELDS
from ..errors import StudyError, closest, did_you_mean
from ..tasks import ALL_TASKS

RENAMED_PARAMETERS = RENAMED_FIELDS | {  # former name -> name
    "scispacy": "scispacy_source",
    "twins": "base_counterparts",
    "twin_freeze": "base_freeze",
    "twin_decay": "base_decay",
}

_CONTAINERS = {"list_type": "must be a list", "dict_type": "must be a mapping"}  # pydantic's type of error -> what
_QUOTED = re.compile(r"'([^']*)'")
_TYPE_NAMES = ("int", "float", "str", "bool")  # in the locations of pydantic's errors
_TYPE_PREFIXES = ("function-", "list[", "dict[", "literal[", "constrained-")


def describe_error(error: ValidationError, model: type[BaseModel], origin: str) -> str:
    """The first problem in one line: name, value, what is allowed, what the parameter means."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    where = f" ({origin})" if origin else ""
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, StudyError):
        return str(cause)
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        if name in RENAMED_PARAMETERS:
            return f"parameter {name!r}{where} is now {RENAMED_PARAMETERS[name]!r}; rename it"
        return f"unknown parameter {name!r}{where}; {suggest_parameter(name, model.model_fields)}"
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return f"parameter {name!r} has no value{where}; set it in the parameters file or with -p {name} VALUE"
    inner = _inner_name(first["loc"])
    same = [
        detail
        for detail in error.errors()
        if detail["loc"][:1] == first["loc"][:1] and _inner_name(detail["loc"]) == inner
    ]
    if first["type"] == "value_error":
        must = first["msg"].removeprefix("Value error, ").rstrip(".")
    elif first["type"] in _CONTAINERS and not inner and len(same) == 1:
        must = _CONTAINERS[first["type"]] + _corrected(name, first["input"], first["type"])
    else:  # of a union of types there is one error for each
        choices = dict.fromkeys(detail["msg"].removeprefix("Input should be ").rstrip(".") for detail in same)
        must = f"must be {' or '.join(choice[:1].lower() + choice[1:] for choice in choices)}"
        literals = [
            word for detail in same if detail["type"] == "literal_error" for word in _QUOTED.findall(detail["msg"])
        ]
        if isinstance(first["input"], str) and (close := closest(first["input"], literals)):
            must += f" (did you mean {close!r}?)"
    meaning = model.model_fields[name].description if name in model.model_fields else ""
    parameter = f"{name}{f'.{inner}' if inner else ''}={first['input']!r}"
    return f"{parameter}: {must}{f'; {name} is: {meaning}' if meaning else ''}{where}"


def suggest_parameter(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known, otherwise="parameters/mini/*.yaml list the parameters of each notebook")


def _corrected(name: str, value: object, kind: str) -> str:
    """How to write a single value as the list or mapping that is expected; a dataset's name is corrected too."""
    if not isinstance(value, str | int | float):
        return ""
    item = closest(str(value), [task.name for task in ALL_TASKS]) or value
    example = yaml.safe_dump([item] if kind == "list_type" else {"NAME": value}, default_flow_style=True)
    return f"; write -p {name} '{example.strip()}'"


def _inner_name(location: tuple[int | str, ...]) -> str:
    """The place of an error inside a parameter, without pydantic's names of types."""
    inner = [str(part) for part in location[1:]]
    return ".".join(part for part in inner if part not in _TYPE_NAMES and not part.startswith(_TYPE_PREFIXES))
