"""Prediction files: read, checked against their examples, and written.

Tags are in CoNLL format, `token<TAB>predicted` or `token<TAB>gold<TAB>predicted`, with an empty line after each
sentence. Other predictions are lines `id<TAB>prediction` (a label, a number, or labels separated by commas), with or
without that header. An empty set of labels may lack the tab, since editors strip it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError, ParameterError
from ..filesystem import disk_errors, write_once
from .formats.conll import Block, read_sentences
from .formats.lines import LineErrors, describe_columns, quote, read_lines
from .task import Example, Task, as_predicted, split_labels, split_tags

HEADER = "id\tprediction"


def read_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], *, split: str = "examples"
) -> list[str | float]:
    """The predictions of a file in the order of the examples, in the form of Example.label.

    An I tag without a preceding B is allowed.

    Args:
        split: the examples' split, for messages.

    Raises:
        DataError: the file is missing, malformed or for other examples; names the first problem and how often it
            occurs.
    """
    read = _read_tags if task.output == "token_labels" else _read_by_id
    return read(Path(path), task, examples, f"{task.name} {split}")


def write_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], predictions: Sequence[str | float]
) -> None:
    """Write predictions in the order of the examples, in the format of `read_predictions`.

    Raises:
        ParameterError: the numbers of predictions and examples, or of tags and words, differ; or the file exists.
        DiskError: the file cannot be written.
    """
    if len(predictions) != len(examples):
        raise ParameterError(f"{len(predictions)} predictions for {len(examples)} examples; give one per example")
    write = _tagged_sentence if task.output == "token_labels" else _line
    lines = [write(example, prediction) for example, prediction in zip(examples, predictions, strict=True)]
    header = "" if task.output == "token_labels" else HEADER + "\n"
    path = Path(path)
    with disk_errors(path, "name another file"):
        if not write_once(path, header + "".join(lines)):
            raise ParameterError(f"{path}: exists; name another file or remove it")


def _tagged_sentence(example: Example, prediction: str | float) -> str:
    tags = split_tags(str(prediction))
    if len(tags) != len(example.texts):
        raise ParameterError(
            f"sentence {example.id}: {len(tags)} tags for {len(example.texts)} words; give one per word"
        )
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(example.texts, tags, strict=True)) + "\n"


def _line(example: Example, prediction: str | float) -> str:
    return f"{example.id}\t{prediction if isinstance(prediction, str) else repr(float(prediction))}\n"


# Predictions by id


def _read_by_id(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    expected = {example.id for example in examples}
    predictions: dict[str, str | float] = {}
    errors = LineErrors(path)
    lines = read_lines(path)
    start = 1 if lines and lines[0] == HEADER else 0
    for number, line in enumerate(lines[start:], start + 1):
        name, tab, value = line.partition("\t")
        name = name.strip()
        no_label = task.output == "multi_label" and name in expected  # editors strip the tab that ends such a line
        if "\t" in value or not (tab or no_label):
            errors.add(number, describe_columns(line), "id<TAB>prediction", "correct the line")
        elif name not in expected:
            errors.add(number, f"unknown id {quote(name)}", f"the ids of {of}", "correct or remove the line")
        elif name in predictions:
            errors.add(number, f"id {quote(name)} a second time", f"one line per example of {of}", "remove a line")
        else:
            value = value.strip()
            prediction = _prediction(value, task)
            if prediction is None:
                errors.add(number, f"prediction {quote(value)}", _expected_value(task, value), "correct the line")
            predictions[name] = value if prediction is None else prediction
    errors.raise_first()
    if missing := [example.id for example in examples if example.id not in predictions]:
        raise DataError(
            f"{path}: {len(missing)} of {len(examples)} predictions are missing, the first for id {quote(missing[0])}; "
            f"give one line per example of {of}"
        )
    return [predictions[example.id] for example in examples]


def _prediction(value: str, task: Task) -> str | float | None:
    """A prediction in the form of Example.label, or None if it is invalid."""
    if task.output == "score":
        return _finite_number(value)
    if task.output == "multi_label":
        labels = _parts(value)
        return ",".join(label for label in task.labels if label in labels) if labels <= set(task.labels) else None
    return value if value in task.labels else None


def _finite_number(value: str) -> float | None:
    if "_" in value or not value.isascii():  # number formats that only Python accepts, such as 1_0
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parts(value: str) -> set[str]:
    return {part.strip() for part in split_labels(value)}


def _expected_value(task: Task, value: str) -> str:
    """A description of valid predictions, for a message about an invalid value."""
    if task.output == "score":
        return "a finite number"
    if task.output == "multi_label":
        if "" in _parts(value):
            return "a label on both sides of each comma; remove the extra comma or add the missing label"
        return f"nothing, or labels separated by commas: {', '.join(task.labels)}"
    return " or ".join(task.labels)


# Predictions word by word


def _read_tags(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    sentences = list(read_sentences(path))
    _check_sentences(path, sentences, examples, of)
    errors = LineErrors(path)
    predictions = []
    width = sentences[0].lines[0].count("\t") + 1
    width = width if width in (2, 3) else 2  # with gold tags, as for conlleval, or without
    for block, example in zip(sentences, examples, strict=True):
        tags = []
        for number, (line, word) in enumerate(zip(block.lines, example.texts, strict=True), block.first):
            fields = line.split("\t")
            tag = fields[-1].strip()
            if len(fields) != width:
                form = "token<TAB>predicted" if width == 2 else "token<TAB>gold<TAB>predicted"
                errors.add(number, describe_columns(line), form, "correct the line")
            elif fields[0] != word:
                errors.add(number, f"token {quote(fields[0])}", f"{quote(word)} as in {of}", "restore the token")
            elif tag not in task.labels:
                errors.add(number, f"tag {quote(tag)}", " or ".join(task.labels), _tag_remedy(tag, task))
            tags.append(tag)
        predictions.append(as_predicted(" ".join(tags), task))
    errors.raise_first()
    return predictions


def _tag_remedy(tag: str, task: Task) -> str:
    prefix, dash, _ = tag.partition("-")
    is_typed = dash and prefix in task.labels
    return f"strip the types, such as {prefix} for {quote(tag)}" if is_typed else "correct the tag"


def _check_sentences(path: Path, sentences: Sequence[Block], examples: Sequence[Example], of: str) -> None:
    """Check the number of sentences and their numbers of words."""
    if len(sentences) != len(examples):
        at = next((i for i, (b, e) in enumerate(zip(sentences, examples, strict=False)) if not _fits(b, e)), None)
        shorter = min(len(sentences), len(examples))
        position = f"sentence {shorter + 1}" if at is None else f"sentence {at + 1} (line {sentences[at].first})"
        raise DataError(
            f"{path}: found {len(sentences)} sentences; expected {len(examples)} as in {of}, each followed by an empty "
            f"line; the first difference is in {position}"
        )
    errors = LineErrors(path)
    for block, example in zip(sentences, examples, strict=True):
        if len(block.lines) != len(example.texts):
            actual = f"sentence {example.id} with {len(block.lines)} words"
            errors.add(block.first, actual, f"{len(example.texts)} words as in {of}", "restore the sentence")
    errors.raise_first()


def _fits(block: Block, example: Example) -> bool:
    return [line.partition("\t")[0] for line in block.lines] == list(example.texts)
