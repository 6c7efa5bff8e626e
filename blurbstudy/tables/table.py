"""Tables as HTML: a score cell with its uncertainty, and the frame around it, with the same table as CSV and the runs
behind each number. Text from data is escaped here.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypedDict

NOT_RUN = "not run"
ONE_SEED = "one, no interval"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One cell: a mean with all that says how far to trust it. Values are in percent, as the paper prints them."""

    mean: float | None  # over seeds
    n: int = 0  # seeds with a score
    sd: float | None = None  # over seeds
    over_seeds: tuple[float, float] | None = None  # 95% interval of the mean
    over_examples: tuple[float, float] | None = None  # 95% interval over test examples
    worst: float | None = None
    failed: int = 0  # seeds that failed, by the definition of the study, judged on dev
    failed_on_test: int = 0  # the same judged on test
    runs: int = 0  # seeds there are
    expected: int = 0  # seeds asked for
    trivial: float | None = None  # score of the trivial prediction
    paper: float | None = None
    paper_label: str = "paper"  # says where the paper's number is of something else
    state: str = NOT_RUN  # shown where there is no mean
    footnote: str = ""  # a line below all else: the recipe behind the cell
    single_run: bool = False  # of a tool taken as it is: one score, no seeds
    run_ids: tuple[str, ...] = ()  # the runs that it is of

    FIELDS = ("mean", "sd", "n", "seeds low", "seeds high", "examples low", "examples high", "worst", "failed", "runs",
              "trivial", "paper", "run ids")  # fmt: skip

    @property
    def values(self) -> tuple[object, ...]:
        """What FIELDS names, unrounded, for a program."""
        low, high = self.over_seeds or (None, None)
        examples_low, examples_high = self.over_examples or (None, None)
        counts = (self.failed, self.runs) if self.runs else (None, None)
        return (
            self.state if self.mean is None and not self.runs else self.mean,
            self.sd,
            self.n if self.runs else None,
            *(low, high, examples_low, examples_high),
            self.worst,
            *counts,
            self.trivial,
            self.paper,
            " ".join(self.run_ids),
        )

    def html(self) -> str:
        """The mean large, the rest small beside it."""
        paper = _detail(self.paper_label, format_number(self.paper), "paper") if self.paper is not None else ""
        if self.mean is None and not self.runs:
            missing = f'<span class="missing">{escape(self.state)}</span>'
            return f'<div class="score">{missing}<dl>{paper}</dl>{self._below()}</div>'
        if self.single_run:
            examples = _detail("examples", format_interval(self.over_examples))
            return f'<div class="score"><b>{format_number(self.mean)}</b><dl>{examples}{paper}</dl></div>'
        count = str(self.n) if self.runs == self.expected else f"{self.n} ({self.runs} of {self.expected})"
        alone = self.n == 1 and self.over_seeds is None
        details = [
            *([] if alone else [_detail("sd", format_number(self.sd))]),
            _detail("n", count),
            _detail("seeds", ONE_SEED if alone else format_interval(self.over_seeds)),
            _detail("examples", format_interval(self.over_examples)),
            *([] if alone else [_detail("worst", format_number(self.worst))]),
            _detail("failed", f"{self.failed} of {self.runs} ({self.failed_on_test})", "failed" if self.failed else ""),
            _detail("trivial", format_number(self.trivial)),
            paper,
        ]
        mark = ' class="collapsed"' if self.failed else ""
        mean = format_number(self.mean) if self.mean is not None else "no score"
        return f'<div class="score"><b{mark}>{mean}</b><dl>{"".join(details)}</dl>{self._below()}</div>'

    def _below(self) -> str:
        return f'<p class="below">{escape(self.footnote)}</p>' if self.footnote else ""


def _detail(label: str, value: str, mark: str = "") -> str:
    return f'<div class="{mark}"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>'


@dataclass(frozen=True, kw_only=True)
class HtmlCell:
    """A cell that is more than text: HTML that is safe already, with the text and the value that it stands for."""

    markup: str
    text: str
    value: float | None = None  # by which the column is sorted; None: by the text

    def html(self) -> str:
        """As it is."""
        return self.markup


Cell = str | Score | HtmlCell


