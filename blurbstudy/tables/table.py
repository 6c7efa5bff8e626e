"""Tables as HTML and CSV: score cells with their uncertainty, and the ids of the runs behind each number.

Text is escaped here.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypedDict

from .formatting import escape_spreadsheet, format_count, format_number, html_lines, slug
from .score import NOT_RUN, Score, bar_scale, shared_facts


@dataclass(frozen=True, kw_only=True)
class HtmlCell:
    """A cell of HTML."""

    markup: str  # already escaped
    text: str  # the same as plain text
    value: float | None = None  # by which the column is sorted; None: by the text

    def html(self) -> str:
        return self.markup


@dataclass(frozen=True)
class RowHeader:
    """The heading of a row, with a note in small print."""

    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.text}\n{self.note}"

    def html(self) -> str:
        return f"{html_lines(self.text)}<small>{html_lines(self.note)}</small>"


Cell = str | Score | HtmlCell | RowHeader


def number_with_details(value: float | None, text: str, details: Sequence[str], *, bar: str = "") -> HtmlCell:
    """A number as `text`, and lines that open on hover, focus and tap, as those of a score.

    Args:
        value: by which the column is sorted.
        bar: a drawing beside the number.
    """
    printed = "".join(f'<span class="printed">{escape(line)}</span>' for line in details if line.startswith("paper"))
    lines = "".join(f"<li>{escape(line)}</li>" for line in details)
    opened = f'<div class="details" role="tooltip"><ul>{lines}</ul></div>' if details else ""
    focus = ' tabindex="0"' if details else ""
    number = f'<span class="{"beside" if bar else "alone"}">{escape(text)}</span>'
    markup = f'<div class="score"{focus}>{number}{bar}{printed}{opened}</div>'
    return HtmlCell(markup=markup, text="\n".join([text, *details]), value=value)


PRINTED = 'class="printed"'  # marks a number of the paper in a cell


class FigureInfo(TypedDict):
    """A table or figure of a notebook's output, as the report lists it."""

    id: str  # of its HTML element
    title: str
    front: str  # the question of the report's first page that it is shown under; '': not there


FIGURES_MIME = "application/vnd.blurbstudy.figures+json"  # list of FigureInfo


def figures_bundle(html: str, *figures: FigureInfo) -> dict[str, object]:
    return {"text/html": html, FIGURES_MIME: list(figures)}


