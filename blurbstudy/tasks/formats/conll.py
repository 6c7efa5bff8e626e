"""Tagged sentences, one `token<TAB>tag` a line and an empty line after each (CoNLL 2003's layout, tags of BLURB).

A line `-DOCSTART- ID` or `-DOCSTART- (ID)` starts a document. One without an id, bare or with CoNLL 2003's columns
(`-DOCSTART- -X- O O`), does too: the N-th such line of the file starts document dN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..task import OUTSIDE, Example, Task
from .lines import columns_found, fail, lines_of, shown

DOCUMENT = "-DOCSTART-"
NO_ID = frozenset({"-X-", "O", "_"})  # what columns of tags hold in a document's line


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one sentence."""

    first: int  # number of its first line in the file
    document: str | None  # None where the file marks no documents
    lines: list[str]


def read_conll(path: Path, task: Task) -> list[Example]:
    """The sentences in file order. Ids count them from 1; the unit is the document, or the sentence where none is
    marked.

    Raises:
        DataError: the file is missing, not UTF-8, has no sentence, or a line does not fit the task.
    """
    examples = []
    for block in blocks(path):
        words, tags = _words_and_tags(path, block, task)
        name = str(len(examples) + 1)
        examples.append(Example(name, block.document or name, tuple(words), " ".join(tags)))
    if not examples:
        fail(str(path), "no sentences", f"some of {task.name}", f"get the file again ({task.source})")
    return examples


def blocks(path: Path) -> Iterator[Block]:
    """The sentences of a file, their columns unread.

    Raises:
        DataError: the file is missing or not UTF-8, or documents are not marked as they should be.
    """
    document, lines, found = None, [], 0
    read = lines_of(path)
    documents = _documents(path, read)
    for number, line in enumerate(read, 1):
        if line.startswith(DOCUMENT):
            if lines:
                yield Block(number - len(lines), document, lines)
                lines, found = [], found + 1
            if document is None and found:
                remedy = f"give the first sentences a line {DOCUMENT} too"
                fail(f"{path}, line {number}", f"the first {DOCUMENT}", "it before the first sentence", remedy)
            document = documents[number]
        elif line.strip(" "):
            lines.append(line)
        elif lines:
            yield Block(number - len(lines), document, lines)
            lines, found = [], found + 1
    if lines:
        yield Block(number - len(lines) + 1, document, lines)


def _documents(path: Path, lines: list[str]) -> dict[int, str]:
    """Number of each line that starts a document -> the document's id."""
    given = {n: _given_id(path, n, line) for n, line in enumerate(lines, 1) if line.startswith(DOCUMENT)}
    without = [number for number, name in given.items() if name is None]
    if counted := {number: f"d{i}" for i, number in enumerate(without, 1)}:
        both = set(counted.values()) & set(given.values())
        if both:  # two documents would be one unit
            number = next(number for number, name in given.items() if name in both)
            remedy = "give every document an id, or none"
            fail(f"{path}, line {number}", f"the id {shown(given[number])}", "no id that counts others", remedy)
    return {number: name or counted[number] for number, name in given.items()}


def _given_id(path: Path, number: int, line: str) -> str | None:
    """None where the line gives none."""
    name = line.removeprefix(DOCUMENT).strip()
    if set(name.split()) <= NO_ID:
        return None
    if name.startswith("(") and name.endswith(")"):
        name = name[1:-1].strip()
    if not name or "\t" in name:
        fail(f"{path}, line {number}", shown(line), f"{DOCUMENT} and the document's id", "give the document an id")
    return name


def _words_and_tags(path: Path, block: Block, task: Task) -> tuple[list[str], list[str]]:
    words, tags = [], []
    must_begin = "B" in task.labels  # there, I stands only after B or I
    before = OUTSIDE
    for number, line in enumerate(block.lines, block.first):
        word, tab, tag = line.partition("\t")
        if not tab or "\t" in tag:
            expected = f"2 separated by a tab ({', '.join(task.columns)}), or an empty line after a sentence"
            fail(f"{path}, line {number}", columns_found(line), expected, "restore the line; no token may hold a tab")
        if not word.strip():
            fail(
                f"{path}, line {number}",
                f"an empty {task.columns[0]}",
                "a word or a mark",
                "restore it or remove the line",
            )
        tag = tag.strip()
        if tag not in task.labels:
            fail(
                f"{path}, line {number}", f"{task.columns[1]} {shown(tag)}", " or ".join(task.labels), "correct the tag"
            )
        if must_begin and tag == "I" and before == OUTSIDE:
            fail(
                f"{path}, line {number}",
                "tag 'I' where no mention has begun",
                "B at a mention's first word",
                "correct the tag",
            )
        before = tag
        words.append(word)
        tags.append(tag)
    return words, tags