def number_with_details(value: float | None, said: str, details: Sequence[str]) -> HtmlCell:
    """A number as it is said, and lines below it in the small print of score cells."""
    marks = ("under paper" if line.startswith("paper") else "under" for line in details)
    small = "".join(f'<small class="{mark}">{escape(line)}</small>' for mark, line in zip(marks, details, strict=True))
    return HtmlCell(markup=escape(said) + small, text="\n".join([said, *details]), value=value)


class FigureInfo(TypedDict):
    """A table or figure of a notebook's output, as the report lists it."""

    id: str  # of its HTML element
    title: str
    front: str  # the question of the report's first page that it is shown under; '': not there


FIGURES_MIME = "application/vnd.blurbstudy.figures+json"  # list of FigureInfo


def figures_bundle(html: str, *figures: FigureInfo) -> dict[str, object]:
    """The output of a notebook that shows some tables and figures."""
    return {"text/html": html, FIGURES_MIME: list(figures)}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A captioned table; `heads` cells of each row are row headings. Shown by notebooks and the report alike."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    notes: Sequence[str] = ()
    n_header_columns: int = 1
    runs: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what is counted -> ids of its runs
    kind: str = ""  # a further class for the stylesheet
    front_page_question: str = ""  # the question of the report's first page that it is shown under; '': not there
    folded: bool = False  # whether it opens on a click: long, and the detail of what is shown above it

    @property
    def info(self) -> FigureInfo:
        return {"id": slug(self.title), "title": self.title, "front": self.front_page_question}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return figures_bundle(self._repr_html_(), self.info)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self._spanned())
        notes = "".join(f"<li>{html_lines(note)}</li>" for note in self.notes)
        caption = f'<p class="source">{escape(self.caption)}</p>' if self.caption else ""
        listed = f'<ul class="notes">{notes}</ul>' if notes else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        label = escape(self.title, quote=True)
        scores = max((sum(isinstance(cell, Score) for cell in row) for row in self.rows), default=0)
        shape = "table narrow" if scores > 2 else "table"  # narrow: a cell's details below one another
        shape += f" {self.kind}" if self.kind else ""
        frame = f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{table}</div>'
        if self.folded:
            frame = f'<details class="folded"><summary>{format_count(len(self.rows), "row")}</summary>{frame}</details>'
        return (
            f'<figure class="{shape}" id="{slug(self.title)}"><figcaption>{escape(self.title)}</figcaption>'
            f"{frame}{self._files()}{caption}{listed}</figure>"
        )

    def _files(self) -> str:
        """The table as a file, and the ids of the runs behind its numbers."""
        data = base64.b64encode(self.csv().encode()).decode()
        link = f'<a download="{slug(self.title)}.csv" href="data:text/csv;charset=utf-8;base64,{data}">CSV</a>'
        counted = self.runs or self._cell_runs()
        ids = {run for runs in counted.values() for run in runs}
        if not ids:
            return f'<div class="files">{link}</div>'
        items = "".join(f"<dt>{escape(name)}</dt><dd>{' '.join(runs)}</dd>" for name, runs in counted.items() if runs)
        return (
            f'<div class="files">{link}<details class="runs"><summary>ids of its {len(ids)} runs</summary>'
            f"<dl>{items}</dl></details></div>"
        )

    def _cell_runs(self) -> dict[str, Sequence[str]]:
        """Of each score cell, by its row and column."""
        return {
            ", ".join([*(str(head).splitlines()[0] for head in row[: self.n_header_columns]), column]): cell.run_ids
            for row in self.rows
            for column, cell in zip(self.columns, row, strict=False)
            if isinstance(cell, Score)
        }

    def csv(self) -> str:
        """The table for a program: a score cell is one column per number, unrounded, its run ids among them."""
        scored = [
            any(isinstance(row[index], Score) for row in self.rows if index < len(row))
            for index in range(max(len(self.columns), *map(len, self.rows), 0))
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            escape_spreadsheet(name)
            for column, parts in zip(self.columns, scored, strict=False)
            for name in ([f"{column}: {part}" for part in Score.FIELDS] if parts else [column])
        )
        for row in self.rows:
            cells: list[object] = []
            for cell, parts in zip(row, scored, strict=False):
                values = cell.values if isinstance(cell, Score) else (_plain_text(cell),)
                cells += [*values, *(("",) * (len(Score.FIELDS) - len(values)) if parts else ())]
            writer.writerow(escape_spreadsheet(cell) for cell in cells)
        return text.getvalue()

    def _row(self, row: Sequence[tuple[Cell, int]]) -> str:
        cells = []
        for index, (cell, span) in enumerate(row):
            if span == 0:
                continue
            rows = f' rowspan="{span}"' if span > 1 else ""
            if index < self.n_header_columns:
                name, _, remark = str(cell).partition("\n")
                small = f"<small>{html_lines(remark)}</small>" if remark else ""
                cells.append(f'<th scope="row"{rows}>{html_lines(name)}{small}</th>')
            else:
                value = cell.mean if isinstance(cell, Score) else cell.value if isinstance(cell, HtmlCell) else None
                sort = "" if value is None else f' data-value="{value:g}"'
                cells.append(f"<td{sort}>{html_lines(cell) if isinstance(cell, str) else cell.html()}</td>")
        return "".join(cells)

    def _spanned(self) -> list[list[tuple[Cell, int]]]:
        """Each cell with its row span; the first heading of equal neighbours spans them all (span 0: covered)."""
        spans = [1] * len(self.rows)
        if self.n_header_columns > 1:
            for index in range(len(self.rows) - 1, 0, -1):
                if self.rows[index][0] == self.rows[index - 1][0]:
                    spans[index - 1], spans[index] = spans[index] + 1, 0
        return [[(row[0], spans[i]), *((cell, 1) for cell in row[1:])] for i, row in enumerate(self.rows)]


