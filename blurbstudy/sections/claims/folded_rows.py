"""Rows that open: each is one line until it is clicked, and shows its details below it at the page's full width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ...tables.formatting import html_lines
from ...tables.table import Table


@dataclass(frozen=True, kw_only=True)
class FoldedRow:
    """A row and what opens below it."""

    cells: Sequence[tuple[str, str]]  # (class, markup) of what is always shown
    details: str  # markup


@dataclass(frozen=True, kw_only=True)
class RowGroup:
    """Rows under a heading."""

    heading: str
    rows: Sequence[FoldedRow]
    folded: bool = False  # whether the rows too are shown only after a click
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class FoldedRows(Table):
    """A table whose rows open. Its columns and rows are those of its file."""

    groups: Sequence[RowGroup]
    details_table: Table | None = None  # of a second file, with the runs behind the details
    heads: Sequence[tuple[str, str]] = ()  # (class, heading) of the cells of rows, where the page is wide

    def _repr_html_(self) -> str:
        groups = "".join(map(_group, self.groups))
        if self.heads:
            heads = "".join(f'<span class="{name}">{escape(text)}</span>' for name, text in self.heads)
            groups = f'<div class="heads">{heads}</div>{groups}'
        files = self._files()
        if self.details_table:
            files = (
                f'<div class="download"><span>Rows</span>{files}</div>'
                f'<div class="download"><span>Details</span>{self.details_table._files()}</div>'
            )
        return (
            f'<figure class="table rows {self.kind}" id="{self.info["id"]}"><figcaption>{escape(self.title)}'
            f"</figcaption>{groups}{files}</figure>"
        )


def details_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, label: str) -> str:
    """The markup of a table among the details of a row; a row's first cell is its heading."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{html_lines(row[0])}</th>{"".join(f"<td>{html_lines(c)}</td>" for c in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label, quote=True)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _group(group: RowGroup) -> str:
    rows = "".join(map(_row, group.rows))
    note = f"<p>{html_lines(group.note)}</p>" if group.note else ""
    if group.folded:
        heading = f'<summary class="group">{escape(group.heading)}</summary>'
        return f'<details class="group">{heading}{note}{rows}</details>'
    return (f'<p class="group">{escape(group.heading)}</p>' if group.heading else "") + note + rows


def _row(row: FoldedRow) -> str:
    cells = "".join(f'<span class="{name}">{markup}</span>' for name, markup in row.cells)
    return f'<details class="row"><summary>{cells}</summary><div class="details">{row.details}</div></details>'
