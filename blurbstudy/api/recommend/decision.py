"""A decision of a recommendation, what its reasons quote, and how numbers depend on the size of a dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...config import JsonObject
from ...tables.paper import paper_number

SEEDS = "seeds"  # a decision that is not a field of Recipe
STUDY_RUNS_FILE = Path(__file__).with_name("study_runs.yaml")
# Training examples: techniques and small rates fade out between the largest of the paper's small datasets (BioASQ, 670)
# and sizes that it found stable.
SMALL_TRAIN, STABLE_TRAIN = 670, 3000

GU, TINN, MOSBACH = "Gu et al. 2021", "Tinn et al. 2021", "Mosbach et al. 2021"
OUR_RUNS = "our runs (benchmarks/README.md)"
JUDGEMENT = "judgement"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The value of one setting."""

    field: str  # of Recipe, or SEEDS
    value: Any
    why: str
    source: str


def smallness(train: int) -> float:
    """1 up to SMALL_TRAIN examples, 0 from STABLE_TRAIN on, falling with the logarithm of their number between."""
    return float(np.interp(math.log(train), [math.log(SMALL_TRAIN), math.log(STABLE_TRAIN)], [1.0, 0.0]))


def interpolate(train: int, points: Sequence[tuple[float, float]]) -> float:
    """A positive number between those given for sizes, on logarithmic scales; constant outside of them."""
    sizes, values = zip(*points, strict=True)
    return math.exp(float(np.interp(math.log(train), np.log(sizes), np.log(values))))


def decide(field: str, value: object, why: str, source: str) -> Decision:
    """A decision."""
    return Decision(field=field, value=value, why=why, source=source)


def printed(table: str, *keys: str) -> str:
    """A number of the paper's tables."""
    value = paper_number(table, *keys)
    if value is None:
        raise KeyError(f"the paper's tables have no {'/'.join((table, *keys))}")
    return f"{value:g}"


def change4(encoder: str, technique: str, part: str) -> str:
    """What a technique changes in Table 4, as `71.7 to 76.3`."""
    return f"{printed('table4', encoder, 'Baseline', part)} to {printed('table4', encoder, technique, part)}"


def change5(encoder: str, technique: str, part: str) -> str:
    """As `change4`, in Table 5."""
    return f"{printed('table5', encoder, 'Baseline', part)} to {printed('table5', encoder, technique, part)}"


@cache
def study_runs() -> dict[str, JsonObject]:
    """The entries of study_runs.yaml by name."""
    return yaml.safe_load(STUDY_RUNS_FILE.read_text(encoding="utf-8"))


def measured(name: str, column: str) -> str:
    """A number of study_runs.yaml."""
    return f"{study_runs()[name][column]:g}"
