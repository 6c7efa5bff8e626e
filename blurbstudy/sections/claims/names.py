"""What the page of claims calls settings and numbers: the default recipe by one name, also where a grid asks for
something else, and a score or a difference to one decimal.
"""

from __future__ import annotations

import re

from ...stats.intervals import Interval
from ...study.grid import DEFAULT_RECIPE
from ...study.grid import in_sentence as level_in_sentence

ALSO_DEFAULT = ("Two segment ids", "One recipe per task", "Fine-tuned")  # levels of grids that ask for something else
SHARES = {"none removed": "no layers removed", "half removed": "half of the layers removed"}
_REMOVED = re.compile(r"(\d+) of \d+ layers removed")


def setting_name(name: str) -> str:
    """A setting by what it does; a name of another kind (an encoder's) as it is."""
    removed = _REMOVED.fullmatch(name)
    if name in ALSO_DEFAULT or (removed and removed[1] == "0"):
        return DEFAULT_RECIPE
    return f"Removing {name.removesuffix(' removed')}" if removed else SHARES.get(name, name)


def in_sentence(name: str) -> str:
    """The same within a sentence: `the default recipe`, `few epochs`."""
    renamed = setting_name(name)
    if renamed == DEFAULT_RECIPE:
        return level_in_sentence(renamed)
    first = renamed.split()[0]
    return renamed[0].lower() + renamed[1:] if first[1:].islower() else renamed  # not BERT, PubMedBERT


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
