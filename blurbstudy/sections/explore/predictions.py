"""Predictions of a run beside what is true, the wrong ones marked in the text. The text is read from the data folder by
example id and shown in a live widget alone: neither the run store nor a report ever holds it.
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
from ...metrics.entities import decode_tags
from ...stats.collapse import GoldReference, is_unscored
from ...tables.table import Table, counted
from ...tasks import OUTSIDE, Example, Task, data_fingerprint, read_split, split_labels, split_tags
from ...training.run_record import RunRecord
from .catalog import Explored, Notice, Setting

FAR = 0.25  # a score that is off by more than this share of its scale counts as wrong
MOST_SETTINGS = 12  # in one table
RIGHT, MISSED, EXTRA, OTHER = "right", "missed", "extra", "other"
LEGEND = {
    RIGHT: "predicted as it is",
    MISSED: "in the gold labels, not predicted",
    EXTRA: "predicted, not in the gold labels",
    OTHER: "predicted with another boundary or type",
}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One example with what it is and what a run said."""

    id: str
    gold: str | float
    predicted: str | float
    wrong: bool
    error: float  # for sorting scores: how far off; 0 for labels


def judge(task: Task, reference: GoldReference, record: RunRecord, *, split: str = "test") -> list[Judged]:
    """Every example of a split, in file order; those off by most first where a score is predicted.

    Raises:
        StudyError: the run has no predictions.
    """
    if is_unscored(record, split):
        raise StudyError("this run's loss diverged, so it has no predictions; choose another seed")
    truth = reference.gold[split]
    found = [
        Judged(id=name, gold=gold, predicted=said, wrong=is_wrong(task, gold, said), error=_error(task, gold, said))
        for name, gold, said in zip(truth.ids, truth.gold, record.predictions[split], strict=True)
    ]
    return sorted(found, key=lambda one: -one.error)  # stable: labels stay in file order


def is_wrong(task: Task, gold: str | float, predicted: str | float) -> bool:
    """Whether a prediction counts as wrong: any mention or label that differs, or a score that is far off."""
    if task.output == "score":
        return _error(task, gold, predicted) > FAR * (task.bounds[1] - task.bounds[0])
    if task.task_type == "ner":
        return decode_tags(split_tags(str(gold))) != decode_tags(split_tags(str(predicted)))
    if task.output == "multi_label":
        return set(split_labels(str(gold))) != set(split_labels(str(predicted)))
    return gold != predicted


def _error(task: Task, gold: str | float, predicted: str | float) -> float:
    return abs(float(gold) - float(predicted)) if task.output == "score" else 0.0


@lru_cache(maxsize=2)  # of texts in memory
def texts_of(task: Task, data: str, folder: str, split: str) -> dict[str, Example]:
    """Example id -> example, from the data folder.

    Raises:
        DataError: the folder is not there, or holds other files than the runs were made on.
    """
    found = data_fingerprint(task, Path(folder))
    if found != data:
        raise DataError(
            f"{folder}: holds another version of {task.name} ({found}) than these runs were made on ({data}); name "
            "that folder (data)"
        )
    return {example.id: example for example in read_split(task, folder, split=split)}


def texts_from(data: str, setting: Setting, *, split: str = "test") -> dict[str, Example]:
    """The texts of a setting's task; `data` is 'mini' or the folder of the datasets.

    Raises:
        DataError: they are not there.
    """
    return texts_of(setting.task, setting.data, str(data_folder(data).resolve()), split)


def marked_html(task: Task, judged: Judged, example: Example) -> str:
    """One example as HTML, everything from the data escaped."""
    head = f'<span class="id">{escape(judged.id)}</span>'
    if task.output == "token_labels":
        body = f'<p class="text">{_marked_words(task, judged, example)}</p>'
    else:
        head += _marked_label(task, judged)
        body = "".join(f'<p class="text">{escape(text)}</p>' for text in example.texts)
    state = "wrong" if judged.wrong else "fine"
    word = "✕ wrong" if judged.wrong else "✓ right"
    return f'<li class="{state}"><p class="what">{head} <b>{word}</b></p>{body}</li>'


def _marked_label(task: Task, judged: Judged) -> str:
    if task.output == "score":
        low, high = task.bounds
        said = f"gold {float(judged.gold):.2f}, predicted {float(judged.predicted):.2f} ({low:g} to {high:g})"
        return f" {escape(said)}"
    if task.output != "multi_label":
        kind = EXTRA if judged.wrong else RIGHT
        gold, said = escape(str(judged.gold)), escape(str(judged.predicted))
        return f' gold <mark class="{RIGHT}">{gold}</mark> predicted <mark class="{kind}">{said}</mark>'
    gold, said = (set(split_labels(str(value))) for value in (judged.gold, judged.predicted))
    kinds = [(RIGHT, gold & said), (MISSED, gold - said), (EXTRA, said - gold)]
    marks = [_mark(kind, label) for kind, labels in kinds for label in sorted(labels)]
    return " " + (" ".join(marks) or "no label, as it is")


def _marked_words(task: Task, judged: Judged, example: Example) -> str:
    parts = []
    for (kind, _, told), group in groupby(word_marks(task, judged), key=lambda mark: mark[:3]):
        text = " ".join(example.texts[place] for *_, place in group)
        parts.append(escape(text) if kind is None else _mark(kind, text, told))
    return " ".join(parts)


