"""What the lines and columns of a CoNLL file are: a header, comments, words and tags, recognized by their contents.

The same rules hold for training and prediction, so that both take the same lines for words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...errors import count_of
from ..task import OUTSIDE
from .conll import Block, sentences_of
from .lines import listed, quote, raise_data_error, read_text, split_lines
from .tag_schemes import SPELLINGS, pattern, spelling_of

WORD_NAMES = ("word", "words", "token", "tokens", "form", "text")
TAG_NAMES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "ne", "entity", "bio", "iob", "iob2")
CACHED = 6  # files whose sentences are kept: each is asked for its columns, tags, labels and examples
MAX_CACHED = 20_000_000  # characters of such a file
OTHER_NAMES = ("id", "index", "pos", "pos_tag", "xpos", "upos", "lemma", "chunk", "chunk_tag", "sentence", "sentence #")
_WORD_NAMES, _TAG_NAMES = frozenset(WORD_NAMES), frozenset(TAG_NAMES)
_NAMES = frozenset((*WORD_NAMES, *TAG_NAMES, *OTHER_NAMES))
CHUNK_TYPES = frozenset(
    ("NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP")
)  # of syntax, not of entities
MOST_NUMBERS = 0.95  # share of numbers from which on a column holds no words
MANY_WORDS = 20  # different values from which on two columns are told apart by their number
_NUMBER = re.compile(r"-?\d+([-.:,]\d+)*")
MIN_TAGGED = 0.5  # share of a column's values that are tags, if it has the tags


@dataclass(frozen=True)
class Sentences:
    """The sentences of a file without header and comments."""

    blocks: tuple[Block, ...]
    header: tuple[str, ...]  # names of the columns; () without a header
    comments: int  # lines left out
    tabs: bool  # whether tabs separate the columns, not spaces


def columns_of(line: str, *, tabs: bool) -> list[str]:
    """The columns of a line, separated by tabs or by spaces."""
    return line.split("\t") if tabs else line.split()


def is_header(cells: Sequence[str]) -> bool:
    """Whether the first line of a file names its columns."""
    names = [cell.strip().lower() for cell in cells]
    has_words, has_tags = (not known.isdisjoint(names) for known in (_WORD_NAMES, _TAG_NAMES))
    return len(names) > 1 and has_words and (has_tags or _NAMES.issuperset(names))


def looks_like_tag(cell: str) -> bool:
    """Whether a cell is O or a tag with a letter and a type."""
    tag = cell.strip()
    has_separator = "-" in tag or "_" in tag or ":" in tag
    return (
        tag in (OUTSIDE, OUTSIDE.lower())
        or has_separator
        and any((match := pattern(spelling).fullmatch(tag)) and match["kind"] for spelling in SPELLINGS)
    )


def count_comments(lines: Sequence[str], known: Collection[str], *, width: int = 0) -> int:
    """How many lines at the start of a sentence are comments.

    A line that begins with # is one if it has another number of columns than the words, or begins with # and a blank
    and has no tag where the next word has one.

    Args:
        known: tags besides those that look like one.
        width: columns of the words, if all of these lines begin with #; 0: unknown.
    """
    count = 0
    rest = (columns_of(line, tabs="\t" in line) for line in lines if not line.startswith("#"))
    reference = next((cells for cells in rest if not is_header(cells)), None)
    width = len(reference) if reference else width
    while count < len(lines) and _is_comment(lines[count], reference, known, width):
        count += 1
    return count


def _is_comment(line: str, reference: Sequence[str] | None, known: Collection[str], width: int) -> bool:
    if not line.startswith("#"):
        return False
    cells = columns_of(line, tabs="\t" in line)
    if width and len(cells) != width:
        return True
    if len(cells) == 1 or not (cells[0] == "#" or cells[0].startswith("# ")):
        return False

    def has_tag(values: Sequence[str]) -> bool:
        return any(cell.strip() in known or looks_like_tag(cell) for cell in values[1:])

    return (reference is None or has_tag(reference)) and not has_tag(cells)


def read_layout(path: Path, tag: int | None = None) -> Sentences:
    """The sentences of a file without its header and comments.

    Args:
        tag: the place of tags, if it is known; then its values in other lines are tags too.

    Raises:
        DataError: the file is missing or not UTF-8, or its document marks are inconsistent.
    """
    text = read_text(path)
    layout = _layout if len(text) < MAX_CACHED else _layout.__wrapped__
    return layout(path, text, tag if "#" in text else None)


@lru_cache(CACHED)
def _layout(path: Path, text: str, tag: int | None) -> Sentences:
    """As `read_layout`, of a file with this text."""
    blocks = list(sentences_of(split_lines(text, path), path))
    first = next((line for block in blocks for line in block.lines if not line.startswith("#")), "")
    tabs = "\t" in first
    header: tuple[str, ...] = ()
    complete, comments, width = [], 0, len(columns_of(first, tabs=tabs)) if first else 0
    known = _values(blocks, tag, tabs=tabs) if any(block.lines[0].startswith("#") for block in blocks) else set()
    for block in blocks:
        lines = block.lines
        left_out = count_comments(lines, known, width=width) if lines[0].startswith("#") else 0
        comments += left_out
        if not complete and not header and left_out < len(lines) and is_header(columns_of(lines[left_out], tabs=tabs)):
            header = tuple(cell.strip() for cell in columns_of(lines[left_out], tabs=tabs))
            left_out += 1
        if left_out < len(lines):
            complete.append(Block(block.first + left_out, block.document, lines[left_out:]))
    return Sentences(tuple(complete), header, comments, tabs)


def _values(blocks: Sequence[Block], index: int | None, *, tabs: bool) -> set[str]:
    """The values of a column in the lines that do not begin with #."""
    lines = (line for block in blocks for line in block.lines if not line.startswith("#"))
    rows = (columns_of(line, tabs=tabs) for line in lines)
    return set() if index is None else {row[index].strip() for row in rows if index < len(row)}


