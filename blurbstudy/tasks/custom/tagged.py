"""Tagged sentences of a custom task: CoNLL files in any tag scheme, or JSONL with lists of words and tags.

CoNLL files have columns separated by tabs or spaces, one word per line, an empty line after each sentence and
optional -DOCSTART- lines. Tags are converted to typed IOB2: B-Chemical I-Chemical O.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...metrics import bio_to_io
from ..formats.conll import Block, read_sentences
from ..formats.lines import LineErrors, quote, raise_data_error
from ..task import Example, Task, split_tags
from .tabular import NumberedExample, json_records
from .tag_schemes import HINT, TagSchemeError, to_bio

Tagged = tuple[list[int], str, str, list[str], list[str]]  # lines of the words, id, document, words, raw tags


def read_conll_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a CoNLL file with the lines of their first words.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is invalid for the task.
    """
    faults = LineErrors(path)
    return _examples(path, conll_sentences(path, task, faults), task, faults)


def read_tagged_jsonl_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a JSONL file with lists of words and tags, and their lines.

    Raises:
        DataError: the file is missing, not UTF-8, or a line is invalid for the task.
    """
    faults = LineErrors(path)
    return _examples(path, jsonl_sentences(path, task, faults), task, faults)


def conll_sentences(path: Path, task: Task, faults: LineErrors) -> Iterator[Tagged]:
    """The sentences with the same number of columns as the first line; others are added to the errors."""
    word_at, tag_at = (int(column) - 1 for column in task.columns)
    width, tabs = 0, True
    for count, block in enumerate(read_sentences(path), 1):
        if not width:
            tabs = "\t" in block.lines[0]
            width = len(columns_of(block.lines[0], tabs=tabs))
            if width <= max(word_at, tag_at):
                actual = f"{width} column{'s' * (width > 1)} in {quote(block.lines[0])}"
                expected = f"column {max(word_at, tag_at) + 1} too, of words and tags"
                raise_data_error(
                    f"{path}, line {block.first}", actual, expected, "separate them by tabs, or name the columns"
                )
        rows = _rows_of(block, width, tabs, word_at, faults)
        if rows is not None:
            name = str(count)
            words, tags = ([row[at].strip() for row in rows] for at in (word_at, tag_at))
            lines = list(range(block.first, block.first + len(rows)))
            yield lines, name, block.document or name, words, tags


def _rows_of(block: Block, width: int, tabs: bool, word_at: int, faults: LineErrors) -> list[list[str]] | None:
    rows = [columns_of(line, tabs=tabs) for line in block.lines]
    for number, row in enumerate(rows, block.first):
        if len(row) != width:
            actual = f"{len(row)} column{'s' * (len(row) != 1)} in {quote(' '.join(row))}"
            expected = f"{width}, or an empty line after a sentence"
            return faults.add(number, actual, expected, "restore the line; words may not contain tabs or spaces")
        if not row[word_at].strip():
            return faults.add(number, "an empty word", "a word", "restore it or remove the line")
    return rows


def columns_of(line: str, *, tabs: bool) -> list[str]:
    """The columns of a line, separated by tabs or by spaces."""
    return line.split("\t") if tabs else line.split()


def jsonl_sentences(path: Path, task: Task, faults: LineErrors) -> Iterator[Tagged]:
    """The sentences with lists of equal length; others are added to the errors."""
    custom, (words_key, tags_key) = task.custom, task.columns
    for count, (number, record) in enumerate(json_records(path, faults), 1):
        lists = [record.get(key) for key in (words_key, tags_key)]
        if not all(isinstance(values, list) and all(isinstance(part, str) for part in values) for values in lists):
            actual = f"{words_key} and {tags_key} that are not two lists of strings"
            faults.add(
                number, actual, f'{{"{words_key}": ["..."], "{tags_key}": ["O"]}}', "use lists of words and tags"
            )
            continue
        words, tags = lists
        if len(words) != len(tags) or not words:
            faults.add(
                number,
                f"{len(tags)} tags for {len(words)} words",
                "one tag per word and at least one word",
                "restore the line",
            )
            continue
        if bad := next((w for w in words if not w.strip() or "\0" in w), None):
            faults.add(number, f"the word {quote(bad)}", "a word", "restore it or remove it")
            continue
        if "" in words:
            faults.add(number, "an empty word", "a word", "restore it or remove it with its tag")
            continue
        name = str(record.get(custom.id, "")).strip() if custom.id else str(count)
        unit = str(record.get(custom.document, "")).strip() if custom.document else name
        if not name or not unit:
            faults.add(number, f"no {custom.document if name else custom.id}", "an id", "give the line one")
            continue
        yield [number] * len(words), name, unit, words, tags


def _examples(path: Path, sentences: Iterator[Tagged], task: Task, faults: LineErrors) -> list[NumberedExample]:
    examples: list[NumberedExample] = []
    names: set[str] = set()
    for lines, name, document, words, tags in sentences:
        if any(not tag or any(map(str.isspace, tag)) for tag in tags):
            position = next(i for i, tag in enumerate(tags) if not tag or any(map(str.isspace, tag)))
            faults.add(lines[position], f"tag {quote(tags[position])}", "a tag without spaces", "correct the tag")
            continue
        try:
            bio = to_bio(tags, task.custom.scheme)
        except TagSchemeError as fault:
            faults.add(lines[fault.position], fault.actual, fault.expected, f"correct the tag, or {HINT}")
            continue
        if task.task_type == "pico":
            bio = bio_to_io(bio)
        if task.labels and (unknown := [i for i, tag in enumerate(bio) if tag not in task.labels]):
            types = " or ".join(entity_types(task.labels))
            faults.add(
                lines[unknown[0]], f"tag {quote(tags[unknown[0]])}", f"O, or a tag of {types}", "correct the tag"
            )
            continue
        if name in names:
            faults.add(lines[0], f"{task.custom.id} {quote(name)} a second time", "unique ids", "remove or rename one")
            continue
        names.add(name)
        examples.append((lines[0], Example(name, document, tuple(words), " ".join(bio))))
    faults.raise_first()
    if not examples:
        raise_data_error(str(path), "no sentences", "one word and its tag per line", "check the path")
    return examples


def raw_tags(path: Path, task: Task) -> list[list[str]]:
    """The tags of each sentence before conversion."""
    faults = LineErrors(path)
    read = conll_sentences if task.reader == "own_conll" else jsonl_sentences
    tags = [tags_of_sentence for *_, tags_of_sentence in read(path, task, faults)]
    faults.raise_first()
    return tags


def entity_types(labels: tuple[str, ...]) -> list[str]:
    """The entity types in the order of the labels; "mentions" for bare tags."""
    return list(dict.fromkeys(label[2:] or "mentions" for label in labels if label != "O"))


def tags_of_types(types: list[str], *, kind: str) -> tuple[str, ...]:
    """The labels of a task with these entity types ("" for bare tags): O, then B and I of each type (PICO: I)."""
    letters = ("I",) if kind == "pico" else ("B", "I")
    return ("O", *(f"{letter}-{entity_type}" if entity_type else letter for entity_type in types for letter in letters))


def types_in(examples: list[Example]) -> list[str]:
    """The sorted entity types of sentences, "" for bare tags."""
    return sorted({tag[2:] for example in examples for tag in split_tags(str(example.label)) if tag != "O"})
