"""Tables as HTML: a score cell with its uncertainty, and the frame around it. Text from data is escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

NOT_RUN = "not run"


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
    below: str = ""  # a line below all else: the recipe behind the cell
    tool: bool = False  # of a tool taken as it is: one score, no seeds

    def html(self) -> str:
        """The mean large, the rest small beside it."""
        paper = _detail(self.paper_label, number(self.paper), "paper") if self.paper is not None else ""
        if self.mean is None and not self.runs:
            missing = f'<span class="missing">{escape(self.state)}</span>'
            return f'<div class="score">{missing}<dl>{paper}</dl>{self._below()}</div>'
        if self.tool:
            examples = _detail("examples", interval(self.over_examples))
            return f'<div class="score"><b>{number(self.mean)}</b><dl>{examples}{paper}</dl></div>'
        details = [
            _detail("sd", number(self.sd)),
            _detail("n", str(self.n) if self.runs == self.expected else f"{self.n} ({self.runs} of {self.expected})"),
            _detail("seeds", interval(self.over_seeds)),
            _detail("examples", interval(self.over_examples)),
            _detail("worst", number(self.worst)),
            _detail("failed", f"{self.failed} of {self.runs} ({self.failed_on_test})", "failed" if self.failed else ""),
            _detail("trivial", number(self.trivial)),
            paper,
        ]
        mark = ' class="collapsed"' if self.failed else ""
        mean = number(self.mean) if self.mean is not None else "no score"
        return f'<div class="score"><b{mark}>{mean}</b><dl>{"".join(details)}</dl>{self._below()}</div>'

    def _below(self) -> str:
        return f'<p class="below">{escape(self.below)}</p>' if self.below else ""


def _detail(label: str, value: str, mark: str = "") -> str:
    return f'<div class="{mark}"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>'


@dataclass(frozen=True, kw_only=True)
class Table:
    """A captioned table; `heads` cells of each row are row headings. Shown by notebooks and the report alike."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Score]]
    caption: str = ""
    notes: Sequence[str] = ()
    heads: int = 1

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        body = "".join(f"<tr>{self._row(row)}</tr>" for row in self._spanned())
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        caption = f'<p class="source">{escape(self.caption)}</p>' if self.caption else ""
        listed = f'<ul class="notes">{notes}</ul>' if notes else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        label = escape(self.title, quote=True)
        scores = max((sum(isinstance(cell, Score) for cell in row) for row in self.rows), default=0)
        shape = "table narrow" if scores > 2 else "table"  # narrow: a cell's details below one another
        return (
            f'<figure class="{shape}"><figcaption>{escape(self.title)}</figcaption>'
            f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{table}</div>{caption}{listed}</figure>'
        )

    def _row(self, row: Sequence[tuple[str | Score, int]]) -> str:
        cells = []
        for index, (cell, span) in enumerate(row):
            if span == 0:
                continue
            rows = f' rowspan="{span}"' if span > 1 else ""
            if index < self.heads:
                name, _, remark = str(cell).partition("\n")
                small = f"<small>{lines(remark)}</small>" if remark else ""
                cells.append(f'<th scope="row"{rows}>{lines(name)}{small}</th>')
            else:
                cells.append(f"<td>{cell.html() if isinstance(cell, Score) else lines(cell)}</td>")
        return "".join(cells)

    def _spanned(self) -> list[list[tuple[str | Score, int]]]:
        """Each cell with its row span; the first heading of equal neighbours spans them all (span 0: covered)."""
        spans = [1] * len(self.rows)
        if self.heads > 1:
            for index in range(len(self.rows) - 1, 0, -1):
                if self.rows[index][0] == self.rows[index - 1][0]:
                    spans[index - 1], spans[index] = spans[index] + 1, 0
        return [[(row[0], spans[i]), *((cell, 1) for cell in row[1:])] for i, row in enumerate(self.rows)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a notebook's numbers say, in sentences; the report's first page shows it again."""

    question: str
    sentences: Sequence[str]

    MIME = "application/vnd.blurbstudy.answer+json"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        plain = {"question": self.question, "sentences": list(self.sentences)}
        return {"text/html": f'<ul class="answer">{items}</ul>', self.MIME: plain}


def number(value: float | None) -> str:
    """Two decimals as the paper, with a true minus; an en dash where there is no value."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def signed(value: float | None) -> str:
    """A difference: two decimals with its sign."""
    if value is None:
        return "–"
    return number(value) if value < 0 or number(value) == "0.00" else f"+{number(value)}"


def interval(bounds: tuple[float, float] | None) -> str:
    """`[low, high]`, or an en dash."""
    return "–" if bounds is None else f"[{number(bounds[0])}, {number(bounds[1])}]"


def lines(text: str) -> str:
    """Escaped text whose line breaks are kept; `words` in backticks are code."""
    return "<br>".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(part)) for part in text.split("\n"))
