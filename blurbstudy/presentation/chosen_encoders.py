"""Which of the encoders that a notebook's parameters name it works with: no other is looked for, or pretrained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ParameterError


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
