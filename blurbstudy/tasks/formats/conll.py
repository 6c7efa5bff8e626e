"""Tagged sentences in CoNLL format: lines `token<TAB>tag`, an empty line after each sentence.

A line `-DOCSTART- ID` or `-DOCSTART- (ID)` starts a document. Without an id (`-DOCSTART-` or CoNLL 2003's
`-DOCSTART- -X- O O`), the N-th such line of the file starts document dN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..task import OUTSIDE, Example, Task
from .lines import describe_columns, quote, raise_data_error, read_lines

DOCUMENT = "-DOCSTART-"
NO_ID = frozenset({"-X-", "O", "_"})  # tags in a document's line


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one sentence."""

    first: int  # number of its first line in the file
    document: str | None  # None if the file marks no documents
    lines: list[str]


def read_conll(path: Path, task: Task) -> list[Example]:
    """The sentences in file order. Ids count them from 1; the unit is the document, or the sentence if none is marked.

    Raises:
        DataError: the file is missing, not UTF-8, has no sentence, or a line is invalid for the task.
    """
    examples = []
    for block in read_sentences(path):
        words, tags = _words_and_tags(path, block, task)
        name = str(len(examples) + 1)
        examples.append(Example(name, block.document or name, tuple(words), " ".join(tags)))
    if not examples:
        raise_data_error(str(path), "no sentences", f"some of {task.name}", f"get the file again ({task.source})")
    return examples


def read_sentences(path: Path) -> Iterator[Block]:
    """The sentences of a file as lines.

    Raises:
        DataError: the file is missing or not UTF-8, or its document marks are inconsistent.
    """
    yield from sentences_of(read_lines(path), path)


def sentences_of(read: list[str], path: Path) -> Iterator[Block]:
    """The sentences in the lines of a file, as of `read_sentences`."""
    document, lines, n_sentences = None, [], 0
    documents = _documents(path, read)
    for number, line in enumerate(read, 1):
        if line.startswith(DOCUMENT):
            if lines:
                yield Block(number - len(lines), document, lines)
                lines, n_sentences = [], n_sentences + 1
            if document is None and n_sentences:
                remedy = f"add a line {DOCUMENT} before the first sentence too"
                raise_data_error(
                    f"{path}, line {number}", f"the first {DOCUMENT}", "it before the first sentence", remedy
                )
            document = documents[number]
        elif line.strip(" "):
            lines.append(line)
        elif lines:
            yield Block(number - len(lines), document, lines)
            lines, n_sentences = [], n_sentences + 1
    if lines:
        yield Block(number - len(lines) + 1, document, lines)


def _documents(path: Path, lines: list[str]) -> dict[int, str]:
    """Line number -> id, of each line that starts a document."""
    ids = {n: _document_id(path, n, line) for n, line in enumerate(lines, 1) if line.startswith(DOCUMENT)}
    without = [number for number, name in ids.items() if name is None]
    if counted := {number: f"d{i}" for i, number in enumerate(without, 1)}:
        both = set(counted.values()) & set(ids.values())
        if both:  # they would merge two documents
            number = next(number for number, name in ids.items() if name in both)
            remedy = "give every document an id, or none"
            raise_data_error(
                f"{path}, line {number}", f"the id {quote(str(ids[number]))}", "an id other than d1, d2, ...", remedy
            )
    return {number: name or counted[number] for number, name in ids.items()}


def _document_id(path: Path, number: int, line: str) -> str | None:
    """The id in a document's line, or None."""
    name = line.removeprefix(DOCUMENT).strip()
    if set(name.split()) <= NO_ID:
        return None
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1].strip()
    if not name or "\t" in name:
        raise_data_error(
            f"{path}, line {number}", quote(line), f"{DOCUMENT} and the document's id", "give the document an id"
        )
    return name


def _words_and_tags(path: Path, block: Block, task: Task) -> tuple[list[str], list[str]]:
    words, tags = [], []
    must_begin = "B" in task.labels  # then I must follow B or I
    before = OUTSIDE
    for number, line in enumerate(block.lines, block.first):
        where = f"{path}, line {number}"
        word, tab, tag = line.partition("\t")
        if not tab or "\t" in tag:
            expected = f"2 separated by a tab ({', '.join(task.columns)}), or an empty line after a sentence"
            raise_data_error(where, describe_columns(line), expected, "restore the line; tokens may not contain tabs")
        if not word.strip():
            raise_data_error(where, f"an empty {task.columns[0]}", "a word", "restore it or remove the line")
        tag = tag.strip()
        if tag not in task.labels:
            raise_data_error(where, f"{task.columns[1]} {quote(tag)}", " or ".join(task.labels), "correct the tag")
        if must_begin and tag == "I" and before == OUTSIDE:
            actual, expected = "tag 'I' outside a mention", "B at the first word of a mention"
            raise_data_error(where, actual, expected, "correct the tag")
        before = tag
        words.append(word)
        tags.append(tag)
    return words, tags
