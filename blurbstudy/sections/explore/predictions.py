"""Predictions of a run against the gold labels, with errors marked in the text. The text is read from the data folder
by example id and appears only in a live widget, never in the run store or a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby
from pathlib import Path

from ...engine.sources.sources import data_folder
from ...errors import DataError, StudyError
from ...metrics.entities import decode_tags, gold_mentions
from ...stats.references import GoldReference, is_unscored, with_gold
from ...tables.formatting import format_count
from ...tasks import OUTSIDE, Example, Task, data_fingerprint, read_split, split_labels, split_tags
from ...training.run_record import RunRecord
from .catalog import RunGroup, StoreCatalog

SCORE_TOLERANCE = 0.25  # share of the scale by which a correct score may differ from the gold score
RIGHT, MISSED, EXTRA, OTHER = "right", "missed", "extra", "other"  # CSS classes too
LEGEND = {
    RIGHT: "correct",
    MISSED: "in the gold labels, not predicted",
    EXTRA: "predicted, not in the gold labels",
    OTHER: "predicted with another boundary or type",
}


@dataclass(frozen=True, kw_only=True)
class ExampleResult:
    """The prediction for one example."""

    id: str
    gold: str | float
    predicted: str | float
    wrong: bool
    error: float  # absolute error of a score; 0 for labels


def example_results(task: Task, reference: GoldReference, record: RunRecord) -> list[ExampleResult]:
    """Every test example: labels in file order, scores by decreasing error.
    Raises StudyError: the run has no predictions.
    """
    if is_unscored(record, "test"):
        raise StudyError("this run's loss diverged, so it has no predictions; select another seed")
    if record.config.n_folds:
        raise StudyError(
            "this run's test examples are of all splits (a fold of resampled ones); select another setting"
        )
    truth = reference.gold["test"]
    results = [
        ExampleResult(
            id=name,
            gold=gold,
            predicted=predicted,
            wrong=is_wrong(task, gold, predicted),
            error=_error(task, gold, predicted),
        )
        for name, gold, predicted in zip(truth.ids, truth.gold, record.predictions["test"], strict=True)
    ]
    return sorted(results, key=lambda result: -result.error)  # stable: labels stay in file order


def is_wrong(task: Task, gold: str | float, predicted: str | float) -> bool:
    """Whether any mention or label differs, or a score is off by more than SCORE_TOLERANCE of its scale."""
    if task.bounds is not None:
        low, high = task.bounds
        return _error(task, gold, predicted) > SCORE_TOLERANCE * (high - low)
    if task.task_type == "ner":
        return set(gold_mentions(str(gold))) != set(decode_tags(split_tags(str(predicted))))
    if task.output == "multi_label":
        return set(split_labels(str(gold))) != set(split_labels(str(predicted)))
    return gold != predicted


def _error(task: Task, gold: str | float, predicted: str | float) -> float:
    return abs(float(gold) - float(predicted)) if task.is_regression else 0.0


@lru_cache(maxsize=2)
def load_texts(task: Task, data: str, folder: str) -> dict[str, Example]:
    """Example id -> test example, from the data folder.
    Raises DataError: the folder is missing, or has other files than the runs were trained on.
    """
    actual = data_fingerprint(task, Path(folder))
    if actual != data:
        raise DataError(
            f"{folder}: has another version of {task.name} ({actual}) than these runs were trained on ({data}); set "
            "data to the folder with that version"
        )
    return {example.id: example for example in read_split(task, folder, split="test")}


def group_texts(data: str, group: RunGroup) -> dict[str, Example]:
    """The texts of a group's task; `data` is 'mini' or the folder of the datasets. Raises as `load_texts`."""
    return load_texts(group.task, group.data, str(data_folder(data).resolve()))


def example_html(task: Task, result: ExampleResult, example: Example) -> str:
    """One example as HTML; everything from the data is escaped."""
    head = f'<span class="id">{escape(result.id)}</span>'
    if task.output == "token_labels":
        body = f'<p class="text">{_marked_words(task, result, example)}</p>'
    else:
        head += _marked_label(task, result)
        body = "".join(f'<p class="text">{escape(text)}</p>' for text in example.texts)
    state, text = ("wrong", "✕ wrong") if result.wrong else ("fine", "✓ correct")
    return f'<li class="{state}"><p class="what">{head} <b>{text}</b></p>{body}</li>'