def files(before: str = "", *, caption: str, links: str = "") -> str:
    """The line below a table or figure: where it comes from, folded, between what else belongs there."""
    source = f"<summary>source</summary><p>{escape(caption)}</p>"
    source = f'<details class="source">{source}</details>' if caption else ""
    return f'<div class="files">{before}{source}{links}</div>' if before or source or links else ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A captioned table, shown by notebooks and the report."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]  # the first `n_header_columns` cells of a row are its headings
    caption: str = ""  # where the numbers come from; folded
    notes: Sequence[str] = ()  # what readers must know
    legend: Sequence[str] = ()  # how to read a cell; folded
    n_header_columns: int = 1
    runs: Mapping[str, Sequence[str]] = field(default_factory=dict)  # number or cell -> ids of the runs behind it
    kind: str = ""  # class for the stylesheet
    front_page_question: str = ""  # question on the report's first page that it answers; '': none
    folded: bool = False  # collapsed until clicked: long tables of details

    @property
    def info(self) -> FigureInfo:
        return {"id": slug(self.title), "title": self.title, "front": self.front_page_question}

    def __repr__(self) -> str:
        """As plain text, for a terminal."""
        rows = [self.columns, *([_terminal_text(cell) for cell in row] for row in self.rows)]
        return "\n".join([self.title, *("  ".join(row) for row in rows), *self.notes])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return figures_bundle(self._repr_html_(), self.info)

    def _repr_html_(self) -> str:
        lacking = self._unrun_columns()
        head = "".join(f'<th scope="col"{_unrun(i in lacking)}>{self._head(i)}</th>' for i in range(len(self.columns)))
        scales = [bar_scale(self._scores(i)) for i in range(max(map(len, [self.columns, *self.rows])))]
        unrun = self._unrun()
        rows = [self._row(row, index, scales, lacking) for index, row in enumerate(self._spanned())]
        body = "".join(f"<tr{_unrun(index in unrun)}>{row}</tr>" for index, row in enumerate(rows))
        notes = "".join(f"<li>{html_lines(note)}</li>" for note in [*self._unrun_notes(unrun, lacking), *self.notes])
        listed = f'<ul class="notes">{notes}</ul>' if notes else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        label = escape(self.title, quote=True)
        shape = f"table {self.kind}" if self.kind else "table"
        frame = f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{table}</div>'
        if self.folded:
            frame = f'<details class="folded"><summary>{format_count(len(self.rows), "row")}</summary>{frame}</details>'
        return (
            f'<figure class="{shape}" id="{slug(self.title)}"><figcaption>{escape(self.title)}</figcaption>'
            f"{frame}{self._files()}{listed}</figure>"
        )

    def _unrun(self) -> list[int]:
        """Rows under whose first heading nothing was run, which are hidden until the paper's numbers are shown."""
        headings = [_heading(row[0]) for row in self.rows]
        scores = [[cell for cell in row if isinstance(cell, Score)] for row in self.rows]
        run = {
            heading
            for heading, cells in zip(headings, scores, strict=True)
            if not cells or any(cell.runs or cell.mean is not None for cell in cells)
        }
        return [index for index, heading in enumerate(headings) if heading not in run] if run else []

    def _unrun_columns(self) -> list[int]:
        """The same of columns of scores: hidden where another has runs."""
        scores = {index: cells for index in range(len(self.columns)) if (cells := self._scores(index))}
        run = {index for index, cells in scores.items() if any(cell.runs or cell.mean is not None for cell in cells)}
        return [index for index in scores if index not in run] if run else []

    def _unrun_notes(self, rows: Sequence[int], columns: Sequence[int]) -> list[str]:
        named = [(_heading(self.rows[index][0]), self.rows[index]) for index in rows]
        named += [(self.columns[index], [row[index] for row in self.rows]) for index in columns]
        reasons: dict[str, list[str]] = {}
        for name, cells in named:
            names = reasons.setdefault(next(cell.state for cell in cells if isinstance(cell, Score)), [])
            names += [] if name in names else [name]
        listed = "; ".join(f"{', '.join(names)} ({state})" for state, names in reasons.items())
        condition = ", and shown only with the paper's numbers" if self._switch() else ""
        return [f"Left out, for lack of runs{condition}: {listed}."] if listed else []

    def _scores(self, column: int) -> list[Score]:
        cells = [row[column] for row in self.rows if column < len(row)]
        return [cell for cell in cells if isinstance(cell, Score)]

    def _head(self, column: int) -> str:
        """A column's heading, with what all its scores have in common."""
        facts = shared_facts(self._scores(column))
        return escape(self.columns[column]) + (f"<small>{escape(' · '.join(facts))}</small>" if facts else "")

    def _files(self) -> str:
        """The table as a file, and the ids of the runs behind its numbers."""
        data = base64.b64encode(self.csv().encode()).decode()
        link = f'<a download="{slug(self.title)}.csv" href="data:text/csv;charset=utf-8;base64,{data}">CSV</a>'
        runs_of = self.runs or self._cell_runs()
        ids = {run for runs in runs_of.values() for run in runs}
        items = "".join(f"<dt>{escape(name)}</dt><dd>{' '.join(runs)}</dd>" for name, runs in runs_of.items() if runs)
        runs = f"<summary>ids of its {len(ids)} runs</summary><dl>{items}</dl>"
        runs = f'<details class="runs">{runs}</details>' if ids else ""
        legend = "".join(f"<li>{html_lines(note)}</li>" for note in self.legend)
        reading = f"<details><summary>how to read it</summary><ul>{legend}</ul></details>" if legend else ""
        return files(f"{self._switch()}{reading}", caption=self.caption, links=f"{link}{runs}")

    def _switch(self) -> str:
        cells = [cell for row in self.rows for cell in row]
        if not any(
            cell.paper is not None if isinstance(cell, Score) else isinstance(cell, HtmlCell) and PRINTED in cell.markup
            for cell in cells
        ):
            return ""
        return '<label><input type="checkbox" class="show-printed">the paper\'s numbers</label>'

    def _cell_runs(self) -> dict[str, Sequence[str]]:
        return {
            ", ".join([*map(_heading, row[: self.n_header_columns]), column]): cell.run_ids
            for row in self.rows
            for column, cell in zip(self.columns, row, strict=False)
            if isinstance(cell, Score)
        }

    def csv(self) -> str:
        """The table as CSV: a score cell becomes the columns of `Score.fields`."""
        names: list[list[str]] = []  # of the fields of each column of scores; [] of other columns
        for index in range(max(len(self.columns), *map(len, self.rows), 0)):
            names.append(next((list(score.fields) for score in self._scores(index)), []))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            escape_spreadsheet(name)
            for column, fields in zip(self.columns, names, strict=False)
            for name in ([f"{column}: {field}" for field in fields] or [column])
        )
        for row in self.rows:
            cells: list[object] = []
            for cell, fields in zip(row, names, strict=False):
                values = cell.fields.values() if isinstance(cell, Score) else (_plain_text(cell),)
                cells += [*values, *[""] * (len(fields) - len(values))]
            writer.writerow(escape_spreadsheet(cell) for cell in cells)
        return text.getvalue()

    def _row(
        self,
        row: Sequence[tuple[Cell, int]],
        number: int,
        scales: Sequence[tuple[float, float] | None],
        unrun_columns: Sequence[int],
    ) -> str:
        cells = []
        for index, (cell, span) in enumerate(row):
            if span == 0:
                continue
            rows = f' rowspan="{span}"' if span > 1 else ""
            if index < self.n_header_columns:
                cells.append(f'<th scope="row"{rows}>{_html(cell)}</th>')
            else:
                value = cell.mean if isinstance(cell, Score) else cell.value if isinstance(cell, HtmlCell) else None
                sort = "" if value is None else f' data-value="{value:g}"'
                sort += _unrun(index in unrun_columns)
                if isinstance(cell, Score):
                    name = f"{slug(self.title)}-{number}-{index}"
                    cells.append(f"<td{sort}>{cell.html(scale=scales[index], description=name)}</td>")
                else:
                    cells.append(f"<td{sort}>{_html(cell)}</td>")
        return "".join(cells)

    def _spanned(self) -> list[list[tuple[Cell, int]]]:
        """Each cell with its row span; equal first headings are merged (span 0: covered by the one above)."""
        spans = [1] * len(self.rows)
        if self.n_header_columns > 1:
            for index in range(len(self.rows) - 1, 0, -1):
                if self.rows[index][0] == self.rows[index - 1][0]:
                    spans[index - 1], spans[index] = spans[index] + 1, 0
        return [[(row[0], spans[i]), *((cell, 1) for cell in row[1:])] for i, row in enumerate(self.rows)]