@dataclass(frozen=True, kw_only=True)
class KeyFinding:
    """What a notebook's numbers say, in sentences; the report's first page shows it again."""

    question: str
    sentences: Sequence[str]
    on_front_page: bool = False  # whether it answers a question of the whole study

    MIME = "application/vnd.blurbstudy.answer+json"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        plain = {"question": self.question, "sentences": list(self.sentences)} | (
            {"front": True} if self.on_front_page else {}
        )
        return {"text/html": f'<ul class="answer">{items}</ul>', self.MIME: plain}


def format_number(value: float | None) -> str:
    """Two decimals as the paper, with a true minus; an en dash where there is no value."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def format_signed(value: float | None) -> str:
    """A difference: two decimals with its sign."""
    if value is None:
        return "–"
    return format_number(value) if value < 0 or format_number(value) == "0.00" else f"+{format_number(value)}"


def describe_intervals(over_seeds: tuple[float, float] | None, over_examples: tuple[float, float] | None) -> str:
    """How sure a difference is, in a sentence; a single seed is said in words."""
    seeds = "one seed, so no interval over seeds" if over_seeds is None else f"over seeds {format_interval(over_seeds)}"
    examples = "no interval" if over_examples is None else format_interval(over_examples)
    return f"{seeds}; over test examples {examples}"


def interval_lines(
    over_seeds: tuple[float, float] | None, over_examples: tuple[float, float] | None
) -> tuple[str, str]:
    """Both intervals as lines below a number."""
    return (
        f"seeds {ONE_SEED if over_seeds is None else format_interval(over_seeds)}",
        f"examples {format_interval(over_examples)}",
    )


def format_interval(bounds: tuple[float, float] | None) -> str:
    """`[low, high]`, or an en dash."""
    return "–" if bounds is None else f"[{format_number(bounds[0])}, {format_number(bounds[1])}]"


def format_count(n: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n:,} {what}{'s'[: n != 1]}"


def page_link(stem: str) -> HtmlCell:
    """A notebook by its name; the report replaces the markup by a link to that page, with the page's title."""
    return HtmlCell(markup=f'<span data-page="{escape(stem, quote=True)}">{escape(stem)}</span>', text=stem)


def slug(title: str) -> str:
    """A title as an address within a page, and as a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "table"


def _plain_text(cell: str | HtmlCell) -> str:
    """Text for a program: a plain minus, nothing where there is no value."""
    text = cell.text if isinstance(cell, HtmlCell) else str(cell)
    return "" if text == "–" else text.replace("−", "-").replace("\u00a0", " ")


def escape_spreadsheet(cell: object) -> object:
    """A cell of a CSV file that no spreadsheet runs: text that begins as a formula does gets an apostrophe before it.
    Numbers stay, with what is said below or behind them, unless that calls something.
    """
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    return cell if re.match(r"[+-]\d[\d.,]*%?(?![^\s])[^|!]*$", cell) else f"'{cell}"


def html_lines(text: str) -> str:
    """Escaped text whose line breaks are kept; `words` in backticks are code."""
    return "<br>".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(part)) for part in text.split("\n"))
