"""Files of predictions, anyone's: read, held against the examples they are for, and written.

Tags stand as in CoNLL files, `token<TAB>predicted` or `token<TAB>gold<TAB>predicted`, an empty line after each
sentence; all else as `id<TAB>prediction` (a label, a number, or labels separated by commas), with or without that
header.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, ParameterError
from .conll import Block, blocks
from .lines import columns_found, lines_of, shown
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
    read = _read_tags if task.output == "tags" else _read_by_id
    return read(Path(path), task, examples, f"{task.name} {split}")


def write_predictions(
    path: Path | str, task: Task, examples: Sequence[Example], predictions: Sequence[str | float]
) -> None:
    """Write predictions, in the order of the examples, as `read_predictions` reads them.

    Raises:
        ParameterError: there are more or fewer predictions than examples, or tags than words.
    """
    if len(predictions) != len(examples):
        raise ParameterError(f"{len(predictions)} predictions for {len(examples)} examples; give one each")
    write = _tagged_sentence if task.output == "tags" else _line
    lines = [write(example, prediction) for example, prediction in zip(examples, predictions, strict=True)]
    header = "" if task.output == "tags" else HEADER + "\n"
    Path(path).write_text(header + "".join(lines), encoding="utf-8", newline="\n")


def _tagged_sentence(example: Example, prediction: str | float) -> str:
    tags = split_tags(str(prediction))
    if len(tags) != len(example.texts):
        raise ParameterError(
            f"sentence {example.id}: {len(tags)} tags for {len(example.texts)} words; give one for each word"
        )
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(example.texts, tags, strict=True)) + "\n"


def _line(example: Example, prediction: str | float) -> str:
    return f"{example.id}\t{prediction if isinstance(prediction, str) else repr(float(prediction))}\n"


@dataclass(frozen=True, slots=True)
class _Problem:
    kind: str  # what is wrong, said of many: "ids {are} missing"
    where: str
    value: str  # what was found, ready to be shown
    expected: str


def _refuse(problems: Sequence[_Problem], total: int) -> None:
    """Refuse a file by its first problem and how many of that kind there are among `total`."""
    if not problems:
        return
    first = problems[0]
    n = sum(problem.kind == first.kind for problem in problems)
    kind = first.kind.format(are="is" if n == 1 else "are")
    raise DataError(f"{first.where}: {n} of {total} {kind}, the first is {first.value}; expected {first.expected}")


# Predictions by id


def _read_by_id(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    expected = {example.id for example in examples}
    found: dict[str, str | float] = {}
    problems = []
    lines = lines_of(path)
    start = 1 if lines and lines[0] == HEADER else 0
    for number, line in enumerate(lines[start:], start + 1):
        where = f"{path}, line {number}"
        name, tab, value = line.partition("\t")
        name = name.strip()
        if not tab or "\t" in value:
            problems.append(_Problem("lines {are} malformed", where, columns_found(line), "id<TAB>prediction"))
            continue
        prediction = _prediction(value.strip(), task)
        if name not in expected:
            problems.append(_Problem("ids {are} unknown", where, shown(name), f"the ids of {of}"))
        elif name in found:
            problems.append(_Problem("ids {are} doubled", where, shown(name), f"one line for each of {of}"))
        elif prediction is None:
            problems.append(_Problem("predictions {are} invalid", where, shown(value.strip()), _form(task)))
        found[name] = value if prediction is None else prediction
    _refuse(problems, len(lines) - start)
    problems = [
        _Problem("ids {are} missing", str(path), shown(example.id), f"one line for each of {of}")
        for example in examples
        if example.id not in found
    ]
    _refuse(problems, len(examples))
    return [found[example.id] for example in examples]


def _prediction(value: str, task: Task) -> str | float | None:
    """A prediction in the form of Example.label; None where it is none."""
    if task.output == "score":
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    if task.output == "label_set":
        given = {part.strip() for part in split_labels(value)}
        return ",".join(label for label in task.labels if label in given) if given <= set(task.labels) else None
    return value if value in task.labels else None


def _form(task: Task) -> str:
    if task.output == "score":
        return "a finite number"
    if task.output == "label_set":
        return f"none, or some of these separated by commas: {', '.join(task.labels)}"
    return " or ".join(task.labels)


# Predictions word by word


def _read_tags(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    found = list(blocks(path))
    _check_sentences(path, found, examples, of)
    problems = []
    predictions = []
    width = found[0].lines[0].count("\t") + 1
    width = width if width in (2, 3) else 2  # with gold tags between, as conlleval has them, or without
    for block, example in zip(found, examples, strict=True):
        tags = []
        for number, (line, word) in enumerate(zip(block.lines, example.texts, strict=True), block.first):
            where = f"{path}, line {number}"
            fields = line.split("\t")
            if len(fields) != width:
                form = "token<TAB>predicted" if width == 2 else "token<TAB>gold<TAB>predicted"
                problems.append(_Problem("lines {are} malformed", where, columns_found(line), form))
            elif fields[0] != word:
                problems.append(
                    _Problem("tokens {are} different", where, shown(fields[0]), f"{shown(word)}, as in {of}")
                )
            elif fields[-1].strip() not in task.labels:
                problems.append(_Problem("tags {are} unknown", where, shown(fields[-1]), " or ".join(task.labels)))
            tags.append(fields[-1].strip())
        predictions.append(" ".join(tags))
    _refuse(problems, sum(len(block.lines) for block in found))
    return predictions


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
    problems = [
        _Problem(
            "sentences {are} of another length",
            f"{path}, line {block.first}",
            f"sentence {example.id} with {len(block.lines)} words",
            f"{len(example.texts)} words, as in {of}",
        )
        for block, example in zip(found, examples, strict=True)
        if len(block.lines) != len(example.texts)
    ]
    _refuse(problems, len(examples))


def _fits(block: Block, example: Example) -> bool:
    return [line.partition("\t")[0] for line in block.lines] == list(example.texts)
