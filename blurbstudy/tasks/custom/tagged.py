"""Tagged sentences of a custom task: CoNLL files or JSONL with lists of words and tags, in any tag scheme.

CoNLL files have columns separated by tabs or spaces, one word per line, an empty line after each sentence and
optional -DOCSTART- lines, comments and a header. Tags are converted to typed IOB2 (BIO): B-Chemical I-Chemical O.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import count_of
from ...metrics import bio_to_io
from ...metrics.entities import split_gold
from ..formats.conll_layout import columns_of, describe_width, read_layout
from ..formats.lines import LineErrors, listed, quote, raise_data_error
from ..formats.tag_schemes import HINT, TagSchemeError, to_bio, usual_tags
from ..task import Example, Task
from .tabular import NumberedExample, annotated_records

Tagged = tuple[list[int], str, str, list[str], list[str]]  # lines of the words, id, document, words, raw tags


def read_conll_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a CoNLL file with the lines of their first words."""
    errors = LineErrors(path)
    return _examples(path, conll_sentences(path, task, errors), task, errors)


def read_tagged_jsonl_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a JSONL file with lists of words and tags, and their lines."""
    errors = LineErrors(path)
    return _examples(path, jsonl_sentences(path, task, errors), task, errors)


def conll_sentences(path: Path, task: Task, errors: LineErrors) -> Iterator[Tagged]:
    """The sentences with the same number of columns as the first line; others are added to the errors."""
    word_at, tag_at = (int(column) - 1 for column in task.columns)
    read = read_layout(path, tag_at)
    width = len(read.header)
    for count, block in enumerate(read.blocks, 1):
        if not width:
            cells = columns_of(block.lines[0], tabs=read.tabs)
            width = len(cells)
            if width <= max(word_at, tag_at):
                expected = f"column {max(word_at, tag_at) + 1} too, of words and tags"
                remedy = "separate them by tabs, or name the columns"
                raise_data_error(f"{path}, line {block.first}", describe_width(cells), expected, remedy)
        rows = [line.split("\t") if read.tabs else line.split() for line in block.lines]
        if set(map(len, rows)) == {width} and all(words := [row[word_at].strip() for row in rows]):
            name, lines = str(count), list(range(block.first, block.first + len(rows)))
            yield lines, name, block.document or name, words, [row[tag_at].strip() for row in rows]
        else:
            _add_wrong_rows(rows, block.first, width, word_at, errors)


def _add_wrong_rows(rows: list[list[str]], first: int, width: int, word_at: int, errors: LineErrors) -> None:
    for number, row in enumerate(rows, first):
        if len(row) != width:
            expected = f"{width}, or an empty line after a sentence"
            remedy = "restore the line; words may not contain tabs or spaces"
            errors.add(number, describe_width(row), expected, remedy)
        elif not row[word_at].strip():
            errors.add(number, "an empty word", "a word", "restore it or remove the line")


def jsonl_sentences(path: Path, task: Task, errors: LineErrors) -> Iterator[Tagged]:
    """The sentences with lists of equal length; others are added to the errors."""
    custom, (words_key, tags_key) = task.form, task.columns
    for count, (number, record) in enumerate(annotated_records(path, task, errors), 1):
        lists: list = [record.get(key) for key in (words_key, tags_key)]
        if not all(isinstance(values, list) and all(isinstance(part, str) for part in values) for values in lists):
            actual = f"{words_key} and {tags_key} that are not two lists of strings"
            expected = f'{{"{words_key}": ["..."], "{tags_key}": ["O"]}}'
            errors.add(number, actual, expected, "use lists of words and tags")
            continue
        words, tags = lists
        if len(words) != len(tags) or not words:
            actual = f"{count_of(len(tags), 'tag')} for {count_of(len(words), 'word')}"
            errors.add(number, actual, "one tag per word and at least one word", "restore the line")
            continue
        if bad := [word for word in words if not word.strip() or "\0" in word]:
            errors.add(number, f"the word {quote(bad[0])}", "a word", "restore it or remove it with its tag")
            continue
        name = str(record.get(custom.id, "")).strip() if custom.id else str(count)
        unit = str(record.get(custom.document, "")).strip() if custom.document else name
        if not name or not unit:
            errors.add(number, f"no {custom.document if name else custom.id}", "an id", "give the line one")
            continue
        yield [number] * len(words), name, unit, words, tags


def _examples(path: Path, sentences: Iterator[Tagged], task: Task, errors: LineErrors) -> list[NumberedExample]:
    examples: list[NumberedExample] = []
    names: set[str] = set()
    for lines, name, document, words, tags in sentences:
        if spaced := {tag for tag in set(tags) if len(tag.split()) != 1}:
            position = next(i for i, tag in enumerate(tags) if tag in spaced)
            errors.add(lines[position], f"tag {quote(tags[position])}", "a tag without spaces", "correct the tag")
            continue
        try:
            bio = to_bio(usual_tags(tags, task.form.tag_spelling), task.form.scheme)
        except TagSchemeError as fault:
            errors.add(lines[fault.position], fault.actual, fault.expected, f"correct the tag, or {HINT}")
            continue
        if task.task_type == "pico":
            bio = bio_to_io(bio)
        if task.labels and (unknown := [i for i, tag in enumerate(bio) if tag not in task.labels]):
            types = listed(entity_types(task.labels), " or ")
            actual = f"tag {quote(tags[unknown[0]])}"
            errors.add(lines[unknown[0]], actual, f"O, or a tag of {types}", "correct the tag")
            continue
        if name in names:
            errors.add(lines[0], f"{task.form.id} {quote(name)} a second time", "unique ids", "remove or rename one")
            continue
        names.add(name)
        examples.append((lines[0], Example(name, document, tuple(words), " ".join(bio))))
    errors.raise_first()
    if not examples:
        raise_data_error(str(path), "no sentences", "one word and its tag per line", "check the path")
    return examples


def raw_tags(path: Path, task: Task) -> list[list[str]]:
    """The tags of each sentence before conversion."""
    errors = LineErrors(path)
    read = conll_sentences if task.reader == "own_conll" else jsonl_sentences
    tags = [tags_of_sentence for *_, tags_of_sentence in read(path, task, errors)]
    errors.raise_first()
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
    labels = [split_gold(str(example.label)) for example in examples]
    tagged = {tag[2:] for tags, _ in labels for tag in tags if tag != "O"}
    return sorted(tagged | {mention.type for _, listed in labels for mention in listed or ()})
