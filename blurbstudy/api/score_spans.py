"""Predicted spans scored against gold spans by their characters: exact and overlapping, of all types and of each."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import JsonObject
from ..errors import DataError, count_of
from ..metrics import ENTITY_F1, Mention, PrecisionRecallF1, scores_from_counts
from ..metrics.counts import count_terms
from ..metrics.relaxed import any_overlap
from ..stats.example_interval import MIN_COUNTING_UNITS, ROUNDING
from ..stats.intervals import Interval, percentile_interval, wilson_interval
from ..stats.resampling import bootstrap_of_sums, counting_units
from ..tables.formatting import format_interval, format_number
from ..tables.table import Table
from ..tasks import Task
from ..tasks.caveats import Caveat
from ..tasks.formats.standoff import Entity, StandoffDocument
from .caveats import caveat_lines
from .span_files import gold_documents, predicted_entities

MATCHES = {  # name -> meaning
    "exact": "same type, same first and last character",
    "overlap": "same type, at least one character in common; one span may match several",
}
Spans = Sequence[Sequence[Mention]]  # of each document


@dataclass(frozen=True, kw_only=True)
class SpanScores:
    """The scores of predicted spans. Scores are fractions."""

    task: Task
    split: str
    origin: str  # the file or folder of predictions
    documents: int
    scores: Mapping[str, PrecisionRecallF1]  # key of MATCHES -> of all types
    types: Mapping[str, Mapping[str, PrecisionRecallF1]]  # type -> as scores
    interval: Interval | None  # 95% over documents, of exact F1; None if undefined
    method: str  # of the interval, or "none: " and the reason
    type_intervals: Mapping[str, tuple[Interval | None, str]]  # type -> that of its exact F1, and its method
    notes: Sequence[str]  # what is left out or trusted
    caveats: Sequence[Caveat] | None = None  # None: not looked for

    @property
    def score(self) -> float:
        """Exact F1 over all types."""
        return self.scores["exact"].f1

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        return {
            "task": self.task.name,
            "split": self.split,
            "predictions": self.origin,
            "metric": "span_f1",
            "title": "exact F1 of spans",
            "score": self.score,
            "documents": self.documents,
            "interval": None if self.interval is None else list(self.interval),
            "interval_by": self.method,
            **_values(self.scores),
            "types": {
                kind: _values(scores) | dict(zip(("interval", "interval_by"), self.type_intervals[kind], strict=True))
                for kind, scores in self.types.items()
            },
            "notes": list(self.notes),
            "caveats": None if self.caveats is None else [caveat.to_dict() for caveat in self.caveats],
        }

    def text(self) -> str:
        """For the terminal; scores times 100."""
        head = ("precision", "recall", "F1", "found", "of gold", "right", "of predicted")
        lines = [
            f"{self.task.name} {self.split}: spans (times 100) of {self.origin}",
            f"exact F1 {_percent(self.score)}, 95% CI {self._interval()}, n = {count_of(self.documents, 'document')}",
            f"{'':<28}" + "".join(f"{name:>13}" for name in head),
        ]
        rows = [("all types", self.scores), *self.types.items()]
        for kind, scores in rows if len(self.types) > 1 else rows[:1]:
            for match, values in scores.items():
                lines.append(f"{f'{kind}, {match}':<28}" + "".join(f"{cell:>13}" for cell in _cells(values)))
        lines += [f"{match}: {meaning}" for match, meaning in MATCHES.items()]
        lines += self._type_lines() if len(self.types) > 1 else []
        return "\n".join([*lines, *self.notes, *caveat_lines(self.caveats, self.split)])

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        columns = ("Entities", "Precision", "Recall", "F1", "Found", "Of gold", "Right", "Of predicted")
        named = [("all types", self.scores), *self.types.items()]
        rows = [(f"{kind}, {match}", *_cells(s)) for kind, scores in named for match, s in scores.items()]
        caption = "; ".join([self.origin, f"95% CI of exact F1 {self._interval()}", *self.notes])
        notes = [*self._type_lines(), *caveat_lines(self.caveats, self.split)]
        return Table(
            title=f"{self.task.name}, {self.split}: spans (times 100)",
            columns=columns,
            rows=rows,
            caption=caption,
            notes=notes,
        )._repr_html_()

    def _type_lines(self) -> list[str]:
        return [f"95% CI of exact F1 of {kind}: {self._interval(kind)}" for kind in self.types]

    def _interval(self, kind: str = "") -> str:
        interval, method = self.type_intervals[kind] if kind else (self.interval, self.method)
        return method if interval is None else f"{format_interval((100 * interval[0], 100 * interval[1]))} ({method})"


def score_span_file(path: Path, task: Task, folder: Path, *, split: str) -> SpanScores:
    """Score a file or folder of predicted spans against the spans of a split.

    Raises:
        DataError: the data or the predictions are missing or malformed, or do not match.
    """
    gold, notes = gold_documents(task, folder, split)
    predicted, more = predicted_entities(path, task, gold, split=split)
    expected = [_mentions(document, document.entities, shift=0.5) for document in gold]
    actual = [_mentions(document, entities, shift=0.25) for document, entities in zip(gold, predicted, strict=True)]
    if repeated := sum(map(len, predicted)) - sum(map(len, actual)):
        more.append(f"predictions: {count_of(repeated, 'span')} given twice, counted once")
    types, more_types = _types(expected), _types(actual)
    if len(types) == 1 and task.name in types and len(more_types) == 1:  # bare tags have no type
        actual = [[mention._replace(type=task.name) for mention in mentions] for mentions in actual]
    elif types and more_types and not types.keys() & more_types.keys():
        raise DataError(
            f"{path}: has the types {', '.join(more_types)}, none of which is in the gold spans ({', '.join(types)}); "
            "rename them"
        )
    elif unknown := [f"{kind} ({n})" for kind, n in more_types.items() if kind not in types]:
        more.append(f"predictions: types that gold does not have, all of them wrong: {', '.join(unknown)}")
    return score_spans(expected, actual, task, split=split, origin=str(path), notes=(*notes, *more))


def score_spans(
    gold: Spans, predicted: Spans, task: Task, *, split: str, origin: str, notes: Sequence[str] = ()
) -> SpanScores:
    """Score the spans of each document, whose starts and ends count characters."""
    terms = _terms(gold, predicted)
    bounds, method = _interval(terms["exact"])
    by_type = {kind: _terms_of_type(gold, predicted, kind) for kind in sorted(_types(gold) | _types(predicted))}
    return SpanScores(
        task=task,
        split=split,
        origin=origin,
        documents=len(gold),
        scores=_scores(terms),
        types={kind: _scores(of_type) for kind, of_type in by_type.items()},
        type_intervals={kind: _interval(of_type["exact"]) for kind, of_type in by_type.items()},
        interval=bounds,
        method=method,
        notes=tuple(notes),
    )


def _terms(gold: Spans, predicted: Spans) -> dict[str, np.ndarray]:
    """Key of MATCHES -> COUNTS of each document (documents, 4)."""
    exact, overlap = [], []
    for expected, actual in zip(gold, predicted, strict=True):
        shared = len(set(expected) & set(actual))
        exact.append((shared, len(expected), shared, len(actual)))
        found, right = any_overlap(expected, actual)
        overlap.append((found, len(expected), right, len(actual)))
    return {"exact": count_terms(exact), "overlap": count_terms(overlap)}


def _terms_of_type(gold: Spans, predicted: Spans, kind: str) -> dict[str, np.ndarray]:
    sides = ([[m for m in mentions if m.type == kind] for mentions in side] for side in (gold, predicted))
    return _terms(*sides)


def _scores(terms: Mapping[str, np.ndarray]) -> dict[str, PrecisionRecallF1]:
    return {match: scores_from_counts(rows.sum(axis=0)) for match, rows in terms.items()}


def _interval(terms: np.ndarray) -> tuple[Interval | None, str]:
    """95% interval of F1 over documents and its method, or "none: " and why."""
    counting, f1 = int(counting_units(terms).sum()), scores_from_counts(terms.sum(axis=0)).f1
    if counting and f1 in (0.0, 1.0):  # every draw would have the same score
        result = "none" if f1 == 0 else "all"
        return wilson_interval(counting if f1 else 0, counting), f"Wilson over documents, {result} of which are right"
    if counting < MIN_COUNTING_UNITS:
        return None, f"none: only {count_of(counting, 'document')} with spans"
    draws = bootstrap_of_sums(ENTITY_F1.name, terms)
    if draws is not None and np.ptp(draws) < ROUNDING:
        return None, "none: every document is scored alike"
    return percentile_interval(draws), "bootstrap over documents"


def _mentions(document: StandoffDocument, entities: Sequence[Entity], *, shift: float) -> list[Mention]:
    """The distinct spans, without white space around them.

    Args:
        shift: of the start of discontinuous entities, which match none exactly.
    """
    mentions = []
    for entity in entities:
        surface = document.text[entity.start : entity.end]
        start = entity.start + len(surface) - len(surface.lstrip())
        end = start + len(surface.strip())
        mentions.append(Mention(start + shift * bool(entity.pieces), end, entity.type))  # pyright: ignore[reportArgumentType]
    return sorted(set(mentions))


def _types(spans: Spans) -> Counter[str]:
    return Counter(mention.type for mentions in spans for mention in mentions)


def _values(scores: Mapping[str, PrecisionRecallF1]) -> JsonObject:
    return {match: dataclasses.asdict(values) for match, values in scores.items()}


def _cells(scores: PrecisionRecallF1) -> list[str]:
    counts = (scores.true_positives_gold, scores.gold, scores.true_positives_predicted, scores.predicted)
    return [*map(_percent, (scores.precision, scores.recall, scores.f1)), *map(str, counts)]


def _percent(fraction: float) -> str:
    return format_number(100 * fraction)
