"""The paper's claims (Tinn et al. 2021) as data: each is a set of contrasts between two cells of our tables, and a rule
that makes one verdict of them. What runs say of them is judged in `verdicts`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...errors import StudyError

CLAIMS_FILE = Path(__file__).with_name("claims.yaml")
RULES = {
    "all": "every comparison must support it; one that opposes it contradicts it",
    "most": "more than half of the comparisons must support it; half that oppose it contradict it",
    "any": "one comparison that supports it is enough; it is contradicted where all oppose it",
}


@dataclass(frozen=True, order=True)
class Address:
    """A condition in the grids of a notebook."""

    notebook: str
    group: str  # as in Condition
    level: str
    column: str  # label of a task, several (SS, QA), or the BLURB score
    grid: str = ""  # one of the notebook's grids; '': the first that has the cell


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two cells, or two sets of cells whose runs are counted together (failures alone), and what is claimed of them; or
    four, of which the difference of the first two less that of the others.
    """

    expect: str  # a name in EXPECTATIONS
    first: tuple[Address, ...]
    second: tuple[Address, ...]
    than: tuple[Address, ...] = ()  # two more, or none
    paper: Mapping[str, Any] = field(default_factory=dict)  # where the paper prints the two numbers


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of the paper, and what would confirm or contradict it."""

    id: str
    section: str
    statement: str  # in our words
    confirmed_if: str
    contradicted_if: str
    rule: str  # a name in RULES
    contrasts: tuple[Contrast, ...]
    margin: float | None = None  # points; None: the study's


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is claimed of a difference, as thresholds in margins; within them supports, beyond them opposes."""

    says: str  # in words
    above: float | None = None  # supports where the difference is above so many margins
    below: float | None = None  # supports where it is below; with both, between the two
    outside: bool = False  # supports outside the two instead of between them
    of_failures: bool = False  # the difference is one of shares of failed runs, not of scores


EXPECTATIONS = {
    "higher": Expectation(says="scores higher than", above=0),
    "much_higher": Expectation(says="scores higher, by more than the margin, than", above=1),
    "alike": Expectation(says="scores within the margin of", above=-1, below=1),
    "different": Expectation(says="scores differently, by more than the margin, from", above=-1, below=1, outside=True),
    "not_lower": Expectation(says="scores lower, if at all, by less than the margin than", above=-1),
    "not_higher": Expectation(says="scores higher, if at all, by less than the margin than", below=1),
    "fails_more": Expectation(says="fails more often than", above=0, of_failures=True),
}


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """Numbers that the paper prints and that do not fit one another, or not its text."""

    says: str
    cells: tuple[tuple[str, ...], ...]  # a table's name, then the keys of the cell from the outside in


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the paper's sections.

    Raises:
        StudyError: the data file names an unknown rule, expectation or key, or one id twice.
    """
    claims = tuple(_claim(entry) for entry in yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))["claims"])
    twice = [name for name, count in Counter(claim.id for claim in claims).items() if count > 1]
    if twice:
        raise StudyError(f"{CLAIMS_FILE.name}: claim {twice[0]!r} is there twice; give each an id of its own")
    return claims


def _claim(entry: Mapping[str, Any]) -> Claim:
    contrasts = tuple(one for given in entry["contrasts"] for one in _contrasts(given, claim=entry["id"]))
    if entry["rule"] not in RULES:
        raise StudyError(f"claim {entry['id']}: rule={entry['rule']!r} is unknown; use {' or '.join(RULES)}")
    return Claim(**{**entry, "contrasts": contrasts})


def _contrasts(given: Mapping[str, Any], *, claim: str) -> list[Contrast]:
    """The contrasts that one entry stands for: one for each combination of its lists that are not pooled."""
    if given["expect"] not in EXPECTATIONS:
        raise StudyError(f"claim {claim}: expect={given['expect']!r} is unknown; use {' or '.join(EXPECTATIONS)}")
    paper = given.get("paper", {})
    paper = {"table": paper} if isinstance(paper, str) else paper
    firsts = _addresses({"notebook": given["notebook"]} | given["first"])
    pairs = [(one, two) for one in firsts for two in _addresses(_values(one) | given["second"]) if one != two]
    if "pooled" in given:
        return [
            Contrast(expect=given["expect"], first=tuple(dict.fromkeys(first)), second=tuple(dict.fromkeys(second)),
                     paper=paper)
            for first, second in (zip(*group, strict=True) for group in _grouped(pairs, pooled=given["pooled"]))
        ]  # fmt: skip
    others = [dict(zip(given["than"], c, strict=True)) for c in _combinations(given["than"])] if "than" in given else []
    return [
        Contrast(expect=given["expect"], first=(one,), second=(two,), than=than, paper=paper)
        for one, two in pairs
        for than in ([(replace(one, **other), replace(two, **other)) for other in others] or [()])
    ]


Pairs = list[tuple[Address, Address]]


def _grouped(pairs: Pairs, *, pooled: Sequence[str] | bool) -> Iterable[Pairs]:
    """Pairs that differ in nothing but the pooled fields stand together."""
    groups: dict[tuple[str, ...], Pairs] = {}
    for pair in pairs:
        values = [_values(one) for one in pair]
        kept = () if pooled is True else tuple(own[name] for own in values for name in own if name not in pooled)
        groups.setdefault(kept, []).append(pair)
    return groups.values()


def _addresses(values: Mapping[str, Any]) -> list[Address]:
    return [Address(**dict(zip(values, chosen, strict=True))) for chosen in _combinations(values)]


def _combinations(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    return itertools.product(*(value if isinstance(value, list) else [value] for value in values.values()))


def _values(address: Address) -> dict[str, str]:
    return {name: getattr(address, name) for name in ("notebook", "group", "level", "column", "grid")}


@cache
def load_disagreements() -> tuple[Disagreement, ...]:
    """Where the paper disagrees with itself in numbers."""
    entries = yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))["disagreements"]
    return tuple(
        Disagreement(says=" ".join(entry["says"].split()), cells=tuple(map(tuple, entry["cells"]))) for entry in entries
    )
