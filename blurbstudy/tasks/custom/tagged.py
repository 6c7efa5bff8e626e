"""Tagged sentences of one's own: CoNLL files in any scheme of tags, or JSONL with lists of words and tags.

A CoNLL file has columns separated by tabs or spaces, one word a line, an empty line after each sentence, -DOCSTART-
lines where it marks documents. Tags come out in IOB2, types kept: B-Chemical I-Chemical O.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...metrics import bio_to_io
from ..formats.conll import Block, blocks
from ..formats.lines import Faults, fail, shown
from ..task import Example, Task, split_tags
from .tabular import Located, json_records
from .tag_schemes import AUTO, TagFault, to_bio

Tagged = tuple[list[int], str, str, list[str], list[str]]  # lines of the words, id, document, words, tags as they stand


def located_conll(path: Path, task: Task) -> list[Located]:
    """The sentences of a CoNLL file with the lines of their first words.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    faults = Faults(path)
    return _examples(path, conll_sentences(path, task, faults), task, faults)


def located_tagged_jsonl(path: Path, task: Task) -> list[Located]:
    """The sentences of a JSONL file, whose columns are lists of words and of tags, with their lines.

    Raises:
        DataError: the file is missing, not UTF-8, or a line does not fit the task.
    """
    faults = Faults(path)
    return _examples(path, jsonl_sentences(path, task, faults), task, faults)


def conll_sentences(path: Path, task: Task, faults: Faults) -> Iterator[Tagged]:
    """The sentences whose lines all have the columns that the first line has; others are noted."""
    word_at, tag_at = (int(column) - 1 for column in task.columns)
    width, tabs = 0, True
    for count, block in enumerate(blocks(path), 1):
        if not width:
            tabs = "\t" in block.lines[0]
            width = len(columns_of(block.lines[0], tabs=tabs))
            if width <= max(word_at, tag_at):
                found = f"{width} column{'s' * (width > 1)} in {shown(block.lines[0])}"
                expected = f"column {max(word_at, tag_at) + 1} too, of words and tags"
                fail(f"{path}, line {block.first}", found, expected, "separate them by a tab, or say which they are")
        rows = _rows_of(block, width, tabs, word_at, faults)
        if rows is not None:
            name = str(count)
            words, tags = ([row[at].strip() for row in rows] for at in (word_at, tag_at))
            lines = list(range(block.first, block.first + len(rows)))
            yield lines, name, block.document or name, words, tags


def _rows_of(block: Block, width: int, tabs: bool, word_at: int, faults: Faults) -> list[list[str]] | None:
    rows = [columns_of(line, tabs=tabs) for line in block.lines]
    for number, row in enumerate(rows, block.first):
        if len(row) != width:
            found = f"{len(row)} column{'s' * (len(row) != 1)} in {shown(' '.join(row))}"
            expected = f"{width}, or an empty line after a sentence"
            return faults.add(number, found, expected, "restore the line; no word may hold a tab or space")
        if not row[word_at].strip():
            return faults.add(number, "an empty word", "a word or a mark", "restore it or remove the line")
    return rows


def columns_of(line: str, *, tabs: bool) -> list[str]:
    """The columns of a line, separated by single tabs or by any spaces."""
    return line.split("\t") if tabs else line.split()


def jsonl_sentences(path: Path, task: Task, faults: Faults) -> Iterator[Tagged]:
    """The sentences whose lists are as long as each other; others are noted."""
    own, (words_key, tags_key) = task.custom, task.columns
    for count, (number, record) in enumerate(json_records(path, faults), 1):
        lists = [record.get(key) for key in (words_key, tags_key)]
        if not all(isinstance(one, list) and all(isinstance(part, str) for part in one) for one in lists):
            found = f"{words_key} and {tags_key} that are no two lists of strings"
            faults.add(number, found, f'{{"{words_key}": ["..."], "{tags_key}": ["O"]}}', "write words and tags' names")
            continue
        words, tags = lists
        if len(words) != len(tags) or not words:
            faults.add(
                number, f"{len(tags)} tags for {len(words)} words", "one each, of at least one", "restore the line"
            )
            continue
        if bad := next((w for w in words if not w.strip() or "\0" in w), None):
            faults.add(number, f"the word {shown(bad)}", "a word or a mark", "restore it or remove it")
            continue
        if "" in words:
            faults.add(number, "an empty word", "a word or a mark", "restore it or remove it with its tag")
            continue
        name = str(record.get(own.id, "")).strip() if own.id else str(count)
        unit = str(record.get(own.document, "")).strip() if own.document else name
        if not name or not unit:
            faults.add(number, f"no {own.document if name else own.id}", "an id", "give the line one")
            continue
        yield [number] * len(words), name, unit, words, tags


def _examples(path: Path, sentences: Iterator[Tagged], task: Task, faults: Faults) -> list[Located]:
    found: list[Located] = []
    names: set[str] = set()
    for lines, name, document, words, tags in sentences:
        if any(not tag or any(map(str.isspace, tag)) for tag in tags):
            place = next(i for i, tag in enumerate(tags) if not tag or any(map(str.isspace, tag)))
            faults.add(lines[place], f"tag {shown(tags[place])}", "a tag without spaces", "correct the tag")
            continue
        try:
            bio = to_bio(tags, task.custom.scheme)
        except TagFault as fault:
            faults.add(lines[fault.place], fault.found, fault.expected, f"correct the tag, or {AUTO}")
            continue
        if task.task_type == "pico":
            bio = bio_to_io(bio)
        if task.labels and (unknown := [i for i, tag in enumerate(bio) if tag not in task.labels]):
            types = " or ".join(entity_types(task.labels))
            faults.add(
                lines[unknown[0]], f"tag {shown(tags[unknown[0]])}", f"O, or a tag of {types}", "correct the tag"
            )
            continue
        if name in names:
            faults.add(lines[0], f"{task.custom.id} {shown(name)} a second time", "unique ids", "remove or rename one")
            continue
        names.add(name)
        found.append((lines[0], Example(name, document, tuple(words), " ".join(bio))))
    faults.refuse()
    if not found:
        fail(str(path), "no sentences", "one word a line with its tag", "check that it is the file you mean")
    return found


def tags_as_they_stand(path: Path, task: Task) -> list[list[str]]:
    """The tags of each sentence, unread: what a scheme is recognized by."""
    faults = Faults(path)
    read = conll_sentences if task.reader == "own_conll" else jsonl_sentences
    tags = [own for *_, own in read(path, task, faults)]
    faults.refuse()
    return tags


def entity_types(labels: tuple[str, ...]) -> list[str]:
    """The types of tags in the order of the labels; "mentions" for bare ones."""
    return list(dict.fromkeys(label[2:] or "mentions" for label in labels if label != "O"))


def tags_of_types(types: list[str], *, kind: str) -> tuple[str, ...]:
    """The labels of a task with these entity types, "" for mentions without: O, then B and I of each (PICO: I)."""
    letters = ("I",) if kind == "pico" else ("B", "I")
    return ("O", *(f"{letter}-{own}" if own else letter for own in types for letter in letters))


def types_in(examples: list[Example]) -> list[str]:
    """The entity types of sentences in alphabetical order, "" for bare tags."""
    return sorted({tag[2:] for example in examples for tag in split_tags(str(example.label)) if tag != "O"})
