"""A set of predictions with its scores, as text, JSON and HTML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config import JsonObject
from ..metrics import METRICS, Convention, PrecisionRecallF1
from ..stats.classes.class_report import ClassReport
from ..stats.intervals import Interval
from ..tables.class_scores import ranking_lines, report_lines, report_tables
from ..tables.formatting import format_interval, format_number
from ..tables.table import Table
from ..tasks import Task
from ..tasks.caveats import Caveat
from ..tasks.task import describe_scoring
from .caveats import caveat_lines, weighted_lines

TRIVIAL_BASELINES = {  # Task.output -> the baseline
    "token_labels": "no entities",
    "single_label": "the majority label of train",
    "multi_label": "the labels of more than half of the train documents",
    "score": "no correlation",
}


@dataclass(frozen=True, kw_only=True)
class ScoredPredictions:
    """A set of predictions with its scores; scores are fractions."""

    task: Task
    split: str
    origin: str  # the file of predictions, or the run
    score: float  # the task's metric
    n: int  # examples
    unit: str  # that is resampled: document, sentence, ...
    units: int  # their number
    unit_count: str  # both, as text
    interval: Interval | None  # 95% over examples; None if undefined
    method: str  # of the interval, or "none: " and the reason
    trivial: float  # score of the trivial baseline
    precision_recall: PrecisionRecallF1 | None  # None if the metric has none
    by_class: ClassReport  # classes, labels or entity types
    conventions: Sequence[Convention]  # other ways to count entities, strict first
    others: Mapping[str, float]  # additional metrics by name
    caveats: Sequence[Caveat] | None = None  # None: not looked for

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        return {
            "task": self.task.name,
            "split": self.split,
            "predictions": self.origin,
            "metric": self.task.metric,
            "title": METRICS[self.task.metric].title,
            "scored_on": self.task.scored_on(self.split),
            "score": self.score,
            "n": self.n,
            "unit": self.unit,
            "units": self.units,
            "interval": None if self.interval is None else list(self.interval),
            "interval_by": self.method,
            "trivial": self.trivial,
            "precision_recall": None if self.precision_recall is None else dataclasses.asdict(self.precision_recall),
            **self.by_class.to_dict(),
            "conventions": [dataclasses.asdict(convention) for convention in self.conventions],
            "others": dict(self.others),
            "caveats": None if self.caveats is None else [caveat.to_dict() for caveat in self.caveats],
        }

    def text(self) -> str:
        """For the terminal; scores times 100."""
        units = f", {self.unit_count}" if self.units != self.n else ""
        lines = [
            f"{self.task.name} {self.split}: {METRICS[self.task.metric].title} (times 100) of {self.origin}",
            f"score {_percent(self.score)}, 95% CI {self._interval()}, n = {self.n}{units}",
            *self._notes(),
            f"trivial baseline {_percent(self.trivial)} ({TRIVIAL_BASELINES[self.task.output]})",
        ]
        if self.precision_recall is not None:
            counts = self.precision_recall
            lines.append(
                f"precision {_percent(counts.precision)} "
                f"({counts.true_positives_predicted} of {counts.predicted} predicted), "
                f"recall {_percent(counts.recall)} ({counts.true_positives_gold} of {counts.gold} gold)"
            )
        lines += [
            f"{_title(name, self.task)} (additional metric): {_percent(value)}" for name, value in self.others.items()
        ]
        lines += [*report_lines(self.by_class), *weighted_lines(self.caveats, self.split)]
        if self.conventions:
            lines += ["", "The same predictions under every scoring convention (not comparable with each other):"]
            lines.append(HEADER.format("convention"))
        for c in self.conventions:
            lines.append(_row(c.name, c.precision, c.recall, c.f1, c.gold_mentions, c.predicted_mentions))
            lines.append(f"    {c.meaning}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        rows = [(METRICS[self.task.metric].title, _percent(self.score), self._interval(), f"{self.n}")]
        rows += [(_title(name, self.task), _percent(value), "–", f"{self.n}") for name, value in self.others.items()]
        rows.append(
            (f"trivial baseline: {TRIVIAL_BASELINES[self.task.output]}", _percent(self.trivial), "–", f"{self.n}")
        )
        title, columns = f"{self.task.name}, {self.split} (times 100)", ("Score", "Value", "95% CI (examples)", "n")
        notes = [*self._notes(), *ranking_lines(self.by_class.ranking), *weighted_lines(self.caveats, self.split)]
        scores = Table(title=title, columns=columns, rows=rows, caption=self.origin, notes=notes)
        return "".join(table._repr_html_() for table in (scores, *report_tables(self.by_class)))

    def _notes(self) -> list[str]:
        return [*caveat_lines(self.caveats, self.split), *describe_scoring(self.task, [self.split])]

    def _interval(self) -> str:
        if self.interval is None:
            return self.method
        low, high = self.interval
        return f"{format_interval((100 * low, 100 * high))} ({self.method})"


HEADER = "{:<24}" + f"{'precision':>10} {'recall':>8} {'F1':>8} {'gold':>8} {'predicted':>10}"


def _row(name: str, precision: float, recall: float, f1: float, gold: int, predicted: int) -> str:
    scores = f"{_percent(precision):>10} {_percent(recall):>8} {_percent(f1):>8}"
    return f"{name:<24}{scores} {gold:>8} {predicted:>10}"


def _percent(fraction: float) -> str:
    return format_number(100 * fraction)


def _title(metric: str, task: Task) -> str:
    """In words. An additional macro F1 is of all labels, also where the task's score leaves the negative one out."""
    if metric not in METRICS:
        return "Spearman's rank correlation"
    of_all = metric == "macro_f1" and task.metric == "micro_f1"
    return f"{METRICS[metric].title} over all {len(task.labels)} labels" if of_all else METRICS[metric].title
