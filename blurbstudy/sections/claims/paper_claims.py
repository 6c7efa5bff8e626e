"""The paper's claims compared with its own printed numbers, taken at face value, and inconsistencies among these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from ...config import JsonMapping
from ...tables.formatting import format_number, format_signed
from ...tables.paper import paper_cell, paper_number
from ...tables.table import KeyFinding, RowHeader, Table
from .claims import EXPECTATIONS, CellRef, Claim, Contrast, load_claims, load_inconsistencies

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
        against = _against(claim, margin=margin)
        if against:
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
                f"{claim.statement} Of the paper's {len(printed)} printed differences, {len(against)} "
                f"{'contradicts' if len(against) == 1 else 'contradict'} this; our verdict: {verdicts[claim.id]}."
            )
    summary = (
        f"The paper prints numbers for {n_claims} of its claims; they agree with {n_claims - len(sentences)}, at a "
        f"margin of {format_number(margin)} points."
    )
    return KeyFinding(question="Against the paper", sentences=[summary, *sentences])


def fits(claim: Claim, *, margin: float) -> bool:
    """Whether the printed differences, at face value, are as the claim's rule asks, in each of its parts."""
    return not _against(claim, margin=margin)


def _against(claim: Claim, *, margin: float) -> list[tuple[Contrast, float]]:
    """The printed differences that are not as claimed, of the parts of a claim that do not hold by its rule."""
    disagreeing = _disagreeing(claim, margin=margin)
    against = []
    for part in dict.fromkeys(claim.part_of(contrast) for contrast, _ in disagreeing):
        those = [entry for entry in disagreeing if claim.part_of(entry[0]) == part]
        n = sum(claim.part_of(contrast) == part for contrast, _ in _printed(claim))
        if {"all": True, "most": 2 * len(those) >= n, "any": len(those) == n}[claim.rule]:
            against += those
    return against


def agrees(expect: str, difference: float, *, margin: float) -> bool:
    """Whether a difference without uncertainty, such as a printed one, is as claimed."""
    expectation = EXPECTATIONS[expect]
    above = expectation.above is None or difference > expectation.above * margin
    inside = above and (expectation.below is None or difference < expectation.below * margin)
    return inside != expectation.outside


def margin_of(claim: Claim, margin: float) -> float:
    """The claim's own margin, or the study's; points."""
    return margin if claim.margin is None else claim.margin


def describe_contrast(contrast: Contrast) -> str:
    """`BERT, Layer freeze, SS scores higher than Baseline`: what both cells share is named once."""
    phrase = EXPECTATIONS[contrast.expect].phrase
    if contrast.by_task:
        return f"{_columns(contrast.first)} {phrase} {_columns(contrast.second)}, tasks as units"
    shared = [name for name in FIELDS if len({getattr(ref, name) for ref in contrast.first}) == 1]
    over = " and ".join(
        f"{len({getattr(ref, name) for ref in contrast.first})} {FIELDS[name]}" for name in FIELDS if name not in shared
    )
    subject = ", ".join(filter(None, (getattr(contrast.first[0], name) for name in shared)))
    if not contrast.second:
        return f"{subject} {phrase}, over {over}" if over else f"{subject} {phrase}"
    other = ", ".join(_other_names(contrast.second[0], contrast.first[0]))
    if contrast.first[0].grid != contrast.second[0].grid:
        subject += f" (Table {contrast.first[0].grid.removeprefix('table')})"
        other = f"{other} (Table {contrast.second[0].grid.removeprefix('table')})".strip()
    return f"{subject} {phrase} {other}{_beyond(contrast)}" + (f", over {over}" if over else "")


def _columns(refs: Sequence[CellRef]) -> str:
    """The tasks of some cells, or their number."""
    names = list(dict.fromkeys(ref.column for ref in refs))
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} {FIELDS['column']}"


def _beyond(contrast: Contrast) -> str:
    """The difference that is subtracted."""
    if not contrast.versus:
        return ""
    return f", beyond the same of {', '.join(_other_names(contrast.versus[0], contrast.first[0]))}"


def _other_names(ref: CellRef, other: CellRef) -> list[str]:
    """The names in which a cell differs from another."""
    return [getattr(ref, name) for name in FIELDS if getattr(ref, name) != getattr(other, name)]


def printed_difference(contrast: Contrast) -> float | None:
    """The paper's first number minus its second, in points, as a mean over the pairs that it prints (of four cells,
    minus the difference of the others); None if it prints none.
    """
    if not contrast.paper:
        return None
    pairs = [_printed_pair(first, second, contrast.paper) for first, second in contrast.pairs]
    printed = [difference for difference in pairs if difference is not None]
    if not printed:
        return None
    if not contrast.versus:
        return fmean(printed)
    other = _printed_pair(contrast.versus[0], contrast.versus[1], contrast.paper)
    return None if other is None else fmean(printed) - other


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
    return describe_contrast(contrast).replace(f" {EXPECTATIONS[contrast.expect].phrase} ", " against ")


def _cell_name(cell: Sequence[str]) -> str:
    table = f"Table {cell[0].removeprefix('table')}" if cell[0].startswith("table") else "Text"
    return ", ".join([table, *cell[1:]])
