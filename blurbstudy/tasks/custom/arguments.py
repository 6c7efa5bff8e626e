"""The values that arguments of a custom task may have, and checks of them; a YAML file gives them as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ParameterError, any_of, check_choice, did_you_mean
from ...metrics import METRICS
from ..formats.standoff import DISCONTINUOUS_POLICIES

TASK_TYPE_ALIASES = {  # usual names -> Task.task_type
    "ner": "ner",
    "entities": "ner",
    "token-classification": "ner",
    "tagging": "ner",
    "pico": "pico",
    "relation": "relation",
    "relations": "relation",
    "classification": "relation",
    "text-classification": "relation",
    "sentence-classification": "relation",
    "similarity": "similarity",
    "sts": "similarity",
    "regression": "similarity",
    "document": "document",
    "documents": "document",
    "multi-label": "document",
    "multilabel": "document",
    "question": "question",
    "qa": "question",
    "pairs": "question",
    "pair-classification": "question",
    "nli": "question",
}
CLASS_METRICS = ("macro_f1", "balanced_accuracy", "mcc", "kappa")
FITTING_METRICS = {  # task type -> its metrics, the default first
    "ner": ("entity_f1", "entity_f1_default", "relaxed_f1", "relaxed_f1_one_to_one"),
    "pico": ("pico_f1",),
    "relation": ("accuracy", "micro_f1", *CLASS_METRICS),  # micro F1 if one label is negative
    "question": ("accuracy", "micro_f1", *CLASS_METRICS),
    "similarity": ("pearson",),
    "document": ("document_f1", "example_based_f1", "label_macro_f1"),
}
SIZE_UNITS = {
    "ner": "mentions",
    "pico": "PICO words",
    "relation": "sentences",
    "question": "pairs",
    "similarity": "pairs",
    "document": "documents",
}
NEGATIVE_LABELS = ("false", "none", "no", "0", "na", "n/a", "negative", "no_relation", "no-relation", "other")
USUAL_TASK_TYPES = ("ner", "classification", "relation", "pairs", "question", "similarity", "multi-label", "pico")


def number(value: Any) -> float | None:
    """A number, also from text (YAML), or None."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def choose_metric(name: object, kind: str, *, fitting: Sequence[str]) -> str:
    """The named metric if it fits the task type, or the default one."""
    if name is None:
        return fitting[0]
    if not isinstance(name, str) or name not in METRICS:
        raise ParameterError(f"metric={str(name)[:40]!r} is unknown; {did_you_mean(str(name), fitting)}")
    if name not in fitting:
        raise ParameterError(f"metric={name!r} does not fit kind {kind}; use {any_of(fitting)}")
    return name


def check_number(name: str, value: object, low: float, high: float) -> float:
    """A number within bounds, or a ParameterError."""
    parsed = number(value)
    if parsed is None or not low <= parsed <= high:
        raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
    return parsed


def check_bounds(bounds: object) -> tuple[float, float] | None:
    """The lowest and highest score, or None."""
    if bounds is None:
        return None
    numbers = [number(bound) for bound in bounds] if isinstance(bounds, (list, tuple)) else []
    low, high = numbers if len(numbers) == 2 else (None, None)
    if low is None or high is None or not low < high:
        raise ParameterError(f"bounds={bounds!r} must be the lowest and the highest score; write bounds: [0, 5]")
    return low, high


def check_discontinuous(policy: object) -> str:
    """The policy for discontinuous entities, or a ParameterError."""
    check_choice("discontinuous", policy, DISCONTINUOUS_POLICIES)
    return str(policy)


def check_flag(name: str, value: object) -> bool:
    """True or false, also from text (YAML), or a ParameterError."""
    known = {"true": True, "false": False}.get(str(value).lower())
    if known is None:
        raise ParameterError(f"{name}={value!r} is neither true nor false; use one of them")
    return known


def check_mismatched(trust_offsets: object, skip_mismatched: object) -> str:
    """The policy for entities whose text is not the document's, or a ParameterError."""
    trust, skip = check_flag("trust_offsets", trust_offsets), check_flag("skip_mismatched", skip_mismatched)
    if trust and skip:
        raise ParameterError("trust_offsets and skip_mismatched exclude each other; choose one")
    return "trust" if trust else "skip" if skip else "refuse"


def check_separator(separator: object) -> str:
    """The separator of labels in one column, or a ParameterError."""
    if not isinstance(separator, str) or not separator:
        raise ParameterError(f"separator={separator!r} must be a non-empty text; write separator: ';'")
    return separator
