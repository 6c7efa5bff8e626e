"""What the page of claims calls settings: the default recipe by one name, also where a grid asks for something else."""

from __future__ import annotations

import re

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
