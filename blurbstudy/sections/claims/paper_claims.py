"""The paper's claims compared with its own printed numbers, taken at face value, and inconsistencies among these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import JsonMapping
from ...tables.formatting import format_number, format_signed
from ...tables.paper import paper_cell, paper_number
from ...tables.table import KeyFinding, RowHeader, Table
from .claims import EXPECTATIONS, CellRef, Claim, Contrast, load_claims, load_inconsistencies
from .verdicts import agrees

NAMED = 3  # comparisons that a cell names one by one
FIELDS = {"group": "encoders", "level": "settings", "column": "tasks"}  # of an address -> what several are


def inconsistency_table(*, margin: float) -> Table:
    """Where the paper's own numbers contradict each other or its text."""
    rows: list[tuple[str | RowHeader, str]] = [
        (
            entry.statement,
            "\n".join(f"{_cell_name(cell)}: {format_number(paper_number(*cell))}" for cell in entry.cells),
        )
        for entry in load_inconsistencies()
    ]
    for claim in load_claims():
        against = _disagreeing(claim, margin=margin)
        if against and not fits(claim, margin=margin):
            numbers = "\n".join(f"{_short(c)}: {format_signed(d)}" for c, d in against[:NAMED])
            more = f"\nand {len(against) - NAMED} more" if len(against) > NAMED else ""
            rows.append(
                (
                    RowHeader(claim.statement, f"section {'; '.join(claim.sections)}; these numbers contradict it"),
                    f"{numbers}{more}",
                )
            )
    notes = [
        "Numbers as printed, in percent; a difference counts as negligible within "
        f"{format_number(margin)} points. Nothing here comes from runs."
    ]
    title, caption = "Where the paper disagrees with itself", "The paper's Tables 2 to 11."
    return Table(title=title, columns=("What", "Numbers"), rows=rows, notes=notes, caption=caption)


def claims_against_paper(verdicts: Mapping[str, str], *, margin: float) -> KeyFinding:
    """Whether the paper's own numbers, at face value, support its claims, with our `verdicts` (by claim id)."""
    sentences, n_claims = [], 0
    for claim in load_claims():
        printed, against = _printed(claim), _disagreeing(claim, margin=margin)
        n_claims += bool(printed)
        if printed and not fits(claim, margin=margin):
            sentences.append(
                f"{claim.statement} Of the paper's {len(printed)} printed differences, {len(against)} contradict this; "
                f"our verdict: {verdicts[claim.id]}."
            )
    summary = (
        f"The paper prints numbers for {n_claims} of its claims; they agree with {n_claims - len(sentences)}, at a "
        f"margin of {format_number(margin)} points."
    )
    return KeyFinding(question="Against the paper", sentences=[summary, *sentences])


def fits(claim: Claim, *, margin: float) -> bool:
    """Whether the printed differences, at face value, are as the claim's rule asks."""
    printed, against = len(_printed(claim)), len(_disagreeing(claim, margin=margin))
    return {"all": not against, "most": 2 * against < printed, "any": against < printed}[claim.rule]


def margin_of(claim: Claim, margin: float) -> float:
    """The claim's own margin, or the study's; points."""
    return margin if claim.margin is None else claim.margin


def describe_contrast(contrast: Contrast) -> str:
    """`BERT, Layer freeze, SS scores higher than Baseline`: what both cells share is named once."""
    phrase = EXPECTATIONS[contrast.expect].phrase
    if contrast.is_pooled:
        return f"{_pooled(contrast.first, contrast.second)} {phrase} {_pooled(contrast.second, contrast.first)}"
    first, second = contrast.first[0], contrast.second[0]
    return f"{', '.join(_names(first))} {phrase} {', '.join(_other_names(second, first))}{_beyond(contrast)}"


def _beyond(contrast: Contrast) -> str:
    """The difference that is subtracted."""
    if not contrast.versus:
        return ""
    return f", beyond the same of {', '.join(_other_names(contrast.versus[0], contrast.first[0]))}"


def _other_names(ref: CellRef, other: CellRef) -> list[str]:
    """The names in which a cell differs from another."""
    return [getattr(ref, name) for name in FIELDS if getattr(ref, name) != getattr(other, name)]


def _names(ref: CellRef) -> list[str]:
    """The names of a cell; a grid without groups has no name for them."""
    return [getattr(ref, name) for name in FIELDS if getattr(ref, name)]


def _pooled(side: Sequence[CellRef], other: Sequence[CellRef]) -> str:
    """The names that all cells of a side share, and the number of cells."""
    parts = []
    for name, plural in FIELDS.items():
        values = list(dict.fromkeys(getattr(ref, name) for ref in side))
        if len(values) == 1:
            parts += [values[0]] if values[0] else []
        elif set(values) != {getattr(ref, name) for ref in other}:
            parts.append(" and ".join(values) if len(values) <= NAMED else f"{len(values)} {plural}")
    return ", ".join(parts) + f" ({len(side)} cells)"


def printed_difference(contrast: Contrast) -> float | None:
    """The paper's first number minus its second, in points (of four cells, minus the difference of the others); None if
    one is not printed.
    """
    first, second, versus = contrast.first, contrast.second, contrast.versus
    if not contrast.paper or contrast.is_pooled:
        return None
    difference = _printed_pair(first[0], second[0], contrast.paper)
    if not versus or difference is None:
        return difference
    other = _printed_pair(versus[0], versus[1], contrast.paper)
    return None if other is None else difference - other


def _printed_pair(first: CellRef, second: CellRef, paper: JsonMapping) -> float | None:
    """One cell minus another, possibly of two tables; or a difference that is itself printed."""
    if "difference" in paper:
        return _printed_number(first, paper["difference"])
    minuend = _printed_number(first, paper.get("first", paper))
    subtrahend = _printed_number(second, paper.get("second", paper))
    return None if minuend is None or subtrahend is None else minuend - subtrahend


def _printed_number(ref: CellRef, paper: JsonMapping) -> float | None:
    """A cell of the paper; `keys` and `names` say how its table calls what our grid calls otherwise."""
    if "keys" not in paper:
        return paper_cell(paper["table"], group=ref.group, level=ref.level, column=ref.column)
    ours = {name: getattr(ref, name) for name in FIELDS}
    named = [key.format(**ours) for key in (paper["table"], *paper["keys"])]
    return paper_number(*(paper.get("names", {}).get(key, key) for key in named))


def _printed(claim: Claim) -> list[tuple[Contrast, float]]:
    differences = [(contrast, printed_difference(contrast)) for contrast in claim.contrasts]
    return [(contrast, difference) for contrast, difference in differences if difference is not None]


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
    return f"{', '.join(_names(first))} against {', '.join(_other_names(second, first))}{_beyond(contrast)}"


def _cell_name(cell: Sequence[str]) -> str:
    table = f"Table {cell[0].removeprefix('table')}" if cell[0].startswith("table") else "Text"
    return ", ".join([table, *cell[1:]])
