"""What the page of claims calls settings and numbers: a setting by what it does, the default recipe by one name
whatever its notebook calls it, and a score or a difference to one decimal.
"""

from __future__ import annotations

import re

from ...stats.intervals import Interval

DEFAULT = "Default recipe"
SETTINGS = {  # what notebooks call a setting -> what it does
    "Baseline": DEFAULT,
    "Standard": DEFAULT,
    "Improved optimization": DEFAULT,
    "Two segment ids": DEFAULT,
    "One recipe per task": DEFAULT,
    "Fine-tuned": DEFAULT,
    "Standard epochs": "Few epochs",
    "No bias correction": "Without bias correction",
    "Neither adjustment": "Few epochs without bias correction",
    "Layer freeze": "Freezing lower layers",
    "Layerwise decay": "Layerwise learning-rate decay",
    "Freeze and decay": "Freezing and decay",
    "Layer reinit": "Re-initializing top layers",
    "Freeze and reinit": "Freezing and re-initializing",
    "Decay and reinit": "Decay and re-initializing",
    "Optimal": "Searched recipe",
    "Optimal, without dev": "Searched recipe, dev not in training",
    "none removed": "no layers removed",
    "half removed": "half of the layers removed",
}
_REMOVED = re.compile(r"(\d+) of \d+ layers removed")


def setting_name(name: str) -> str:
    """A setting by what it does; a name of another kind (an encoder's) as it is."""
    removed = _REMOVED.fullmatch(name)
    if removed and removed[1] == "0":
        return DEFAULT
    return f"Removing {name.removesuffix(' removed')}" if removed else SETTINGS.get(name, name)


def in_sentence(name: str) -> str:
    """The same within a sentence: `the default recipe`, `few epochs`."""
    renamed = setting_name(name)
    if renamed == DEFAULT:
        return f"the {DEFAULT.lower()}"
    return renamed[0].lower() + renamed[1:] if renamed != name else name


def format_tenths(value: float | None) -> str:
    """One decimal with a true minus sign; an en dash for None."""
    if value is None:
        return "–"
    text = f"{value:.1f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def format_change(value: float | None) -> str:
    """A difference: one decimal with its sign."""
    text = format_tenths(value)
    return text if value is None or value < 0 or text == "0.0" else f"+{text}"


def format_bounds(bounds: Interval | None) -> str:
    """`[low, high]`, or an en dash."""
    return "–" if bounds is None else f"[{format_tenths(bounds[0])}, {format_tenths(bounds[1])}]"
