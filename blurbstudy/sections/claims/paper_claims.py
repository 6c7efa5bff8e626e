"""The paper beside its own claims: what its printed numbers, taken at face value, say of each, and where they do not
fit one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...tables.paper import paper_cell, paper_number
from ...tables.table import KeyFinding, RowHeader, Table, format_number, format_signed
from .claims import EXPECTATIONS, Address, Claim, Contrast, load_claims, load_disagreements
from .verdicts import agrees

NAMED = 3  # comparisons that a cell names one by one
FIELDS = {"group": "encoders", "level": "settings", "column": "tasks"}  # of an address -> what several are


def disagreement_table(*, margin: float) -> Table:
    """Where the paper's own numbers do not fit one another, or its text."""
    rows = [
        (entry.says, "\n".join(f"{_cell_name(cell)}: {format_number(paper_number(*cell))}" for cell in entry.cells))
        for entry in load_disagreements()
    ]
    for claim in load_claims():
        against = _disagreeing(claim, margin=margin)
        if against and not fits(claim, margin=margin):
            said = "\n".join(f"{_short(c)}: {format_signed(d)}" for c, d in against[:NAMED])
            more = f"\nand {len(against) - NAMED} more" if len(against) > NAMED else ""
            rows.append(
                (RowHeader(claim.statement, f"section {claim.section}; these numbers say otherwise"), f"{said}{more}")
            )
    notes = [
        "Numbers as printed, in percent; a difference counts as negligible within "
        f"{format_number(margin)} points. Nothing here comes from runs: it is what the paper says against itself."
    ]
    return Table(title="Where the paper disagrees with itself", columns=("What", "Numbers"), rows=rows, notes=notes,
                 caption="The paper's Tables 2 to 11.")  # fmt: skip


def claims_against_paper(verdicts: Mapping[str, str], *, margin: float) -> KeyFinding:
    """Whether the paper's own numbers, at face value, support its claims, with our `verdicts` (by claim id)."""
    said, whole = [], 0
    for claim in load_claims():
        printed, against = _printed(claim), _disagreeing(claim, margin=margin)
        whole += bool(printed)
        if printed and not fits(claim, margin=margin):
            said.append(
                f"{claim.statement} Of {len(printed)} differences that the paper prints {len(against)} are not as "
                f"claimed; here: {verdicts[claim.id]}."
            )
    first = (
        f"Of {whole} claims that its tables can speak to, the paper's own numbers fit {whole - len(said)}, at a margin "
        f"of {format_number(margin)} points."
    )
    return KeyFinding(question="Against the paper", sentences=[first, *said])


def fits(claim: Claim, *, margin: float) -> bool:
    """Whether the printed differences, at face value, are as the claim's rule asks."""
    printed, against = len(_printed(claim)), len(_disagreeing(claim, margin=margin))
    return {"all": not against, "most": 2 * against < printed, "any": against < printed}[claim.rule]


def margin_of(claim: Claim, margin: float) -> float:
    """The claim's own margin, or the study's; points."""
    return margin if claim.margin is None else claim.margin


def contrast_in_words(contrast: Contrast) -> str:
    """`BERT, Layer freeze, SS scores higher than Baseline`: what both have in common is said once."""
    says = EXPECTATIONS[contrast.expect].says
    if len(contrast.first) > 1 or len(contrast.second) > 1:
        return f"{_pooled(contrast.first, contrast.second)} {says} {_pooled(contrast.second, contrast.first)}"
    (first,), (second,) = contrast.first, contrast.second
    return f"{', '.join(_names(first))} {says} {', '.join(_other_names(second, first))}{_than(contrast)}"


def _than(contrast: Contrast) -> str:
    """What the two cells have in the difference that is taken away."""
    if not contrast.than:
        return ""
    return f", beyond the same of {', '.join(_other_names(contrast.than[0], contrast.first[0]))}"


def _other_names(address: Address, other: Address) -> list[str]:
    """Where a cell stands otherwise than another."""
    return [getattr(address, name) for name in FIELDS if getattr(address, name) != getattr(other, name)]


def _names(address: Address) -> list[str]:
    """Where a cell stands; the one row of a grid of objectives has no name of its own."""
    return [getattr(address, name) for name in FIELDS if getattr(address, name)]


def _pooled(side: Sequence[Address], other: Sequence[Address]) -> str:
    """What is the same in all cells of a side, and how many cells there are."""
    said = []
    for name, plural in FIELDS.items():
        values = list(dict.fromkeys(getattr(address, name) for address in side))
        if len(values) == 1:
            said += [values[0]] if values[0] else []
        elif set(values) != {getattr(address, name) for address in other}:
            said.append(" and ".join(values) if len(values) <= NAMED else f"{len(values)} {plural}")
    return ", ".join(said) + f" ({len(side)} cells)"


def printed_difference(contrast: Contrast) -> float | None:
    """The paper's first number less its second, in points (of four, less the difference of the others); None where it
    does not print them all.
    """
    if not contrast.paper or len(contrast.first) > 1:
        return None
    difference = _printed_pair(contrast.first[0], contrast.second[0], contrast.paper)
    if not contrast.than or difference is None:
        return difference
    other = _printed_pair(*contrast.than, contrast.paper)
    return None if other is None else difference - other


def _printed_pair(first: Address, second: Address, paper: Mapping[str, Any]) -> float | None:
    """One cell less another, each in a table of its own where there are two; or a difference that is itself printed."""
    if "difference" in paper:
        return _printed_number(first, paper["difference"])
    numbers = [_printed_number(one, paper.get(side, paper)) for one, side in ((first, "first"), (second, "second"))]
    return None if None in numbers else numbers[0] - numbers[1]


def _printed_number(address: Address, paper: Mapping[str, Any]) -> float | None:
    """A cell of the paper; `keys` and `names` say how its table calls what our grid calls otherwise."""
    if "keys" not in paper:
        return paper_cell(paper["table"], group=address.group, level=address.level, column=address.column)
    ours = {name: getattr(address, name) for name in FIELDS}
    named = [key.format(**ours) for key in (paper["table"], *paper["keys"])]
    return paper_number(*(paper.get("names", {}).get(key, key) for key in named))


def _printed(claim: Claim) -> list[tuple[Contrast, float]]:
    found = [(contrast, printed_difference(contrast)) for contrast in claim.contrasts]
    return [(contrast, difference) for contrast, difference in found if difference is not None]


def _disagreeing(claim: Claim, *, margin: float) -> list[tuple[Contrast, float]]:
    return [(c, d) for c, d in _printed(claim) if not agrees(c.expect, d, margin=margin_of(claim, margin))]


def printed_agreement(claim: Claim, *, margin: float) -> str:
    """How many of the printed differences are as claimed, and which are not."""
    printed = _printed(claim)
    if not printed:
        return "–"
    against = _disagreeing(claim, margin=margin)
    named = "; ".join(f"{_short(contrast)} {format_signed(difference)}" for contrast, difference in against[:NAMED])
    more = f"; and {len(against) - NAMED} more" if len(against) > NAMED else ""
    return f"{len(printed) - len(against)} of {len(printed)} as claimed" + (f"; not: {named}{more}" if against else "")


def _short(contrast: Contrast) -> str:
    first, second = contrast.first[0], contrast.second[0]
    return f"{', '.join(_names(first))} against {', '.join(_other_names(second, first))}{_than(contrast)}"


def _cell_name(cell: Sequence[str]) -> str:
    table = f"Table {cell[0].removeprefix('table')}" if cell[0].startswith("table") else "Text"
    return ", ".join([table, *cell[1:]])
