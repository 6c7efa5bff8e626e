"""Scores by class, of probabilities, and confusions of classes, as lines for the terminal and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from ..metrics import RANKINGS
from ..metrics.confusions import MAX_CLASSES, MAX_LISTED, NO_ENTITY, Confusions
from ..stats.classes.class_report import ClassReport
from ..stats.classes.class_scores import MEASURES, ClassScores
from ..stats.classes.ranking_scores import RankingScores
from ..stats.example_interval import MIN_COUNTING_UNITS
from .formatting import format_interval, format_number
from .table import HtmlCell, Table

COLUMNS = ("Class", "Precision", "Recall", "F1", "Gold", "Predicted")
INTERVALS = (
    "95% intervals by class: bootstrap over units, or Wilson's where all or nothing is right; – where fewer than "
    f"{MIN_COUNTING_UNITS} units can be right or wrong, or all are scored alike"
)
_WIDTHS = (24, 24, 24, 24, 8, 10)
_SHADE = 35  # per cent of the text's colour in a cell with all examples of its row


def report_lines(report: ClassReport) -> list[str]:
    head = [f"by class, on {report.split}{f', {report.whose}' if report.whose else ''}:"] if report.classes else []
    return [*head, *_class_lines(report.classes), *ranking_lines(report.ranking)]


def report_tables(report: ClassReport) -> list[Table]:
    """The scores of each class, and which are taken for which."""
    if not report.classes:
        return []
    whose = f"{report.split}{f', {report.whose}' if report.whose else ''} (times 100)"
    of_run = f", {report.confusions_of}" if report.confusions_of else ""
    title = f"Confusion matrix on {report.split}{of_run}"
    matrix = confusion_table(report.confusions, list(report.classes), title=title)
    rows = [_cells(name, scores) for name, scores in report.classes.items()]
    scores = Table(title=f"Scores by class on {whose}", columns=COLUMNS, rows=rows, notes=[f"{INTERVALS}."])
    return [scores, *([matrix] if matrix else [])]


def _class_lines(classes: Mapping[str, ClassScores]) -> list[str]:
    if not classes:
        return []
    rows = [COLUMNS, *(_cells(name, scores) for name, scores in classes.items())]
    lines = [f"{row[0]:<24}" + "".join(f"{c:>{w}}" for c, w in zip(row[1:], _WIDTHS[1:], strict=True)) for row in rows]
    return [*lines, INTERVALS]


def _cells(name: str, scores: ClassScores) -> tuple[str, ...]:
    values = [f"{_percent(getattr(scores, m))} {_interval(scores.intervals[m])}" for m in MEASURES]
    return name, *values, f"{scores.gold}", f"{scores.predicted:.1f}".removesuffix(".0")


def ranking_lines(ranking: RankingScores | None) -> list[str]:
    """The scores of probabilities, times 100; none without them."""
    if ranking is None:
        return []
    values = [
        f"{title} {_percent(ranking.scores[name])} {_interval(ranking.intervals[name])}"
        for name, title in RANKINGS.items()
    ]
    lines = [f"{', '.join(values)} ({ranking.of}; 95% by {ranking.method})".replace("by none", "–, none")]
    if len(ranking.labels) > 1 and ranking.of.startswith("mean"):
        each = {label: " / ".join(map(_percent, scores.values())) for label, scores in ranking.labels.items()}
        listed = [f"{label} {values}" for label, values in each.items()]
        lines.append(f"{' / '.join(RANKINGS.values())} by label: {', '.join(listed)}")
    if ranking.left_out:
        lines.append(f"without ROC AUC, as all or no examples have them: {', '.join(ranking.left_out)}")
    return lines


def confusion_table(confusions: Confusions, labels: Sequence[str], *, title: str) -> Table | None:
    """The confusion matrix: gold classes by rows, predicted ones by columns; None if there are none. Of many classes,
    the most frequent confusions.
    """
    if not confusions:
        return None
    names = [*labels, *([NO_ENTITY] if any(NO_ENTITY in pair for pair in confusions) else [])]
    totals: Counter[str] = Counter()
    for (gold, _), count in confusions.items():
        totals[gold] += count
    if len(labels) > MAX_CLASSES:
        wrong = [(pair, count) for pair, count in confusions.items() if len(set(pair)) > 1]
        rows = [(gold, predicted, _shaded(count, totals[gold])) for (gold, predicted), count in wrong[:MAX_LISTED]]
        notes = [f"The {len(rows)} most frequent of {len(wrong)} confusions; {len(labels)} classes."]
        return Table(title=title, columns=("Gold", "Predicted", "Number"), rows=rows, notes=notes, n_header_columns=2)
    rows = [
        (gold, *(_shaded(confusions.get((gold, name), 0), totals[gold]) for name in names), f"{totals[gold]}")
        for gold in names
    ]
    notes = ["Rows are gold classes, columns predicted ones. Shades and per cent are shares of a row."]
    if NO_ENTITY in names:
        notes.append(f"{NO_ENTITY}: no mention with exactly these words on that side.")
    return Table(title=title, columns=("Gold ＼ predicted", *names, "All"), rows=rows, notes=notes)


def _shaded(count: int, total: int) -> HtmlCell:
    """A count with its share of the row, in words and as a shade that keeps the contrast of the text."""
    share = count / total if total else 0.0
    shade = f"background:color-mix(in srgb, currentColor {_SHADE * share:.0f}%, transparent)"
    markup = f'<span style="{shade};display:block;padding:0 .3em">{count} <small>({100 * share:.0f}%)</small></span>'
    return HtmlCell(markup=markup, text=escape(f"{count}"), value=count)


def _interval(bounds: tuple[float, float] | None) -> str:
    return format_interval(None if bounds is None else (100 * bounds[0], 100 * bounds[1]), 1)


def _percent(fraction: float) -> str:
    return format_number(100 * fraction)
