"""Files of predictions, anyone's: read, held against the examples they are for, and written.

Tags stand as in CoNLL files, `token<TAB>predicted` or `token<TAB>gold<TAB>predicted`, an empty line after each
sentence; all else as `id<TAB>prediction` (a label, a number, or labels separated by commas), with or without that
header; without any label the tab may be missing, since editors strip it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, ParameterError
from ..filesystem import disk_errors, write_once
from .formats.conll import Block, blocks
from .formats.lines import columns_found, lines_of, shown
from .task import Example, Task, split_labels, split_tags

HEADER = "id\tprediction"


def read_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], *, split: str = "examples"
) -> list[str | float]:
    """The predictions of a file in the order of the examples, in the form of Example.label. An I that continues no
    mention is legal: it is a prediction.

    Args:
        split: the examples' split, for messages.

    Raises:
        DataError: the file is missing or malformed, or is not of these examples; one line that names the first problem
            and how often it occurs.
    """
    read = _read_tags if task.output == "token_labels" else _read_by_id
    return read(Path(path), task, examples, f"{task.name} {split}")


def write_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], predictions: Sequence[str | float]
) -> None:
    """Write predictions, in the order of the examples, as `read_predictions` reads them; no file is overwritten.

    Raises:
        ParameterError: there are more or fewer predictions than examples, or tags than words; or the file exists.
        DiskError: the file cannot be written.
    """
    if len(predictions) != len(examples):
        raise ParameterError(f"{len(predictions)} predictions for {len(examples)} examples; give one each")
    write = _tagged_sentence if task.output == "token_labels" else _line
    lines = [write(example, prediction) for example, prediction in zip(examples, predictions, strict=True)]
    header = "" if task.output == "token_labels" else HEADER + "\n"
    path = Path(path)
    with disk_errors(path, "name another file"):
        if not write_once(path, header + "".join(lines)):
            raise ParameterError(f"{path}: exists already and is not overwritten; name another file or remove it")


def _tagged_sentence(example: Example, prediction: str | float) -> str:
    tags = split_tags(str(prediction))
    if len(tags) != len(example.texts):
        raise ParameterError(
            f"sentence {example.id}: {len(tags)} tags for {len(example.texts)} words; give one for each word"
        )
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(example.texts, tags, strict=True)) + "\n"


def _line(example: Example, prediction: str | float) -> str:
    return f"{example.id}\t{prediction if isinstance(prediction, str) else repr(float(prediction))}\n"


@dataclass(slots=True)
class _Problems:
    """The first problem of a file and how many there are of its kind: a file of nothing else may be large."""

    path: Path
    kind: str = ""  # what is wrong, said of many: "ids {are} missing"; "" while nothing is
    where: str = ""
    value: str = ""  # what was found, ready to be shown
    expected: str = ""
    n: int = 0

    def add(self, kind: str, line: int | None, value: str, expected: str) -> None:
        """Note a problem in a line, or in the file as a whole."""
        if not self.kind:
            self.kind, self.value, self.expected = kind, value, expected
            self.where = str(self.path) if line is None else f"{self.path}, line {line}"
        self.n += kind == self.kind

    def refuse(self, total: int) -> None:
        """Refuse the file by its first problem and how many of that kind there are among `total`."""
        if self.kind:
            kind = self.kind.format(are="is" if self.n == 1 else "are")
            raise DataError(
                f"{self.where}: {self.n} of {total} {kind}, the first is {self.value}; expected {self.expected}"
            )


# Predictions by id


def _read_by_id(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    expected = {example.id for example in examples}
    found: dict[str, str | float] = {}
    problems = _Problems(path)
    lines = lines_of(path)
    start = 1 if lines and lines[0] == HEADER else 0
    for number, line in enumerate(lines[start:], start + 1):
        name, tab, value = line.partition("\t")
        name = name.strip()
        no_label = task.output == "multi_label" and name in expected  # editors strip the tab that ends such a line
        if "\t" in value or not (tab or no_label):
            problems.add("lines {are} malformed", number, columns_found(line), "id<TAB>prediction")
        elif name not in expected:
            problems.add("ids {are} unknown", number, shown(name), f"the ids of {of}")
        elif name in found:
            problems.add("ids {are} doubled", number, shown(name), f"one line for each of {of}")
        else:
            value = value.strip()
            prediction = _prediction(value, task)
            if prediction is None:
                problems.add("predictions {are} invalid", number, shown(value), _form(task, value))
            found[name] = value if prediction is None else prediction
    problems.refuse(len(lines) - start)
    for example in examples:
        if example.id not in found:
            problems.add("ids {are} missing", None, shown(example.id), f"one line for each of {of}")
    problems.refuse(len(examples))
    return [found[example.id] for example in examples]


def _prediction(value: str, task: Task) -> str | float | None:
    """A prediction in the form of Example.label; None where it is none."""
    if task.output == "score":
        return _finite_number(value)
    if task.output == "multi_label":
        given = _parts(value)
        return ",".join(label for label in task.labels if label in given) if given <= set(task.labels) else None
    return value if value in task.labels else None


def _finite_number(value: str) -> float | None:
    if "_" in value or not value.isascii():  # Python's own way to write numbers: 1_0 is 10 there alone
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parts(value: str) -> set[str]:
    return {part.strip() for part in split_labels(value)}


def _form(task: Task, value: str) -> str:
    """What a prediction may be, for a message about a value that is none."""
    if task.output == "score":
        return "a finite number"
    if task.output == "multi_label":
        if "" in _parts(value):
            return "a label on both sides of each comma; remove a comma too many, or restore the label that is missing"
        return f"none, or some of these separated by commas: {', '.join(task.labels)}"
    return " or ".join(task.labels)


# Predictions word by word


def _read_tags(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    found = list(blocks(path))
    _check_sentences(path, found, examples, of)
    problems = _Problems(path)
    predictions = []
    width = found[0].lines[0].count("\t") + 1
    width = width if width in (2, 3) else 2  # with gold tags between, as conlleval has them, or without
    for block, example in zip(found, examples, strict=True):
        tags = []
        for number, (line, word) in enumerate(zip(block.lines, example.texts, strict=True), block.first):
            fields = line.split("\t")
            tag = fields[-1].strip()
            if len(fields) != width:
                form = "token<TAB>predicted" if width == 2 else "token<TAB>gold<TAB>predicted"
                problems.add("lines {are} malformed", number, columns_found(line), form)
            elif fields[0] != word:
                problems.add("tokens {are} different", number, shown(fields[0]), f"{shown(word)}, as in {of}")
            elif tag not in task.labels:
                problems.add(*_wrong_tag(tag, number, task))
            tags.append(tag)
        predictions.append(" ".join(tags))
    problems.refuse(sum(len(block.lines) for block in found))
    return predictions


def _wrong_tag(tag: str, line: int, task: Task) -> tuple[str, int, str, str]:
    """The problem with a tag that the task has not."""
    prefix, dash, _ = tag.partition("-")
    labels = " or ".join(task.labels)
    if dash and prefix in task.labels:
        return "tags {are} typed", line, shown(tag), f"{labels}; strip the types, as {prefix} for {shown(tag)}"
    return "tags {are} unknown", line, shown(tag), labels


def _check_sentences(path: Path, found: Sequence[Block], examples: Sequence[Example], of: str) -> None:
    """Refuse a file whose sentences are not those of the examples, by their number and their numbers of words."""
    if len(found) != len(examples):
        at = next((i for i, (b, e) in enumerate(zip(found, examples, strict=False)) if not _fits(b, e)), None)
        shorter = min(len(found), len(examples))
        place = f"sentence {shorter + 1}" if at is None else f"sentence {at + 1} (line {found[at].first})"
        raise DataError(
            f"{path}: found {len(found)} sentences; expected the {len(examples)} of {of}, an empty line after each; "
            f"the first that differs is {place}"
        )
    problems = _Problems(path)
    for block, example in zip(found, examples, strict=True):
        if len(block.lines) != len(example.texts):
            value = f"sentence {example.id} with {len(block.lines)} words"
            problems.add(
                "sentences {are} of another length", block.first, value, f"{len(example.texts)} words, as in {of}"
            )
    problems.refuse(len(examples))


def _fits(block: Block, example: Example) -> bool:
    return [line.partition("\t")[0] for line in block.lines] == list(example.texts)
