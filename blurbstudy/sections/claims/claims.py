"""The paper's claims (Tinn et al. 2021) as data: each is a set of contrasts between cells of our tables, and a rule
that combines them into one verdict. `verdicts` judges them from runs.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

from ...config import JsonMapping, JsonObject
from ...errors import StudyError

CLAIMS_FILE = Path(__file__).with_name("claims.yaml")
RULES = {
    "all": "confirmed if every comparison supports the claim, contradicted if one opposes it",
    "most": "confirmed if more than half of the comparisons support the claim, contradicted if half oppose it",
    "any": "confirmed if one comparison supports the claim, contradicted if all oppose it",
}

FIELDS = ("notebook", "group", "level", "column", "grid")  # of a CellRef


@dataclass(frozen=True, order=True)
class CellRef:
    """A condition in the grids of a notebook."""

    notebook: str
    group: str  # as in Condition
    level: str
    column: str  # label of a task, several (SS, QA), or the BLURB score
    grid: str = ""  # one of the notebook's grids; '': the first that has the cell


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two cells, or two sets of cells whose failures are pooled, and a claim about their difference; or four cells, and
    a claim about the difference of the first two minus that of the others.
    """

    expect: str  # a name in EXPECTATIONS
    first: tuple[CellRef, ...]
    second: tuple[CellRef, ...]
    versus: tuple[CellRef, ...] = ()  # two further cells, or none
    paper: JsonMapping = field(default_factory=dict)  # where the paper prints the two numbers

    @property
    def is_pooled(self) -> bool:
        return len(self.first) > 1 or len(self.second) > 1


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of the paper, and what would confirm or contradict it."""

    id: str
    sections: tuple[str, ...]  # of the paper
    statement: str  # in our words
    confirmed_if: str
    contradicted_if: str
    rule: str  # a name in RULES
    contrasts: tuple[Contrast, ...]
    margin: float | None = None  # points; None: the study's


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A claim about a difference: inside its thresholds the difference supports the claim, outside it opposes it."""

    phrase: str
    above: float | None = None  # supports if the difference is above so many margins
    below: float | None = None  # supports if it is below; with both, between the two
    outside: bool = False  # supports outside the two instead of between them
    of_failures: bool = False  # a difference of shares of failed runs, not of scores


EXPECTATIONS = {
    "higher": Expectation(phrase="scores higher than", above=0),
    "higher_by_margin": Expectation(phrase="scores higher, by more than the margin, than", above=1),
    "equivalent": Expectation(phrase="scores within the margin of", above=-1, below=1),
    "different": Expectation(
        phrase="scores differently, by more than the margin, from", above=-1, below=1, outside=True
    ),
    "not_lower": Expectation(phrase="scores lower, if at all, by less than the margin than", above=-1),
    "not_higher": Expectation(phrase="scores higher, if at all, by less than the margin than", below=1),
    "fails_more": Expectation(phrase="fails more often than", above=0, of_failures=True),
}


@dataclass(frozen=True, kw_only=True)
class Inconsistency:
    """Numbers printed in the paper that contradict each other or its text."""

    statement: str
    cells: tuple[tuple[str, ...], ...]  # a table's name, then the keys of the cell from the outside in


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the paper's sections.

    Raises:
        StudyError: the data file has an unknown rule, expectation or key, or a duplicate id.
    """
    claims = tuple(_claim(entry) for entry in yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))["claims"])
    twice = [name for name, count in Counter(claim.id for claim in claims).items() if count > 1]
    if twice:
        raise StudyError(f"{CLAIMS_FILE.name}: claim {twice[0]!r} is there twice; ids must be unique")
    return claims


def _claim(entry: JsonMapping) -> Claim:
    contrasts = tuple(contrast for group in entry["contrasts"] for contrast in _contrasts(group, claim=entry["id"]))
    if entry["rule"] not in RULES:
        raise StudyError(f"claim {entry['id']}: rule={entry['rule']!r} is unknown; use {' or '.join(RULES)}")
    return Claim(**{**entry, "sections": tuple(entry["sections"]), "contrasts": contrasts})


def _contrasts(entry: JsonMapping, *, claim: str) -> list[Contrast]:
    """The contrasts of one entry: one per combination of its lists that are not pooled."""
    expect, paper = entry["expect"], entry.get("paper", {})
    if expect not in EXPECTATIONS:
        raise StudyError(f"claim {claim}: expect={expect!r} is unknown; use {' or '.join(EXPECTATIONS)}")
    paper = {"table": paper} if isinstance(paper, str) else paper
    firsts = _combinations({"notebook": entry["notebook"]} | entry["first"])
    pairs = [
        (CellRef(**first), CellRef(**second))
        for first in firsts
        for second in _combinations(_ordered(first | entry["second"]))
        if first != second
    ]
    if "pooled" in entry:
        pooled = FIELDS if entry["pooled"] is True else entry["pooled"]
        return [
            Contrast(
                expect=expect, first=_unique(a for a, _ in group), second=_unique(b for _, b in group), paper=paper
            )
            for group in _group_pairs(pairs, pooled=pooled)
        ]
    others = list(_combinations(entry["versus"])) if "versus" in entry else []
    return [
        Contrast(expect=expect, first=(first,), second=(second,), versus=versus, paper=paper)
        for first, second in pairs
        for versus in ([(replace(first, **other), replace(second, **other)) for other in others] or [()])
    ]


def _group_pairs(
    pairs: Iterable[tuple[CellRef, CellRef]], *, pooled: Sequence[str]
) -> Iterable[list[tuple[CellRef, CellRef]]]:
    """Pairs that differ only in the pooled fields are one group."""
    groups: dict[tuple[str, ...], list[tuple[CellRef, CellRef]]] = {}
    for pair in pairs:
        key = tuple(getattr(ref, name) for ref in pair for name in FIELDS if name not in pooled)
        groups.setdefault(key, []).append(pair)
    return groups.values()


def _ordered(values: JsonMapping) -> JsonObject:
    return {name: values[name] for name in FIELDS if name in values}


def _unique(refs: Iterable[CellRef]) -> tuple[CellRef, ...]:
    return tuple(dict.fromkeys(refs))


def _combinations(values: JsonMapping) -> Iterator[dict[str, str]]:
    """Every choice of one value per field, of fields that may have a list."""
    lists = (value if isinstance(value, list) else [value] for value in values.values())
    return (dict(zip(values, choice, strict=True)) for choice in itertools.product(*lists))


@cache
def load_inconsistencies() -> tuple[Inconsistency, ...]:
    """Where the paper's numbers are inconsistent."""
    entries = yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8"))["inconsistencies"]
    return tuple(
        Inconsistency(statement=" ".join(entry["statement"].split()), cells=tuple(map(tuple, entry["cells"])))
        for entry in entries
    )
