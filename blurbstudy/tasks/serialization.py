"""Tasks as plain values: for another process, a run store, a model directory and the fingerprint of their data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .task import CustomForm, Task

# Field -> its key in files: stores, model directories and fingerprints keep the keys of revision 2.
TASK_KEYS = {
    "task_type": "kind",
    "size_unit": "counted",
    "unit_id_prefix": "unit_parts",
    "positive_labels": "positives",
    "fallback_files": "substitutes",
    "custom": "own",
}
CUSTOM_KEYS = {"task_type_alias": "kind", "split_overrides": "others"}
# Fields that every fingerprint covers; fields added later count only where they differ from their defaults.
_ORIGINAL_FIELDS = ("id", "document", "header", "separator", "scheme", "dev_share", "split_seed")
# Fields of a custom task that decide what is read, predicted or scored.
_FINGERPRINT_FIELDS = ("task_type", "reader", "columns", "labels", "positive_labels", "bounds", "metric")

SPLIT_REVISION = 2  # revision of the rule in custom.dev_split; another rule yields other data


def task_to_dict(task: Task) -> dict[str, Any]:
    """The task as plain values."""
    values = _with_keys(dataclasses.asdict(task), TASK_KEYS)
    return values | {"own": values["own"] and _with_keys(values["own"], CUSTOM_KEYS)}


def task_from_dict(values: Mapping[str, Any]) -> Task:
    """The inverse of task_to_dict, also after a round trip through JSON.

    Raises:
        KeyError, TypeError or AttributeError: the values describe no task.
    """
    fields: dict[str, Any] = _with_fields(values, TASK_KEYS)
    fields |= {name: tuple(fields[name]) for name in ("columns", "labels", "positive_labels")}
    fields["bounds"] = None if fields["bounds"] is None else tuple(fields["bounds"])
    fields["custom"] = None if fields["custom"] is None else _custom_from_dict(fields["custom"])
    return Task(**fields)


def fingerprint_values(task: Task) -> dict[str, Any]:
    """What identifies a custom task's data besides the bytes of its files."""
    assert task.custom is not None
    values, defaults = dataclasses.asdict(task.custom), dataclasses.asdict(CustomForm())
    del values["task_type_alias"]
    used = {name: value for name, value in values.items() if name in _ORIGINAL_FIELDS or value != defaults[name]}
    custom = _with_keys(used, CUSTOM_KEYS) | ({"division": SPLIT_REVISION} if task.custom.dev_share else {})
    return _with_keys({name: getattr(task, name) for name in _FINGERPRINT_FIELDS}, TASK_KEYS) | {"own": custom}


def _custom_from_dict(values: Mapping[str, Any]) -> CustomForm:
    fields: dict[str, Any] = _with_fields(values, CUSTOM_KEYS)
    overrides = {
        split: changed | {name: tuple(changed[name]) for name in ("columns", "one_hot")}
        for split, changed in fields.get("split_overrides", {}).items()
    }
    fields |= {"one_hot": tuple(fields.get("one_hot", ())), "split_overrides": overrides}
    return CustomForm(**fields)


def _with_keys(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys.get(name, name): value for name, value in values.items()}


def _with_fields(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    fields = {key: name for name, key in keys.items()}
    return {fields.get(key, key): value for key, value in values.items()}
