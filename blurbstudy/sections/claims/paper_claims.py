"""The paper's claims compared with its own printed numbers, taken at face value, and inconsistencies among these."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import fmean

from ...config import JsonMapping
from ...tables.formatting import format_number, format_signed
from ...tables.paper import paper_cell, paper_number
from ...tables.table import KeyFinding
from .claims import EXPECTATIONS, CellRef, Claim, Contrast, load_claims, load_inconsistencies
from .folded_rows import FoldedRow, FoldedRows, RowGroup, details_table
from .names import in_sentence

NAMED = 3  # tasks that are named one by one
FIELDS = {"group": "encoders", "level": "settings", "column": "tasks"}  # of an address -> what several are


def paper_rows(*, margin: float) -> FoldedRows:
    """What the paper's own numbers say: claims that they contradict, and where they do not fit one another."""
    files: list[tuple[str, str]] = []
    against, inner = [], []
    for claim in (claim for claim in printed_claims() if not fits(claim, margin=margin)):
        differences = [
            (_short(contrast), format_signed(printed)) for contrast, printed in _against(claim, margin=margin)
        ]
        files.append((claim.statement, _lines(differences)))
        against.append(
            FoldedRow(
                cells=[
                    ("statement", escape(claim.statement)),
                    ("numbers", _contradicting(len(differences), _printed(claim))),
                ],
                details=details_table(("Not as claimed", "Printed difference"), differences, label=claim.statement),
            )
        )
    for entry in load_inconsistencies():
        numbers = [format_number(paper_number(*cell)) for cell in entry.cells]
        printed_cells = [(_cell_name(cell), number) for cell, number in zip(entry.cells, numbers, strict=True)]
        files.append((entry.statement, _lines(printed_cells)))
        inner.append(
            FoldedRow(
                cells=[("statement", escape(entry.statement)), ("numbers", escape(" · ".join(dict.fromkeys(numbers))))],
                details=details_table(("Where", "Printed"), printed_cells, label=entry.statement),
            )
        )
    return FoldedRows(
        title="Where the paper disagrees with itself",
        columns=("What", "Numbers"),
        rows=files,
        groups=[
            RowGroup(heading="Claims that its own numbers contradict", rows=against),
            RowGroup(heading="Numbers that do not fit one another, or the text", rows=inner),
        ],
        kind="paper",
        caption="The paper's Tables 2 to 11 and its text, numbers as printed, in percent. Nothing here is from runs.",
    )


def _lines(numbers: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {number}" for name, number in numbers)


def _contradicting(against: int, printed: Sequence[object]) -> str:
    """`1 of the 13 differences in the paper contradicts the claim`."""
    if len(printed) == 1:
        return "the one difference in the paper contradicts the claim"
    verb = "contradicts" if against == 1 else "contradict"
    return f"{against} of the {len(printed)} differences in the paper {verb} the claim"


def claims_against_paper(*, margin: float) -> KeyFinding:
    """How many claims the paper's own numbers bear out, at face value."""
    printed = printed_claims()
    against = sum(not fits(claim, margin=margin) for claim in printed)
    summary = (
        f"The paper prints numbers for {len(printed)} of its claims. Taken at face value, they agree with "
        f"{len(printed) - against} and contradict {against or 'none'}; where a claim is about size, a difference "
        f"within {margin:g} points counts as none."
    )
    return KeyFinding(question="Against the paper", sentences=[summary])


def printed_claims() -> list[Claim]:
    return [claim for claim in load_claims() if _printed(claim)]


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
    """`BERT, freeze lower layers, SS scores higher than the default recipe`: what both cells share is named once."""
    phrase = EXPECTATIONS[contrast.expect].phrase
    if contrast.by_task:
        sides = f"{_columns(contrast.first)} collapse more often than on {_columns(contrast.second)}"
        return f"Runs on {sides} (tasks as units)"
    shared = [name for name in FIELDS if len({getattr(ref, name) for ref in contrast.first}) == 1]
    over = " and ".join(
        f"{len({getattr(ref, name) for ref in contrast.first})} {FIELDS[name]}" for name in FIELDS if name not in shared
    )
    subject = ", ".join(filter(None, (_name(contrast.first[0], name) for name in shared)))
    subject = subject[:1].upper() + subject[1:]
    if not contrast.second:
        return f"{subject} {phrase}, over {over}" if over else f"{subject} {phrase}"
    other = ", ".join(_other_names(contrast.second[0], contrast.first[0]))
    if contrast.first[0].grid != contrast.second[0].grid:
        subject += f" (Table {contrast.first[0].grid.removeprefix('table')})"
        other = f"{other or 'the same'} (Table {contrast.second[0].grid.removeprefix('table')})"
    return f"{subject} {phrase} {other}{_beyond(contrast)}" + (f", over {over}" if over else "")


def _name(ref: CellRef, field: str) -> str:
    return in_sentence(getattr(ref, field)) if field == "level" else getattr(ref, field)


def _columns(refs: Sequence[CellRef]) -> str:
    names = list(dict.fromkeys(ref.column for ref in refs))
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} {FIELDS['column']}"


def _beyond(contrast: Contrast) -> str:
    if not contrast.versus:
        return ""
    return f", less the same difference of {', '.join(_other_names(contrast.versus[0], contrast.first[0]))}"


def _other_names(ref: CellRef, other: CellRef) -> list[str]:
    """The names in which a cell differs from another."""
    return [_name(ref, name) for name in FIELDS if getattr(ref, name) != getattr(other, name)]


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
    """How many of the printed differences are as claimed."""
    printed = _printed(claim)
    if not printed:
        return "–"
    return f"{len(printed) - len(_disagreeing(claim, margin=margin))} of {len(printed)} as claimed"


def describe_printed(contrast: Contrast, *, margin: float) -> str:
    """The paper's difference, and whether it is as claimed; an en dash where it prints none."""
    difference = printed_difference(contrast)
    if difference is None:
        return "–"
    return format_signed(difference) + (
        "" if agrees(contrast.expect, difference, margin=margin) else ", not as claimed"
    )


def _short(contrast: Contrast) -> str:
    return describe_contrast(contrast).replace(f" {EXPECTATIONS[contrast.expect].phrase} ", " against ")


def _cell_name(cell: Sequence[str]) -> str:
    table = f"Table {cell[0].removeprefix('table')}" if cell[0].startswith("table") else "Text"
    return ", ".join([table, *cell[1:]])