def _marked_label(task: Task, result: ExampleResult) -> str:
    if task.bounds is not None:
        low, high = task.bounds
        return f" gold {float(result.gold):.2f}, predicted {float(result.predicted):.2f} ({low:g} to {high:g})"
    if task.output != "multi_label":
        kind = EXTRA if result.wrong else RIGHT
        gold, predicted = escape(str(result.gold)), escape(str(result.predicted))
        return f' gold <mark class="{RIGHT}">{gold}</mark> predicted <mark class="{kind}">{predicted}</mark>'
    gold, predicted = (set(split_labels(str(value))) for value in (result.gold, result.predicted))
    kinds = [(RIGHT, gold & predicted), (MISSED, gold - predicted), (EXTRA, predicted - gold)]
    marks = [_mark(kind, label) for kind, labels in kinds for label in sorted(labels)]
    return " " + (" ".join(marks) or "no label, correctly")


@dataclass(frozen=True, kw_only=True)
class WordMark:
    """How the prediction for one word compares with its gold label."""

    index: int
    kind: str | None  # RIGHT, MISSED, EXTRA or OTHER; None: no mention on either side
    note: str = ""  # the types, where a task has several
    span: object  # equal for neighbours that are marked together


def _marked_words(task: Task, result: ExampleResult, example: Example) -> str:
    parts = []
    for _, group in groupby(word_marks(task, result), key=lambda mark: (mark.kind, mark.span, mark.note)):
        marks = list(group)
        text, kind = " ".join(example.texts[mark.index] for mark in marks), marks[0].kind
        parts.append(escape(text) if kind is None else _mark(kind, text, marks[0].note))
    return " ".join(parts)


def word_marks(task: Task, result: ExampleResult) -> Iterator[WordMark]:
    """The mark of every word: mentions are compared by their boundaries, PICO's words one by one."""
    tags = split_tags(str(result.gold)), split_tags(str(result.predicted))
    if task.task_type != "ner":
        for index, (gold, predicted) in enumerate(zip(*tags, strict=True)):
            kind, note = _word_kind(gold, predicted), _types(gold, predicted)
            yield WordMark(index=index, kind=kind, note=note, span=(gold, predicted))
        return
    mentions = [decode_tags(labels) for labels in tags]
    for index in range(len(tags[0])):
        gold, predicted = (_mention_at(spans, index) for spans in mentions)
        yield WordMark(index=index, kind=_word_kind(gold, predicted), span=(gold, predicted))


def _mention_at(mentions: Sequence[tuple[int, int, str]], index: int) -> object:
    return next((mention for mention in mentions if mention[0] <= index < mention[1]), OUTSIDE)


def _word_kind(gold: object, predicted: object) -> str | None:
    if gold == predicted:
        return None if gold == OUTSIDE else RIGHT
    if predicted == OUTSIDE:
        return MISSED
    return EXTRA if gold == OUTSIDE else OTHER


def _types(gold: str, predicted: str) -> str:
    names = [tag.partition("-")[2] for tag in (gold, predicted) if tag != OUTSIDE]
    return f"{names[1]} for {names[0]}" if len(set(names)) > 1 else "".join(names[:1])


def _mark(kind: str, text: str, note: str = "") -> str:
    label = {RIGHT: note, OTHER: note or "boundary"}.get(kind, f"{kind}: {note}" if note else kind)
    small = f"<small>{escape(label)}</small>" if label else ""
    return f'<mark class="{kind}" title="{escape(LEGEND[kind], quote=True)}">{escape(text)}{small}</mark>'


def predictions_html(
    catalog: StoreCatalog,
    group: RunGroup,
    seed: int,
    *,
    data: str,
    wrong_only: bool = True,
    start: int = 0,
    count: int = 5,
) -> tuple[str, int]:
    """A page of a run's test predictions as HTML, and the number of predictions on all pages.
    Raises StudyError: the run has no predictions, or the texts are missing.
    """
    task, record = group.task, catalog.record(group, seed)
    results = example_results(task, with_gold(catalog.references(group)[task.name]), record)
    texts = group_texts(data, group)
    selected = [result for result in results if result.wrong or not wrong_only]
    items = "".join(example_html(task, result, texts[result.id]) for result in selected[start : start + count])
    wrong = sum(result.wrong for result in results)
    summary = f"{group.title}, seed {seed}: {wrong:,} of {format_count(len(results), 'test example')} wrong"
    examples = f'<ol class="texts">{items}</ol>' if items else "<p>None.</p>"
    body = f'<p>{escape(summary)}.</p><p class="marks">{_legend(task)}</p>{examples}'
    return f'<div class="predictions">{body}</div>', len(selected)


def _legend(task: Task) -> str:
    if task.is_regression:
        return f"Wrong: off by more than {SCORE_TOLERANCE:.0%} of the scale. Largest errors first."
    kinds = {"token_labels": (RIGHT, MISSED, EXTRA, OTHER), "multi_label": (RIGHT, MISSED, EXTRA), "single_label": ()}[
        task.output
    ]
    return " ".join(f'<mark class="{kind}">{LEGEND[kind]}</mark>' for kind in kinds)