def word_marks(task: Task, judged: Judged) -> Iterator[tuple[str | None, object, str, int]]:
    """(kind of mark or None, what holds neighbours together, what is told beside the mark, place) of every word."""
    gold, said = split_tags(str(judged.gold)), split_tags(str(judged.predicted))
    if task.task_type != "ner":  # words stand alone, and have types
        for place, (truth, guess) in enumerate(zip(gold, said, strict=True)):
            yield _word_kind(truth, guess), (truth, guess), _types(truth, guess), place
        return
    truths, guesses = ([_mention_at(found, i) for i in range(len(gold))] for found in map(decode_tags, (gold, said)))
    for place, (truth, guess) in enumerate(zip(truths, guesses, strict=True)):
        yield _word_kind(truth, guess), (truth, guess), "", place


def _mention_at(found: Sequence[tuple[int, int, str]], place: int) -> object:
    return next((mention for mention in found if mention[0] <= place < mention[1]), OUTSIDE)


def _word_kind(truth: object, guess: object) -> str | None:
    if truth == guess:
        return None if truth == OUTSIDE else RIGHT
    if guess == OUTSIDE:
        return MISSED
    return EXTRA if truth == OUTSIDE else OTHER


def _types(truth: str, guess: str) -> str:
    """The types of a word, where a task has several."""
    names = [tag.partition("-")[2] for tag in (truth, guess) if tag != OUTSIDE]
    return f"{names[1]} for {names[0]}" if len(set(names)) > 1 else "".join(names[:1])


def _mark(kind: str, text: str, told: str = "") -> str:
    said = {RIGHT: told, OTHER: told or "boundary"}.get(kind, kind if not told else f"{kind}: {told}")
    small = f"<small>{escape(said)}</small>" if said else ""
    return f'<mark class="{kind}" title="{escape(LEGEND[kind], quote=True)}">{escape(text)}{small}</mark>'


def predictions_html(
    explored: Explored,
    setting: Setting,
    seed: int,
    *,
    data: str,
    wrong_only: bool = True,
    start: int = 0,
    count: int = 5,
) -> tuple[str, int]:
    """A page of a run's test predictions, and how many there are to page through.

    Raises:
        StudyError: the run has no predictions, or the texts are not at hand.
    """
    record = explored.store.get(setting.runs[seed].id)
    if record is None:
        raise StudyError(f"{setting.title}: the run of seed {seed} is no longer in the store; read it again")
    judged = judge(setting.task, explored.references(setting)[setting.task.name], record)
    texts = texts_from(data, setting)
    chosen = [one for one in judged if one.wrong or not wrong_only]
    items = "".join(marked_html(setting.task, one, texts[one.id]) for one in chosen[start : start + count])
    wrong = sum(one.wrong for one in judged)
    said = f"{wrong:,} of {counted(len(judged), 'test example')} wrong, by {setting.title}, seed {seed}"
    listed = f'<ol class="texts">{items}</ol>' if items else "<p>None.</p>"
    body = f'<p>{escape(said)}.</p><p class="marks">{_legend(setting.task)}</p>{listed}'
    return f'<div class="predictions">{body}</div>', len(chosen)


def _legend(task: Task) -> str:
    """What counts as wrong, and what the marks mean."""
    if task.output == "score":
        return f"Wrong: off by more than {FAR:.0%} of the scale; furthest first."
    kinds = {"token_labels": (RIGHT, MISSED, EXTRA, OTHER), "multi_label": (RIGHT, MISSED, EXTRA), "single_label": ()}[
        task.output
    ]
    return " ".join(f'<mark class="{kind}">{LEGEND[kind]}</mark>' for kind in kinds)


def errors_table(explored: Explored, settings: Sequence[Setting]) -> Table | Notice:
    """How many test examples each seed gets wrong, and how many every seed does: numbers and ids, no text."""
    if not explored.settings:
        return explored.empty
    rows = []
    for setting in settings[:MOST_SETTINGS]:
        reference = explored.references(setting)[setting.task.name]
        scored = [record for record in explored.records(setting) if not is_unscored(record, "test")]
        wrong = [{one.id for one in judge(setting.task, reference, record) if one.wrong} for record in scored]
        always = set.intersection(*wrong) if wrong else set()
        counts = ", ".join(f"seed {r.config.seed}: {len(w)}" for r, w in zip(scored, wrong, strict=True))
        ids = [name for name in reference.gold["test"].ids if name in always]
        shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
        rows.append((setting.encoder, setting.name, f"{len(reference.gold['test'].ids):,}", counts or "no predictions",
                     str(len(always)), shown or "–"))  # fmt: skip
    task = settings[0].task
    title = f"Test examples that are predicted wrongly, {task.name}"
    notes = ["Wrong: any mention, word's tag or label that differs from the gold labels."]
    if task.is_regression:
        notes = [f"Wrong: off by more than {FAR:.0%} of the scale ({task.bounds[0]:g} to {task.bounds[1]:g})."]
    notes.append("Ids of examples; their text is shown in JupyterLab alone, from the data folder.")
    columns = ("Encoder", "Setting", "Examples", "Wrong", "With every seed", "Which")
    caption = explored.caption(settings[:MOST_SETTINGS])
    return Table(title=title, columns=columns, rows=rows, heads=2, caption=caption, notes=notes)