def _unrun(hidden: bool) -> str:
    return ' class="unrun"' if hidden else ""


@dataclass(frozen=True, kw_only=True)
class KeyFinding:
    """What a notebook's numbers say, in sentences; the report's first page repeats it."""

    question: str
    sentences: Sequence[str]
    on_front_page: bool = False  # answers a question of the whole study

    MIME = "application/vnd.blurbstudy.answer+json"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        plain = {"question": self.question, "sentences": list(self.sentences)} | (
            {"front": True} if self.on_front_page else {}
        )
        return {"text/html": f'<ul class="answer">{items}</ul>', self.MIME: plain}


@dataclass(frozen=True)
class Remark:
    """A sentence in place of a table, or above it."""

    text: str
    kind: str = "given"  # class for the stylesheet

    def _repr_html_(self) -> str:
        return f'<p class="{self.kind}">{escape(self.text)}</p>' if self.text else ""


def empty_row(columns: Sequence[str], text: str = NOT_RUN) -> tuple[str, ...]:
    return (text, *("–" for _ in columns[1:]))


def page_link(notebook: str) -> HtmlCell:
    """A notebook's name, which the report turns into a link to its page."""
    return HtmlCell(markup=f'<span data-page="{escape(notebook, quote=True)}">{escape(notebook)}</span>', text=notebook)


def _html(cell: Cell) -> str:
    return html_lines(cell) if isinstance(cell, str) else cell.html()


def _terminal_text(cell: Cell) -> str:
    return format_number(cell.mean, 1) if isinstance(cell, Score) else cell if isinstance(cell, str) else cell.text


def _heading(cell: Cell) -> str:
    return cell.text if isinstance(cell, RowHeader) else str(cell)


def _plain_text(cell: str | HtmlCell | RowHeader) -> str:
    """Text for CSV: an ASCII minus, empty for a missing value."""
    text = cell.text if isinstance(cell, HtmlCell) else str(cell)
    return "" if text == "–" else text.replace("−", "-").replace("\u00a0", " ")
