"""The recipe that the evidence speaks for: rules in recommendations.yaml, each with its reason and its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...config import Recipe, recipe_from_dict
from ...errors import ParameterError
from ...tables.paper import paper_number, paper_tables
from ...training import total_steps
from .task_profile import KINDS, Situation

RULES_FILE = Path(__file__).with_name("recommendations.yaml")
STUDY_FILE = Path(__file__).with_name("study_runs.yaml")
HALF = "half"  # of the layers
SEEDS = "seeds"  # what a rule decides beside the fields of a recipe
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One decided field."""

    field: str  # of Recipe, or seeds
    value: Any
    why: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A line of recommendations.yaml."""

    field: str
    value: Any
    why: str
    source: str
    when: Mapping[str, Any]

    def holds(self, situation: Situation, decided: Mapping[str, Any]) -> bool:
        """Whether it is about this situation, after what was decided above it."""
        return all(_CONDITIONS[name](wanted, situation, decided) for name, wanted in self.when.items())


_CONDITIONS = {
    "kind": lambda wanted, at, decided: at.kind in wanted,
    "size": lambda wanted, at, decided: at.size in wanted,
    "family": lambda wanted, at, decided: at.family in wanted,
    "sentence_tuned": lambda wanted, at, decided: at.sentence_tuned == wanted,
    "train": lambda wanted, at, decided: wanted[0] <= at.train < wanted[1],
    "plain_from": lambda wanted, at, decided: at.plain is not None and at.plain.interval[0] >= wanted,
    "head": lambda wanted, at, decided: decided.get("head", "words") in wanted,
    "technique": lambda wanted, at, decided: bool(set(decided["stabilizers"]) & set(wanted)),
}


@cache
def rules() -> tuple[Rule, ...]:
    """Of recommendations.yaml, in its order."""
    found = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    return tuple(Rule(**({"when": {}} | values)) for values in found)


@cache
def study_runs() -> dict[str, dict[str, Any]]:
    """Of study_runs.yaml: name -> what was run, how often, and what came of it."""
    return yaml.safe_load(STUDY_FILE.read_text(encoding="utf-8"))


def chosen_by_rules(situation: Situation) -> tuple[Choice, ...]:
    """The last rule that holds for each field, in the order of the file."""
    taken: dict[str, Rule] = {}
    decided: dict[str, Any] = {}
    for rule in rules():
        if rule.holds(situation, decided):
            taken[rule.field] = rule
            decided[rule.field] = _value(rule, situation)
    steps = total_steps(_recipe(decided), situation.train)
    known = {
        "train": f"{situation.train:,}", "layers": str(situation.layers), "kind": KINDS[situation.kind],
        "size": situation.size, "steps": f"{steps:,}",
        "plain": "" if situation.plain is None else f"{situation.plain.score:.2f}",
    }  # fmt: skip
    return tuple(
        Choice(field=field, value=decided[field], why=filled(rule.why, known), source=filled(rule.source, known))
        for field, rule in taken.items()
    )


def recipe_of(choices: tuple[Choice, ...]) -> Recipe:
    """The recipe of the choices; what nobody decides is the default."""
    return _recipe({choice.field: choice.value for choice in choices})


def _recipe(decided: Mapping[str, Any]) -> Recipe:
    return recipe_from_dict({field: value for field, value in decided.items() if field != SEEDS})


def _value(rule: Rule, situation: Situation) -> Any:
    if rule.field == "max_length":
        return min(rule.value, situation.positions)
    if rule.field == "stabilizers":
        half = max(1, situation.layers // 2)
        return {
            name: {option: half if value == HALF else value for option, value in options.items()}
            for name, options in rule.value.items()
        }
    return rule.value


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with its placeholders as they stand in the paper's tables, in our runs, or in `known`.

    Raises:
        ParameterError: a placeholder names nothing.
    """
    return " ".join(_PLACEHOLDER.sub(lambda found: _filling(" ".join(found[1].split()), known), text).split())


def _filling(name: str, known: Mapping[str, str]) -> str:
    table, _, rest = name.partition("/")
    if table in paper_tables():
        value = paper_number(table, *rest.split("/"))
    elif table == "study":
        run, _, column = rest.partition("/")
        value = study_runs().get(run, {}).get(column)
    else:
        return known[name] if name in known else _unknown(name)
    return f"{value:g}" if value is not None else _unknown(name)


def _unknown(name: str) -> str:
    raise ParameterError(f"recommendations.yaml: {name!r} names no number; use a table, a run of ours, or a fact")
