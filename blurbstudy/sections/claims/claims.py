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
RULES = {  # each with the correction for several comparisons that it asks for
    "all": "confirmed if every comparison supports the claim (each at 0.05), contradicted if one opposes it (Holm)",
    "most": (
        "confirmed if more than half of the comparisons support the claim, contradicted if half oppose it (of k "
        "comparisons, u have to: each p times k - u + 1, Benjamini and Heller 2008)"
    ),
    "any": "confirmed if one comparison supports the claim (Holm), contradicted if all oppose it (each at 0.05)",
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
    """A claim about the difference of two cells.

    Of several pairs of cells it is about their mean difference of scores, or about rates of collapse with each pair a
    stratum; with two further cells, about the difference less theirs. With tasks as units, `first` and `second` are the
    cells of two sets of tasks; without `second`, it is about the rate of collapse of `first`.
    """

    expect: str  # a name in EXPECTATIONS
    first: tuple[CellRef, ...]
    second: tuple[CellRef, ...] = ()
    versus: tuple[CellRef, ...] = ()  # two further cells, or none; only of a single pair
    by_task: bool = False  # tasks as units
    paper: JsonMapping = field(default_factory=dict)  # where the paper prints the two numbers

    @property
    def pairs(self) -> tuple[tuple[CellRef, CellRef], ...]:
        return tuple(zip(self.first, self.second, strict=True))


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
    parts: str = ""  # a field of CellRef: the rule holds for the comparisons of each of its values, and all must agree
    caveat: str = ""  # what readers of the verdict must know

    def part_of(self, contrast: Contrast) -> str:
        """The part of the claim that a comparison belongs to; '' where it has none."""
        return getattr(contrast.first[0], self.parts) if self.parts else ""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A claim about a difference: inside its thresholds the difference supports the claim, outside it opposes it."""

    phrase: str
    above: float | None = None  # supports if the difference is above so many margins
    below: float | None = None  # supports if it is below; with both, between the two
    outside: bool = False  # supports outside the two instead of between them
    of_collapse: bool = False  # a difference of rates of collapse, or a rate, not of scores


EXPECTATIONS = {
    "higher": Expectation(phrase="scores higher than", above=0),
    "higher_by_margin": Expectation(phrase="scores more than the margin above", above=1),
    "equivalent": Expectation(phrase="scores within the margin of", above=-1, below=1),
    "different": Expectation(phrase="differs by more than the margin from", above=-1, below=1, outside=True),
    "not_lower": Expectation(phrase="scores at most the margin below", above=-1),
    "not_higher": Expectation(phrase="scores at most the margin above", below=1),
    "collapses_more": Expectation(phrase="collapses more often than", above=0, of_collapse=True),
    "seldom_collapses": Expectation(phrase="collapses in fewer than a quarter of its runs", below=0, of_collapse=True),
}
SELDOM = 0.25  # rate of collapse


@dataclass(frozen=True, kw_only=True)
class Inconsistency:
    """Numbers printed in the paper that contradict each other or its text."""

    statement: str
    cells: tuple[tuple[str, ...], ...]  # a table's name, then the keys of the cell from the outside in


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every claim, in the order of the paper's sections.
    Raises StudyError: the data file has an unknown rule, expectation or key, or a duplicate id.
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
    """The contrasts of one entry: one per combination of its lists, except those of the fields in `over`."""
    expect, paper, over = entry["expect"], entry.get("paper", {}), entry.get("over", [])
    if expect not in EXPECTATIONS:
        raise StudyError(f"claim {claim}: expect={expect!r} is unknown; use {' or '.join(EXPECTATIONS)}")
    paper = {"table": paper} if isinstance(paper, str) else paper
    fields = {"notebook": entry["notebook"]} | entry["first"]
    firsts = list(_combinations(fields))
    if "second" not in entry:
        groups = _grouped([(CellRef(**first),) for first in firsts], over=over)
        return [Contrast(expect=expect, first=tuple(first for (first,) in group)) for group in groups]
    if entry.get("by_task"):
        seconds = _combinations(_ordered(fields | entry["second"]))
        sides = [tuple(CellRef(**names) for names in side) for side in (firsts, seconds)]
        return [Contrast(expect=expect, first=sides[0], second=sides[1], by_task=True)]
    pairs = [
        (CellRef(**first), CellRef(**second))
        for first in firsts
        for second in _combinations(_ordered(first | entry["second"]))
        if first != second
    ]
    others = list(_combinations(entry["versus"])) if "versus" in entry else []
    return [
        Contrast(
            expect=expect, first=tuple(a for a, _ in group), second=tuple(b for _, b in group), versus=two, paper=paper
        )
        for group in _grouped(pairs, over=over)
        for two in ([tuple(replace(ref, **other) for ref in group[0]) for other in others] or [()])
    ]


def _grouped(refs: Iterable[tuple[CellRef, ...]], *, over: Sequence[str]) -> Iterable[list[tuple[CellRef, ...]]]:
    """Cells or pairs of cells; those that differ in the fields of `over` alone are one group."""
    groups: dict[tuple[str, ...], list[tuple[CellRef, ...]]] = {}
    for entry in refs:
        key = tuple(getattr(ref, name) for ref in entry for name in FIELDS if name not in over)
        groups.setdefault(key, []).append(entry)
    return groups.values()


def _ordered(values: JsonMapping) -> JsonObject:
    return {name: values[name] for name in FIELDS if name in values}


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
