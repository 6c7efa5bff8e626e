"""Tasks as plain values: for another process, a run store, a model directory and the fingerprint of their data."""

from __future__ import annotations

import dataclasses

from ..config import JsonMapping, JsonObject
from .task import TUPLES, CustomForm, Task

# Fields of a custom task that decide what is read, predicted or scored.
_FINGERPRINT_FIELDS = ("task_type", "reader", "columns", "labels", "positive_labels", "bounds", "metric")

SPLIT_REVISION = 2  # revision of the rule in custom.dev_split; another rule yields other data
TEXT_REVISION = 1  # revision of the rule in custom.raw_text


def task_to_dict(task: Task) -> JsonObject:
    """The task as plain values."""
    return dataclasses.asdict(task)


def task_from_dict(values: JsonMapping) -> Task:
    """The inverse of task_to_dict, also after a round trip through JSON."""
    fields: JsonObject = dict(values)
    fields |= {name: tuple(fields[name]) for name in ("columns", "labels", "positive_labels")}
    fields["bounds"] = None if fields["bounds"] is None else tuple(fields["bounds"])
    fields["custom"] = None if fields["custom"] is None else _custom_from_dict(fields["custom"])
    return Task(**fields)


def fingerprint_values(task: Task) -> JsonObject:
    """What identifies a custom task's data besides the bytes of its files; fields of `CustomForm` with their default
    value are left out, so that a new field leaves existing fingerprints as they are.
    """
    assert task.custom is not None
    values, defaults = dataclasses.asdict(task.custom), dataclasses.asdict(CustomForm())
    del values["task_type_alias"]
    custom = {name: value for name, value in values.items() if value != defaults[name]}
    custom |= {"split_revision": SPLIT_REVISION} if task.custom.dev_share else {}
    custom |= {"text_revision": TEXT_REVISION} if task.has_raw_text else {}
    return {name: getattr(task, name) for name in _FINGERPRINT_FIELDS} | {"custom": custom}


def _custom_from_dict(values: JsonMapping) -> CustomForm:
    overrides = {
        split: changed | {name: tuple(changed[name]) for name in ("columns", *TUPLES) if name in changed}
        for split, changed in values["split_overrides"].items()
    }
    fields: JsonObject = dict(values)
    fields.update({name: tuple(values.get(name, ())) for name in TUPLES}, split_overrides=overrides)
    return CustomForm(**fields)