def find_columns(path: Path, word: int | None = None, tag: int | None = None) -> tuple[int, int]:
    """The places of words and tags, from 0; those given stay.

    Raises:
        DataError: the file is missing or not UTF-8, or the column of tags is not certain.
    """
    sentences = read_layout(path)
    rows = [[columns_of(line, tabs=sentences.tabs) for line in block.lines] for block in sentences.blocks]
    width = max(1, len(sentences.header) or (len(rows[0][0]) if rows else 1))
    even = (row for sentence in rows for row in sentence if len(row) == width)
    columns = [list(map(str.strip, column)) for column in zip(*even, strict=True)] or [[] for _ in range(width)]
    if tag is None:
        tag = _tag_column(path, columns, word)
    return (_word_column(path, rows, columns, tag) if word is None else word), tag


def _word_column(
    path: Path, rows: Sequence[Sequence[Sequence[str]]], columns: Sequence[Sequence[str]], tag: int
) -> int:
    """The first column that is neither tags, numbers nor one value throughout each sentence."""
    others = [index for index in range(len(columns)) if index != tag] or [0]
    if len(others) == 1:
        return others[0]
    words = [index for index in others if not _is_numeric(columns[index]) and not _is_constant(rows, index)] or others
    distinct = {index: len(set(columns[index])) for index in words}
    richest = max(words, key=lambda index: distinct[index])
    if distinct[richest] > MANY_WORDS and distinct[richest] > 2 * distinct[words[0]]:
        examples = [listed(list(dict.fromkeys(columns[index]))[:3]) for index in (words[0], richest)]
        raise_data_error(
            str(path),
            f"words in column {words[0] + 1} ({examples[0]}) or {richest + 1} ({examples[1]})",
            "one column of words",
            f"say which (--columns text={richest + 1})",
        )
    return words[0]


def _is_numeric(column: Sequence[str]) -> bool:
    """Whether nearly all values are numbers or ranges of them: indices, offsets, `2-3` of CoNLL-U."""
    return sum(bool(_NUMBER.fullmatch(value)) for value in column) >= MOST_NUMBERS * len(column)


def _is_constant(rows: Sequence[Sequence[Sequence[str]]], index: int) -> bool:
    """Whether a column has one value throughout each sentence of several words: the id of a document."""
    several = [{row[index] for row in sentence if index < len(row)} for sentence in rows if len(sentence) > 1]
    return bool(several) and all(len(values) == 1 for values in several)


def _tag_column(path: Path, columns: Sequence[Sequence[str]], word: int | None) -> int:
    """The column of tags with letters that are not those of chunks; without one, the last with an O."""
    indices = [index for index in range(len(columns)) if index != word]
    tagged = {index: types for index in indices if (types := _types(columns[index]))}
    entities = [index for index, types in tagged.items() if not types <= CHUNK_TYPES] or list(tagged)
    if len(entities) > 1:
        numbers = " and ".join(str(index + 1) for index in entities)
        examples = [next(tag for tag in columns[index] if tag.upper() != OUTSIDE) for index in entities]
        remedy = f"say which (--columns label={entities[0] + 1})"
        actual = f"tags in columns {numbers} ({listed(examples)})"
        raise_data_error(str(path), actual, "one column of tags", remedy)
    outside = [index for index in indices if index != (word or 0) and OUTSIDE in columns[index]]
    return (entities or outside[-1:] or [max(len(columns) - 1, 1)])[0]


def _types(column: Sequence[str]) -> set[str]:
    """The types of a column that holds tags with letters ("" for bare letters), otherwise none."""
    counts = Counter(column)
    spelled = [tag for tag in counts if tag.upper() != OUTSIDE and looks_like_tag(tag)]
    spelling = spelling_of(spelled or [tag for tag in counts if tag in ("B", "I", "b", "i")])
    matches = {tag: match for tag in counts if spelling and (match := pattern(spelling).fullmatch(tag))}
    n = sum(count for tag, count in counts.items() if tag in matches or tag.upper() == OUTSIDE)
    return {match["kind"] or "" for match in matches.values()} if n >= MIN_TAGGED * len(column) else set()


def describe_width(cells: Sequence[str]) -> str:
    """The number of columns of a line, for a message."""
    return f"{count_of(len(cells), 'column')} in {quote(' '.join(cells))}"
